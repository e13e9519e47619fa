"""Write environment.yml, which is derived from pyproject.toml: python, pip and the hashed lock."""

import argparse
import tomllib
from pathlib import Path


def environment_text(project: dict[str, object]) -> str:
    """The text of environment.yml for a parsed pyproject.toml."""
    table = project["project"]
    assert isinstance(table, dict)
    lines = [
        f"name: {table['name']}",
        "channels:",
        "  - conda-forge",
        "  - nodefaults",
        "dependencies:",
        f"  - python {table['requires-python']}",
        "  - pip >=24",
        "  - pip:",
        "      - --require-hashes",
        "      - -r requirements.lock",
    ]
    return "\n".join(lines) + "\n"


def main(*, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    (root / "environment.yml").write_text(environment_text(project), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    main(**vars(parser.parse_args()))
