"""See to it that every raw file lies at its place and is the one that the registry describes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tertius import entry
from tertius.problems import InputError, Problems
from tertius.provenance import write_json
from tertius.registry import raw_files
from tertius.sources.fetch import fetch


def main(
    *,
    raw: list[Path],
    receipts: Path,
    sources: Mapping[str, Mapping[str, Any]],
    raw_dir: str,
) -> None:
    print(f"{len(raw)} of {len(sources)} raw files lie at their place")
    problems = Problems()
    for name, registered in sources.items():
        for file, one in raw_files(registered).items():
            destination = Path(raw_dir) / file
            try:
                downloaded = fetch(name, one, destination)
                print(f"{name}: {'downloaded to' if downloaded else 'found at'} {destination}")
            except InputError as error:
                problems.extend(error.problems)
    problems.raise_if_any()
    facts = ("file", "bytes", "sha256", "version", "licence", "citation")
    write_json(
        {name: {fact: entry_[fact] for fact in facts} for name, entry_ in sources.items()}, receipts
    )


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
