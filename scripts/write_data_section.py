"""Write the README's sections on data from config/sources.yaml."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tertius.registry import load_sources, load_study, raw_files, study_names

BEGIN = "<!-- data: begin (scripts/write_data_section.py) -->\n"
END = "<!-- data: end -->"
Sources = Mapping[str, Mapping[str, Any]]


def data_section(sources: Sources, users: Mapping[str, list[str]]) -> str:
    """Both sections as Markdown: rights and access of every source, and the list of files.

    Args:
        sources: entries of the registry by name, formats written out.
        users: studies that read each source.
    """
    rights = [
        [
            f"`{name}`",
            _cell(entry["title"]),
            ", ".join(f"`{study}`" for study in users.get(name, [])) or "-",
            _cell(entry["licence"]),
            "yes" if entry["redistributable"] else "no",
            _cell(entry["access"]),
        ]
        for name, entry in sources.items()
    ]
    files = [
        [
            f"`{path}`",
            f"`{name}`",
            _cell(entry["version"]),
            f"{one['bytes']:,}",
            f"`{one['sha256'][:12]}`",
            _provided(entry, one),
        ]
        for name, entry in sources.items()
        for path, one in raw_files(entry).items()
    ]
    cited: dict[str, list[str]] = {}
    for name, entry in sources.items():
        cited.setdefault(_cell(entry["citation"]), []).append(f"`{name}`")
    heads = ["source", "data", "studies", "licence", "may be redistributed", "access"]
    columns = ["file below `data/raw`", "source", "version", "bytes", "sha256", "provided"]
    citations = "".join(f"- {', '.join(names)}: {text}\n" for text, names in cited.items())
    return (
        "## Data availability and rights\n\n"
        "`config/sources.yaml` is the data registry; this section is written from it "
        "(`make data-section`). Raw files are verified by size and sha256 before use and never "
        "written over; what is missing is downloaded where the source has an address.\n\n"
        f"{_table(heads, rights)}"
        f"\nCite the data as:\n\n{citations}"
        "\nThe formats that can be read, and how to add a source, are in "
        "[docs/sources.md](docs/sources.md).\n\n"
        "## Dataset list\n\n"
        f"{_table(columns, files)}"
    )


def _provided(entry: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    if one.get("url"):
        return "no, fetched"
    return "yes" if entry["redistributable"] else "no, by request"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def with_section(readme: str, section: str) -> str:
    """The README with the section between its marks."""
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}{section}{END}", readme)


def current(root: Path) -> str:
    """The README of a project as its registry makes it."""
    sources = load_sources(root)
    users: dict[str, list[str]] = {}
    for study in study_names(root):
        for name in load_study(root, study).sources:
            users.setdefault(name, []).append(study)
    readme = (root / "README.md").read_text(encoding="utf-8")
    return with_section(readme, data_section(sources, users))


if __name__ == "__main__":
    folder = Path(__file__).resolve().parents[1]
    (folder / "README.md").write_text(current(folder), encoding="utf-8")
