"""Step: names become ids; the tables take their final form."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tertius.identity import LARGEST_CLUSTER, Reader, cut_units, resolve
from tertius.registry.lexicon import load_lexicon
from tertius.sources.store import read_folder, write_ledger, write_typed_tables
from tertius.tables import write_parquet


def main(
    *,
    folder: Path,
    lexicon: Sequence[Path],
    tables: Path,
    matches: Path,
    review: Path,
    ledger: Path,
    unit: str,
    cut: int | None,
    decisions: Sequence[Path] = (),
    types: Sequence[str] = ("firm",),
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Resolve organisations and inventors, cut the study where it asks for it, and write.

    Args:
        folder: tables as read.
        lexicon: the tables of config/identity.
        tables: folder of the typed tables to write.
        matches: where every name went, and why.
        review: pairs that a person should look at.
        ledger: counts of merges, guesses and drops.
        unit: organisation | inventor.
        cut: units to keep, or None for all.
        decisions: the study's own decisions on pairs, where there are some.
        types: organisation types of the study's frame; a cut keeps the most active of them.
        settings: section `identity` of the study.
    """
    chosen = {"roll_up": "none", "largest_group": LARGEST_CLUSTER, **(settings or {})}
    own = decisions[0] if decisions else None
    reader = Reader(load_lexicon(lexicon[0].parent, own))
    identity = resolve(
        read_folder(folder), unit, reader, chosen["roll_up"], chosen["largest_group"]
    )
    resolved, steps = dict(identity.tables), list(identity.ledger)
    if cut is not None:
        resolved, more = cut_units(resolved, unit, cut, types)
        steps += more
    for name, table in resolved.items():
        print(f"{name}: {table.height} rows")
    write_typed_tables(resolved, tables)
    write_parquet(identity.matches, matches)
    write_parquet(identity.review, review)
    write_ledger(steps, ledger)


if "snakemake" in globals():
    from tertius import entry

    entry.run(main, globals()["snakemake"])
