"""Look at a study's settings and raw files without running anything."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tertius.checkup import Outlook, SourceSummary, outlooks, read_quickly, summarise, united
from tertius.claims import load_study_claims
from tertius.multiverse.load import load_grid
from tertius.problems import InputError
from tertius.registry import Registry, load_registry


def main(root: Path, study: str, raw_dir: str | None) -> str:
    """What every source of the study yields, and which claims the data will allow.

    Raises:
        InputError: every problem of the configuration, or else of the raw files.
    """
    registry = load_registry(root, study, raw_dir)
    claims = load_study_claims(root, registry)
    load_grid(root, registry.study)
    read, partial = read_quickly(registry)
    summaries = [summarise(name, one, partial=name in partial) for name, one in read.items()]
    found = outlooks(registry, claims, united(read, registry.study))
    return "\n".join([*_head(registry), *_sources(summaries), *_claims(found)])


def _head(registry: Registry) -> list[str]:
    study = registry.study
    first, last = study.years.raw
    networks = ", ".join(f"{n} ({' + '.join(v.layers)})" for n, v in study.networks.items())
    return [
        f"study {study.name}: settings are sound",
        f"  unit {study.unit}, records of {first}-{last}, networks {networks}",
    ]


def _sources(summaries: Iterable[SourceSummary]) -> list[str]:
    lines = []
    for one in summaries:
        part = " (the start of its files only)" if one.partial else ""
        span = f"{one.years[0]}-{one.years[1]}" if one.years else "without years"
        lines.append(f"\nsource {one.name}{part}: {span}, {one.organisations:,} organisations")
        lines += [f"  {table:<20}{rows:>12,} rows" for table, rows in one.rows.items()]
        lines += [f"  possible ties, {layer}: {n:,}" for layer, n in one.ties.items()]
        lines += [f"  {k['rows']:>8,} {k['step']}: {k['note']}" for k in one.odd]
    return lines


def _claims(found: list[Outlook]) -> list[str]:
    allowed = [one.claim for one in found if not one.reason]
    untested = sum(one.reason.startswith("no test") for one in found)
    lacking = Counter(
        one.reason for one in found if one.reason and not one.reason.startswith("no test")
    )
    lines = [f"\nclaims: the data allow {len(allowed)} of {len(found)}"]
    lines += [f"  {', '.join(allowed[k : k + 12])}" for k in range(0, len(allowed), 12)]
    lines += [f"  {n} lack an input: {why}" for why, n in sorted(lacking.items())]
    lines.append(f"  {untested} have no test")
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="demo")
    parser.add_argument("--raw", default=None)
    chosen = parser.parse_args()
    try:
        print(main(Path(__file__).resolve().parents[1], chosen.study, chosen.raw))
    except InputError as error:
        sys.exit(str(error))
