"""A generated study of any size: every typed table, a network of alliances and its measures.

Per unit and over 20 years: 100 patents, 400 class rows, 800 citations, 25 alliances. A unit works
in four of 640 subclasses; a fifth of its citations go to its own earlier patents; ties are random
with the skew of preferential choice. The values of the measures are drawn, for the variables only
pass them on; all other tables (accounts, inventors, trademarks, a survey, ...) are filled, so that
every variable of the codebook has its inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tertius.tables import ACCOUNT_ITEMS, SCHEMAS, read_tables, write_parquet
from tertius.variables.inputs import Inputs, NetworkFacts

YEARS = range(2000, 2020)
PATENTS, CLASSES, CITATIONS, TIES, LIFE = 100, 4, 8, 5, 4
SAMPLE = 500
"""Startups: the analysis sample of the variables timed apart, at most half of the units."""
EPOCH = 1970
COUNTRIES = ("CN", "US", "DE", "JP", "KR")
INDUSTRIES = tuple(f"{k:04d}" for k in range(40))
PLACES = tuple(f"P{k:02d}" for k in range(30))


def write_study(folder: Path, organisations: int, seed: int = 1) -> None:
    """Write `tables/<name>.parquet`, ties.parquet, tie_records.parquet and measures.parquet."""
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    names = np.array([f"o{k:06d}" for k in range(organisations)])
    ties, records, begun = _network(rng, names)
    ties.write_parquet(folder / "ties.parquet")
    records.write_parquet(folder / "tie_records.parquet")
    _measures(rng, ties).write_parquet(folder / "measures.parquet")
    parts = (
        _patent_tables(rng, names),
        _alliance_tables(rng, names, begun),
        _unit_tables(rng, names),
        _world_tables(),
    )
    for tables in parts:
        for name, table in tables:
            write_parquet(_typed(name, table), folder / "tables" / f"{name}.parquet")


def read_study(folder: Path, frame_types: tuple[str, ...]) -> Inputs:
    """The inputs of a written study."""
    tables = read_tables(folder / "tables")
    years = pl.DataFrame({"year": pl.Series(YEARS, dtype=pl.Int32)})
    units = tables["organisations"].select("org_id")
    return Inputs(
        tables=tables,
        holders=tables["patent_applicants"].select("pid", "org_id", "share"),
        ties={"alliance": pl.read_parquet(folder / "ties.parquet")},
        tie_records={"alliance": pl.read_parquet(folder / "tie_records.parquet")},
        measures={"alliance": pl.read_parquet(folder / "measures.parquet")},
        risk_set=units.join(years, how="cross").sort("org_id", "year"),
        raw_years=(YEARS[0], YEARS[-1]),
        outcome_years=(YEARS[0], YEARS[-1]),
        networks={"alliance": NetworkFacts()},
        focal="alliance",
        frame_types=frame_types,
    )


def _typed(name: str, table: pl.DataFrame) -> pl.DataFrame:
    columns = SCHEMAS[name].columns
    absent = [pl.lit(None, c.dtype).alias(k) for k, c in columns.items() if k not in table.columns]
    kinds = {k: c.dtype for k, c in columns.items()}
    return table.with_columns(absent).select(list(columns)).cast(kinds).sort(SCHEMAS[name].key)


def _days(days: np.ndarray) -> pl.Series:
    return pl.Series(days.astype(np.int32)).cast(pl.Date)


def _some(rng: np.random.Generator, values: pl.Series, share: float) -> pl.Series:
    """The values, null but for a share of them."""
    return pl.select(pl.when(pl.Series(rng.random(values.len()) < share)).then(values)).to_series()


def _any(rng: np.random.Generator, values: Any, n: int) -> pl.Series:
    return pl.Series(values).gather(rng.integers(0, len(values), n))


# ----------------------------------------------------------------------------------- patents
def _patent_tables(
    rng: np.random.Generator, names: np.ndarray
) -> Iterator[tuple[str, pl.DataFrame]]:
    n = names.size * PATENTS
    owner = rng.integers(0, names.size, n)
    year = np.sort(rng.integers(YEARS[0], YEARS[-1] + 1, n))
    pids = pl.Series(np.arange(n)).cast(pl.String).str.zfill(8)
    day = ((year - EPOCH) * 365.25 + rng.integers(1, 360, n)).astype(np.int64)
    yield "patents", _patents(rng, pids, year, day)
    yield "patent_applicants", _holders(rng, names, pids, owner)
    yield "patent_inventors", _inventors(rng, names, pids, owner)
    yield "patent_classes", _classes(rng, names, pids, owner)
    yield "citations", _citations(rng, pids, owner, day)
    some = np.flatnonzero(rng.random(n) < 0.4)
    yield (
        "npl_citations",
        pl.DataFrame(
            {
                "citing_pid": pids.gather(some),
                "npl_id": pl.Series(rng.integers(0, n, some.size)).cast(pl.String),
                "date": _days(day[some]),
            }
        ),
    )
    some = np.flatnonzero(rng.random(n) < 0.3)
    kinds = ("licence", "transfer", "renewal", "standard", "pledge")
    yield (
        "patent_events",
        pl.DataFrame(
            {
                "pid": pids.gather(some),
                "kind": _any(rng, kinds, some.size),
                "date": _days(day[some] + rng.integers(300, 3000, some.size)),
            }
        ),
    )


def _patents(
    rng: np.random.Generator, pids: pl.Series, year: np.ndarray, day: np.ndarray
) -> pl.DataFrame:
    n = year.size
    return pl.DataFrame(
        {
            "pid": pids,
            "prio_date": _days(day),
            "app_date": _days(day),
            "pub_date": _some(rng, _days(day + rng.integers(300, 700, n)), 0.9),
            "grant_date": _some(rng, _days(day + rng.integers(500, 1500, n)), 0.6),
            "lapse_date": _some(rng, _days(day + rng.integers(900, 3000, n)), 0.2),
            "office": _any(rng, ["CN", "US", "EP"], n),
            "kind": _any(rng, ["invention", "invention", "utility", "design"], n),
            "n_claims": rng.integers(1, 20, n),
            "cited_total": rng.poisson(8, n),
            "year": year,
        }
    )


def _holders(
    rng: np.random.Generator, names: np.ndarray, pids: pl.Series, owner: np.ndarray
) -> pl.DataFrame:
    joint = np.flatnonzero(rng.random(owner.size) < 0.1)
    other = rng.integers(0, names.size, joint.size)
    joint = joint[other != owner[joint]]
    other = other[: joint.size]
    held = pl.DataFrame(
        {
            "pid": pl.concat([pids, pids.gather(joint)]),
            "org_id": pl.Series(names).gather(np.concatenate([owner, other])),
            "seq": np.concatenate([np.zeros(owner.size), np.ones(joint.size)]),
            "share": np.ones(owner.size + joint.size),
        }
    )
    return held.unique(["pid", "org_id"], keep="first")


def _inventors(
    rng: np.random.Generator, names: np.ndarray, pids: pl.Series, owner: np.ndarray
) -> pl.DataFrame:
    who = np.repeat(np.arange(owner.size), rng.integers(1, 3, owner.size))
    strange = rng.random(who.size) < 0.05
    home = np.where(strange, rng.integers(0, names.size, who.size), owner[who])
    return pl.DataFrame(
        {
            "pid": pids.gather(who),
            "inv_id": pl.Series(np.arange(who.size)).cast(pl.String),
            "seq": np.zeros(who.size),
            "org_id": pl.Series(names).gather(home),
            "country": pl.Series(COUNTRIES).gather(
                np.where(rng.random(who.size) < 0.1, rng.integers(0, 5, who.size), home % 5)
            ),
        }
    )


def _classes(
    rng: np.random.Generator, names: np.ndarray, pids: pl.Series, owner: np.ndarray
) -> pl.DataFrame:
    home = rng.integers(0, 640, (names.size, 4))
    n = owner.size
    cell = home[owner][np.arange(n)[:, None], rng.integers(0, 4, (n, CLASSES))].ravel()
    group = rng.integers(1, 30, cell.size)
    kept = np.unique(np.repeat(np.arange(n), CLASSES) * 640 * 30 + cell * 30 + group)
    at, cell, group = kept // (640 * 30), kept // 30 % 640, kept % 30
    codes = [
        f"{'ABCDEFGH'[c % 8]}{10 + c // 8 % 10}{'ABCDEFGH'[c // 80]}{g}/00"
        for c in range(640)
        for g in range(30)
    ]
    first = np.append(True, at[1:] != at[:-1])
    return pl.DataFrame(
        {
            "pid": pids.gather(at),
            "scheme": pl.repeat("IPC", at.size, eager=True),
            "code": pl.Series(codes).gather(cell * 30 + group),
            "is_first": first,
        }
    )


def _citations(
    rng: np.random.Generator, pids: pl.Series, owner: np.ndarray, day: np.ndarray
) -> pl.DataFrame:
    """Eight a patent: a fifth of earlier patents of the owner, the others mostly recent."""
    n = owner.size
    order = np.argsort(owner, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=int(owner.max()) + 1))])
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n) - starts[owner[order]]
    pairs = []
    for _ in range(CITATIONS):
        cited = (np.arange(n) * rng.beta(4, 1, n)).astype(np.int64)
        own = np.flatnonzero((rng.random(n) < 0.2) & (rank > 0))
        back = (rank[own] * rng.random(own.size)).astype(np.int64)
        cited[own] = order[starts[owner[own]] + back]
        pairs.append(np.arange(n) * n + cited)
    kept = np.unique(np.concatenate(pairs))
    kept = kept[kept // n != kept % n]
    return pl.DataFrame(
        {
            "citing_pid": pids.gather(kept // n),
            "cited_pid": pids.gather(kept % n),
            "date": _days(day[kept // n]),
        }
    )


# --------------------------------------------------------------------------------- alliances
def _network(
    rng: np.random.Generator, names: np.ndarray
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Ties of every year, the alliances behind them, and when and between whom these began."""
    m = names.size * TIES // 4
    parts = []
    for year in YEARS:
        a = rng.integers(0, names.size, m)
        b = (names.size * rng.beta(1, 3, m)).astype(np.int64)
        low, high = np.minimum(a, b), np.maximum(a, b)
        kept = low < high
        parts.append(pl.DataFrame({"began": year, "x": low[kept], "y": high[kept]}))
    begun = pl.concat(parts).with_row_index("k").with_columns(
        aid=pl.concat_str(pl.lit("r"), pl.col("k").cast(pl.String).str.zfill(8))
    )  # fmt: skip
    active = begun.join(pl.DataFrame({"lag": range(LIFE)}), how="cross").with_columns(
        (pl.col("began") + pl.col("lag")).cast(pl.Int32).alias("year"),
        a=pl.Series(names).gather(pl.Series(np.repeat(begun["x"].to_numpy(), LIFE))),
        b=pl.Series(names).gather(pl.Series(np.repeat(begun["y"].to_numpy(), LIFE))),
    )
    records = active.filter(pl.col("year") <= YEARS[-1]).select(
        "year", "a", "b", record_id="aid"
    )  # fmt: skip
    ties = records.group_by("year", "a", "b").agg(pl.len().cast(pl.Int32).alias("n_records"))
    ties = ties.with_columns(pl.col("n_records").cast(pl.Float64).alias("weight_count"))
    return ties.sort("year", "a", "b"), records.sort("year", "a", "b", "record_id"), begun


