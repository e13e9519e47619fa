"""Step: names become ids; the tables take their final form."""

from collections.abc import Sequence
from pathlib import Path

from tertius.identity import SCORE_CUT, cut_units, resolve
from tertius.sources.store import read_folder, write_ledger, write_typed_tables
from tertius.tables import write_parquet


def main(
    *,
    folder: Path,
    tables: Path,
    matches: Path,
    ledger: Path,
    unit: str,
    cut: int | None,
    types: Sequence[str] = ("firm",),
    score_cut: float = SCORE_CUT,
) -> None:
    """Resolve organisations and inventors, cut the study where it asks for it, and write.

    Args:
        folder: tables as read.
        tables: folder of the typed tables to write.
        matches: where every name went, and why.
        ledger: counts of merges, guesses and drops.
        unit: organisation | inventor.
        cut: units to keep, or None for all.
        types: organisation types of the study's frame; a cut keeps the most active of them.
        score_cut: least similarity (0-100) of a near spelling.
    """
    identity = resolve(read_folder(folder), unit, score_cut)
    resolved, steps = dict(identity.tables), list(identity.ledger)
    if cut is not None:
        resolved, more = cut_units(resolved, unit, cut, types)
        steps += more
    for name, table in resolved.items():
        print(f"{name}: {table.height} rows")
    write_typed_tables(resolved, tables)
    write_parquet(identity.matches, matches)
    write_ledger(steps, ledger)


if "snakemake" in globals():
    from tertius import entry

    entry.run(main, globals()["snakemake"])
