"""Renew the list of shapes in docs/claims.md from the table of shapes."""

import argparse
from pathlib import Path

from tertius.claims.page import renewed


def main(*, page: Path) -> None:
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=root / "docs" / "claims.md")
    main(**vars(parser.parse_args()))
