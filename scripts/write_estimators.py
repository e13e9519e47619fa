"""Renew the list of estimators in docs/estimators.md from the catalogue."""

import argparse
from pathlib import Path

from tertius.catalogue.page import renewed


def main(*, page: Path) -> None:
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=root / "docs" / "estimators.md")
    main(**vars(parser.parse_args()))
