"""Time and memory of every variable on generated studies of growing size; docs/benchmarks page.

    python benchmarks/variables.py            all sizes of `SIZES`
    python benchmarks/variables.py 500 2000   these numbers of organisations

The largest size has 50,000 organisations, 20 years, 5 million patents, 20 million class rows and 40
million citations. Ties are random with the skew of preferential choice; of the measures only degree
and strength are filled, for the measures have a page of their own (networks.md).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import yaml
from measure import PAGES, ROOT, in_process, machine, peak_mb, store, table

sys.path.insert(0, str(ROOT / "scripts"))

from tertius.variables.derive import (
    LARGE,
    _build,
    _builders,
    _module,
    absent_inputs,
    resolve,
)
from tertius.variables.inputs import Inputs, NetworkFacts

SIZES = (500, 2_000, 8_000, 50_000)
YEARS = range(2000, 2020)
PATENTS, CLASSES, CITATIONS, TIES = 100, 4, 8, 5
APART = ("npath", "resil", "modularity", "modspec", "overembed", "subbroker")
"""Variables that run on the analysis sample or need communities: timed apart."""


def generated(organisations: int, seed: int = 1) -> Inputs:
    """A study with 100 patents, 400 class rows, 800 citations a unit, and two networks."""
    rng = np.random.default_rng(seed)
    names = np.array([f"o{k:06d}" for k in range(organisations)])
    n = organisations * PATENTS
    owner = rng.integers(0, organisations, n)
    tables = _patent_tables(rng, names, owner, n)
    register = pl.DataFrame(
        {
            "org_id": names,
            "type": rng.choice(["firm", "firm", "firm", "university"], organisations),
            "ind4": rng.choice([f"{k:04d}" for k in range(40)], organisations),
            "country": rng.choice(["CN", "US", "DE"], organisations),
            "birth_year": pl.Series([1990] * organisations, dtype=pl.Int32),
        }
    )
    texts, whole = ("city", "province", "ownership", "parent_id"), ("death_year", "parent_from")
    lacking: dict[str, Any] = dict.fromkeys(texts, pl.String)
    lacking |= dict.fromkeys((*whole, "parent_to"), pl.Int32)
    register = register.with_columns(pl.lit(None, kind).alias(c) for c, kind in lacking.items())
    register = register.with_columns(pl.lit(None, pl.Float64).alias(c) for c in ("lat", "lon"))
    tables["organisations"] = register
    ties, records, measures = _network(rng, names)
    years = pl.DataFrame({"year": pl.Series(YEARS, dtype=pl.Int32)})
    return Inputs(
        tables=tables,
        holders=tables.pop("patent_applicants"),
        ties={"alliance": ties},
        tie_records={"alliance": records},
        measures={"alliance": measures},
        risk_set=register.select("org_id").join(years, how="cross").sort("org_id", "year"),
        raw_years=(YEARS[0], YEARS[-1]),
        outcome_years=(YEARS[0], YEARS[-1]),
        networks={"alliance": NetworkFacts()},
        focal="alliance",
    )


def _patent_tables(
    rng: np.random.Generator, names: np.ndarray, owner: np.ndarray, n: int
) -> dict[str, pl.DataFrame]:
    year = np.sort(rng.integers(YEARS[0], YEARS[-1] + 1, n))
    pids = pl.Series(np.arange(n)).cast(pl.String).str.zfill(8)
    day = pl.Series(year - 1970).cast(pl.Int32) * 365 + pl.Series(rng.integers(0, 365, n))
    patents = pl.DataFrame({"pid": pids, "year": pl.Series(year, dtype=pl.Int32)}).with_columns(
        prio_date=day.cast(pl.Int32).cast(pl.Date),
        office=pl.lit("CN"),
        kind=pl.lit("invention"),
        **{c: pl.lit(None, pl.String) for c in ("family_id",)},
        **{c: pl.lit(None, pl.Date) for c in ("app_date", "pub_date", "grant_date", "lapse_date")},
        cited_total=pl.lit(None, pl.Int32),
        n_claims=pl.lit(None, pl.Int32),
    )
    joint = rng.random(n) < 0.1
    other = rng.integers(0, names.size, int(joint.sum()))
    holders = pl.DataFrame(
        {
            "pid": pl.concat([pids, pids.filter(pl.Series(joint))]),
            "org_id": np.concatenate([names[owner], names[other]]),
        }
    ).unique()
    # Every unit works in four of 640 subclasses, with main groups below them.
    home = rng.integers(0, 640, (names.size, 4))
    cell = home[owner][np.arange(n)[:, None], rng.integers(0, 4, (n, CLASSES))].ravel()
    section = pl.Series(cell % 8).replace_strict(dict(enumerate("ABCDEFGH")))
    code = pl.select(
        pl.concat_str(
            section,
            pl.Series(10 + cell // 8 % 10).cast(pl.String),
            pl.Series(cell // 80).replace_strict(dict(enumerate("ABCDEFGH"))),
            pl.Series(rng.integers(1, 30, cell.size)).cast(pl.String),
            pl.lit("/00"),
        )
    ).to_series()
    classes = pl.DataFrame(
        {"pid": pids.gather(np.repeat(np.arange(n), CLASSES)), "scheme": "IPC", "code": code}
    ).unique()
    citing = np.repeat(np.arange(n), CITATIONS)
    cited = (citing * rng.beta(4, 1, citing.size)).astype(np.int64)
    citations = pl.DataFrame(
        {
            "citing_pid": pids.gather(citing),
            "cited_pid": pids.gather(cited),
            "date": patents["prio_date"].gather(citing),
        }
    ).unique(["citing_pid", "cited_pid"])
    return {
        "patents": patents,
        "patent_applicants": holders.with_columns(share=pl.lit(1.0)),
        "patent_classes": classes,
        "citations": citations.filter(pl.col("citing_pid") != pl.col("cited_pid")),
    }


def _network(
    rng: np.random.Generator, names: np.ndarray
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    m = names.size * TIES // 4
    parts = []
    for year in YEARS:
        a = rng.integers(0, names.size, m)
        b = (names.size * rng.beta(1, 3, m)).astype(np.int64)
        low, high = np.minimum(a, b), np.maximum(a, b)
        kept = low < high
        parts.append(pl.DataFrame({"began": year, "x": low[kept], "y": high[kept]}))
    begun = pl.concat(parts).with_row_index("k")
    lags = pl.DataFrame({"lag": range(4)})
    active = begun.join(lags, how="cross").with_columns(
        (pl.col("began") + pl.col("lag")).cast(pl.Int32).alias("year"),
        a=pl.Series(names).gather(pl.Series(np.repeat(begun["x"].to_numpy(), 4))),
        b=pl.Series(names).gather(pl.Series(np.repeat(begun["y"].to_numpy(), 4))),
        record_id=pl.concat_str(pl.lit("r"), pl.col("k").cast(pl.String)),
    )
    records = active.filter(pl.col("year") <= YEARS[-1]).select("year", "a", "b", "record_id")
    ties = records.group_by("year", "a", "b").agg(pl.len().cast(pl.Int32).alias("n_records"))
    ties = ties.with_columns(pl.col("n_records").cast(pl.Float64).alias("weight_count"))
    ends = pl.concat([ties.select("year", node=e) for e in ("a", "b")])
    measures = ends.group_by("year", "node").agg(pl.len().alias("degree"))
    return ties, records, measures.with_columns(strength=pl.col("degree").cast(pl.Float64))


def run(organisations: int) -> dict[str, Any]:
    """Seconds of every variable in the order of the codebook, and the peak of memory."""
    start = time.perf_counter()
    inputs = generated(organisations)
    made, before = time.perf_counter() - start, peak_mb()
    book = yaml.safe_load((ROOT / "config" / "variables.yaml").read_text(encoding="utf-8"))
    specs = resolve(book)
    builders = _builders(specs, {})
    seconds: dict[str, float] = {}
    last = ""
    for name in sorted(specs, key=lambda name: (name in APART, _module(specs[name]))):
        spec = specs[name]
        if _module(spec) != last:
            inputs.forget(LARGE)
            last = _module(spec)
        if absent_inputs(inputs, spec):
            continue
        began = time.perf_counter()
        _build(inputs, spec, spec.network or inputs.focal, builders.get(name))
        seconds[name] = time.perf_counter() - began
        print(f"{name} {seconds[name]:.1f} s, {peak_mb():,.0f} MB", file=sys.stderr, flush=True)
    return {
        "rows": inputs.risk_set.height,
        "patents": inputs.tables["patents"].height,
        "citations": inputs.tables["citations"].height,
        "generating": made,
        "data_mb": before,
        "mb": peak_mb(),
        "seconds": seconds,
    }


def write_page(kept: Mapping[str, Any]) -> None:
    """docs/benchmarks/variables.md from the numbers of all sizes so far."""
    sizes = sorted(map(int, kept))
    rows = []
    for size in sizes:
        one = kept[str(size)]
        apart = sum(s for name, s in one["seconds"].items() if name in APART)
        every = sum(one["seconds"].values())
        rows.append(
            [
                f"{size:,}", f"{one['patents']:,}", f"{one['citations']:,}",
                str(len(one["seconds"])), f"{every - apart:,.0f}", f"{apart:,.0f}",
                f"{one['data_mb']:,.0f}", f"{one['mb']:,.0f}", str(one["load"]),
            ]
        )  # fmt: skip
    head = [
        "units",
        "patents",
        "citations",
        "variables",
        "s",
        "s apart",
        "MB of data",
        "MB",
        "load",
    ]
    last = kept[str(sizes[-1])]["seconds"]
    slow = sorted(last.items(), key=lambda pair: -pair[1])[:15]
    PAGES.mkdir(parents=True, exist_ok=True)
    (PAGES / "variables.md").write_text(
        "# Variables: time and memory\n\nWritten by benchmarks/variables.py: generated studies of "
        "20 years with 100 patents, 400 class rows and 800 citations a unit. Seconds for all "
        "variables whose inputs the study has, module by module, one process a size; apart: "
        f"{', '.join(APART)}. MB: peak of the process, before the variables (the data) and after. "
        f"Machine: {machine(['numpy', 'numba', 'polars', 'scipy'])}\n\n"
        + table(head, rows)
        + f"\nThe slowest at {sizes[-1]:,} units (what a variable shares with others counts for "
        "the first of them):\n\n"
        + table(["variable", "s"], [[name, f"{s:,.1f}"] for name, s in slow]),
        encoding="utf-8",
    )


def main(arguments: list[str]) -> None:
    """One size in this process, or every size in a process of its own and the page."""
    if arguments[:1] == ["--run"]:
        print(json.dumps(run(int(arguments[1]))))
        return
    for size in map(int, arguments or SIZES):
        write_page(store("variables", str(size), in_process("variables.py", "--run", str(size))))


if __name__ == "__main__":
    main(sys.argv[1:])