def _alliance_tables(
    rng: np.random.Generator, names: np.ndarray, begun: pl.DataFrame
) -> Iterator[tuple[str, pl.DataFrame]]:
    n = begun.height
    start = (begun["began"].to_numpy() - EPOCH) * 365.25 + rng.integers(1, 360, n)
    forms = ("equity_jv", "minority_equity", "joint_rd", "licence", "marketing", None)
    yield (
        "alliances",
        pl.DataFrame(
            {
                "aid": begun["aid"],
                "start_date": _days(start),
                "end_date": _some(rng, _days(start + LIFE * 365.25), 0.8),
                "end_known": pl.Series([True] * n),
                "form": _any(rng, forms, n),
            }
        ).with_columns(end_known=pl.col("end_date").is_not_null()),
    )
    functions = ("RD", "license", "manufacture", "marketing", "supply")
    scopes = [pl.DataFrame({"aid": begun["aid"], "function": _any(rng, functions, n)})] * 2
    yield "alliance_scopes", pl.concat(scopes).unique()
    sides = [
        pl.DataFrame(
            {
                "aid": begun["aid"],
                "org_id": pl.Series(names).gather(begun[end]),
                "role": pl.repeat(role, n, eager=True),
                "amount": np.round(rng.uniform(1, 9, n), 2),
            }
        )
        for end, role in (("x", "initiator"), ("y", "party"))
    ]
    yield "alliance_parties", pl.concat(sides)


def _measures(rng: np.random.Generator, ties: pl.DataFrame) -> pl.DataFrame:
    """Degree and strength, and a drawn value in (0, 1) for every other measure."""
    ends = pl.concat([ties.select("year", "weight_count", node=e) for e in ("a", "b")])
    table = ends.group_by("year", "node").agg(
        pl.len().alias("degree"), pl.col("weight_count").sum().alias("strength")
    )
    drawn = [pl.Series(name, rng.random(table.height)) for name in MEASURES]
    return table.with_columns(drawn).sort("year", "node")


MEASURES = (
    "degree_normalised", "betweenness", "betweenness_normalised", "closeness", "harmonic",
    "eigenvector", "constraint", "constraint_ego", "effective_size", "efficiency", "hierarchy",
    "hierarchy_ego", "ego_density", "ego_density_weighted", "redundancy", "local_clustering",
    "bonacich_power", "bonacich_50", "bonacich_90", "bonacich_negative", "indirect_frequency",
    "indirect_distance", "two_step_reach", "k_core", "core", "coreness", "hub_share", "spoke_share",
    "triangles", "component_size", "betweenness_cost_normalised",
)  # fmt: skip


# ------------------------------------------------------------------------------------- units
def _unit_tables(rng: np.random.Generator, names: np.ndarray) -> Iterator[tuple[str, pl.DataFrame]]:
    n = names.size
    kinds = rng.choice(["firm", "university"], n, p=[0.75, 0.25])
    kinds[rng.random(n) < min(SAMPLE / n, 0.5)] = "startup"
    register = pl.DataFrame(
        {
            "org_id": names,
            "type": kinds,
            "ind4": _any(rng, INDUSTRIES, n),
            "ownership": _any(rng, ["state", "private"], n),
            "country": pl.Series(COUNTRIES).gather(np.arange(n) % 5),
            "province": _any(rng, PLACES, n),
            "city": _any(rng, [f"C{k:03d}" for k in range(200)], n),
            "lat": np.round(rng.uniform(20, 50, n), 3),
            "lon": np.round(rng.uniform(80, 130, n), 3),
            "birth_year": rng.integers(1980, 2000, n),
        }
    )
    yield "organisations", register
    firms = register.filter(pl.col("type") == "firm")["org_id"]
    years = pl.DataFrame({"year": pl.Series(YEARS, dtype=pl.Int32)})
    accounts = firms.to_frame().join(years, how="cross")
    items = ("assets", "debt", "sales", "rd", "employees", *ACCOUNT_ITEMS)
    drawn = [pl.Series(item, np.round(rng.lognormal(4, 1, accounts.height), 3)) for item in items]
    shares = ("top1", "institutional", "board_independent", "supplier_top5", "customer_top5")
    yield (
        "firm_years",
        accounts.with_columns(drawn).with_columns(
            *(pl.Series(s, rng.random(accounts.height)) for s in shares),
            net_income=pl.Series(np.round(rng.normal(0, 9, accounts.height), 3)),
            alliance_unit=pl.Series((rng.random(accounts.height) < 0.4).astype(float)),
        ),
    )
    yield from _events(rng, firms)
    some = firms.head(max(firms.len() // 20, 10))
    exports = some.to_frame().join(years, how="cross").join(
        pl.DataFrame({"product": ["a", "b"]}), how="cross"
    )  # fmt: skip
    yield (
        "customs",
        exports.with_columns(
            exports=pl.Series(np.round(rng.uniform(5, 90, exports.height), 2)),
            imported_inputs=pl.lit(1.0),
            upstreamness=pl.lit(2.0),
            homogeneous=pl.col("product") == "a",
            labour_intensive=pl.col("product") == "b",
        ),
    )
    yield from _survey(rng, some)


def _events(rng: np.random.Generator, firms: pl.Series) -> Iterator[tuple[str, pl.DataFrame]]:
    """Trademarks, products, standards, cases, sales, sanctions and shocks of the firms."""

    def dated(n: int, key: str, date: str) -> pl.DataFrame:
        span = ((YEARS[0] - EPOCH) * 365.25, (YEARS[-1] + 1 - EPOCH) * 365.25)
        numbers = pl.Series(np.arange(n)).cast(pl.String)
        days = _days(rng.integers(int(span[0]) + 1, int(span[1]), n))
        return pl.DataFrame({key: numbers, "org_id": _any(rng, firms, n), date: days})

    n = firms.len()
    yield "trademarks", dated(10 * n, "tm_id", "date")
    yield (
        "products",
        dated(4 * n, "product_id", "launch").with_columns(
            first_ip=pl.col("launch").dt.offset_by("-400d"),
            segment=_any(rng, ["s1", "s2", "s3"], 4 * n),
            homogeneous=pl.Series(rng.random(4 * n) < 0.5),
        ),
    )
    kinds = ["sep", "national", "seat"]
    yield "standards", dated(n, "std_id", "date").with_columns(kind=_any(rng, kinds, n))
    yield (
        "litigation",
        dated(n, "case_id", "filed").with_columns(
            decided=pl.col("filed").dt.offset_by("300d"),
            outcome=_any(rng, ["won", "lost", "settled"], n),
        ),
    )
    some = max(n // 50, 1)
    yield "sanctions", dated(some, "case", "listed").drop("case").unique(["org_id", "listed"])
    shocks = dated(some, "case", "date").drop("case").with_columns(kind=pl.lit("merger"))
    yield "shocks", shocks.unique(["org_id", "date", "kind"])
    yield (
        "sales_ties",
        pl.DataFrame(
            {
                "org_id": _any(rng, firms, 10 * n),
                "partner_id": _any(rng, firms, 10 * n),
                "year": _any(rng, list(YEARS), 10 * n),
                "amount": np.ones(10 * n),
            }
        ).unique(["org_id", "partner_id", "year"]),
    )


SCALES = {
    "fair": (None,), "kshare": (None,), "trust": (None,), "commit": (None,), "kpow": (None,),
    "netcap": ("vision", "construction", "relation", "combination"),
    "pmc": ("proactiveness", "relational", "coordination"),
    "sc": ("structural", "relational", "cognitive"), "sint": (None,), "routine": (None,),
    "netrout": (None,), "fit": ("strategic", "organisational", "network"),
    "flex": ("resource", "coordination"), "relor": (None,), "maror": (None,),
}  # fmt: skip


def _survey(rng: np.random.Generator, firms: pl.Series) -> Iterator[tuple[str, pl.DataFrame]]:
    key = pl.DataFrame(
        [
            {"item_id": f"{scale}_{part}_{k}", "scale": scale, "dimension": part, "reverse": k == 1,
             "lowest": 1.0, "highest": 7.0}
            for scale, parts in SCALES.items() for part in parts for k in range(3)
        ]
    )  # fmt: skip
    waves = pl.DataFrame({"wave": pl.date_range(pl.date(2006, 6, 30), pl.date(2016, 6, 30), "5y",
                                                eager=True)})  # fmt: skip
    rows = firms.to_frame().join(waves, how="cross").join(key.select("item_id"), how="cross")
    yield "survey_key", key
    yield (
        "survey_firm",
        rows.with_columns(
            value=pl.Series(rng.integers(1, 8, rows.height)).cast(pl.Float64), weight=pl.lit(1.0)
        ),
    )


def _world_tables() -> Iterator[tuple[str, pl.DataFrame]]:
    """Tables of industries, places and countries, which do not grow with the units."""
    rng = np.random.default_rng(7)
    years = pl.DataFrame({"year": pl.Series(YEARS, dtype=pl.Int32)})
    sales = pl.DataFrame({"ind4": INDUSTRIES}).join(years, how="cross")
    yield "industry_years", sales.with_columns(sales=pl.Series(rng.lognormal(7, 0.2, sales.height)))
    places = pl.DataFrame({"region": PLACES}).join(years, how="cross")
    yield (
        "region_years",
        places.with_columns(
            inst=pl.Series(rng.normal(5, 1, places.height)),
            digital=pl.Series(rng.random(places.height)),
        ),
    )
    yield "policies", pl.DataFrame(
        [
            {"policy_id": f"q{k}", "level": "city",
             "kind": ("pilot", "ip", "data", "finance")[k % 4],
             "target_region": PLACES[k % 30] if k % 2 else None,
             "target_ind": None if k % 2 else INDUSTRIES[k], "target_org": f"o{k:06d}",
             "intensity": 2.0, "effective": f"{2002 + k % 14}-03-01"}
            for k in range(40)
        ]
    ).with_columns(pl.col("effective").str.to_date())  # fmt: skip
    since = [f"{2003 + k}-05-01" for k in range(8)]
    yield (
        "choke_classes",
        pl.DataFrame(
            {"code": [f"{s}1{k}" for k, s in enumerate("ABCDEFGH")], "since": since}
        ).with_columns(pl.col("since").str.to_date()),
    )
    yield "technology_fields", pl.DataFrame(
        {"field": [f"field {k % 8}" for k in range(40)],
         "code": [f"{'ABCDEFGH'[k % 8]}{10 + k // 8}" for k in range(40)]}
    )  # fmt: skip
    groups = ("information_technology", "high_technology", "traditional")
    yield (
        "industry_groups",
        pl.DataFrame({"ind4": INDUSTRIES, "group": [groups[k % 3] for k in range(40)]}),
    )
    yield (
        "industry_links",
        pl.DataFrame(
            {"supplier": INDUSTRIES[:20], "buyer": INDUSTRIES[20:], "coefficient": [0.2] * 20}
        ),
    )
    cells = [(c, d) for c in COUNTRIES for d in ("pdi", "idv", "mas", "uai")]
    yield "cultures", pl.DataFrame(
        {"country": [c for c, _ in cells], "dimension": [d for _, d in cells],
         "value": rng.integers(0, 100, len(cells)).astype(float)}
    )  # fmt: skip
    yield (
        "multilateral_countries",
        pl.DataFrame({"country": ["DE", "US"], "since": ["2003-01-01", "2012-01-01"]}).with_columns(
            pl.col("since").str.to_date()
        ),
    )
