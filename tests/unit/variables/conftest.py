"""Small studies for the tests of the variables, written down by hand or drawn at random."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from tertius import measures, ties
from tertius.panel import activity, risk_set
from tertius.tables import SCHEMAS
from tertius.variables import Inputs, NetworkFacts

CLASSES = ("H04L9/08", "H04W4/00", "H04B1/00", "G06F3/01", "G06N20/00", "A61K9/00", "A61P3/00")
TIES = {
    "year": pl.Int32,
    "a": pl.String,
    "b": pl.String,
    "weight_count": pl.Float64,
    "weight_newman": pl.Float64,
    "weight_fraction": pl.Float64,
    "n_records": pl.Int32,
}


def table(name: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """A typed table from rows that hold only some of its columns."""
    schema = {label: column.dtype for label, column in SCHEMAS[name].columns.items()}
    return pl.DataFrame(list(rows), schema=schema)


def patent(pid: str, year: int, **more: Any) -> dict[str, Any]:
    """A patent with priority and publication dates that fit its year, 18 months apart."""
    given = {
        "pid": pid,
        "year": year,
        "prio_date": dt.date(year, 3, 1),
        "pub_date": dt.date(year + 1, 9, 1),
        "office": "CN",
    }
    return {**given, **more}


def tie_table(rows: Iterable[tuple[int, str, str, int]]) -> pl.DataFrame:
    """Ties (year, a, b, number of records), weighted by it."""
    full = [(year, min(a, b), max(a, b), float(n), float(n), float(n), n) for year, a, b, n in rows]
    return pl.DataFrame(full, schema=TIES, orient="row")


def study(
    *,
    years: Iterable[int],
    units: Iterable[str],
    raw: tuple[int, int] = (1990, 2019),
    outcomes: tuple[int, int] = (1990, 2019),
    patents: Iterable[Mapping[str, Any]] | None = None,
    held: Mapping[str, str] | None = None,
    classes: Mapping[str, str] | None = None,
    cites: Iterable[tuple[str, str]] = (),
    citations: Iterable[Mapping[str, Any]] | None = None,
    tied: Iterable[tuple[int, str, str, int]] = (),
    records: Iterable[tuple[int, str, str, str]] = (),
    measured: pl.DataFrame | None = None,
    network: NetworkFacts | None = None,
    **tables: Iterable[Mapping[str, Any]],
) -> Inputs:
    """Inputs from plain rows.

    held and classes: pid -> names (or symbols) separated by spaces. cites: (citing, cited), dated
    by the citing patent. tied: (year, a, b, n). records: (year, a, b, record_id).
    """
    typed = {name: table(name, rows) for name, rows in tables.items()}
    if patents is not None:
        typed["patents"] = table("patents", patents)
        dates = dict(typed["patents"].select("pid", "prio_date").iter_rows())
        if classes is not None:
            symbols = [
                {"pid": pid, "scheme": "IPC", "code": code, "is_first": place == 0}
                for pid, codes in classes.items()
                for place, code in enumerate(codes.split())
            ]
            typed["patent_classes"] = table("patent_classes", symbols)
        pairs = [{"citing_pid": a, "cited_pid": b, "date": dates[a]} for a, b in cites]
        if pairs or citations:
            typed["citations"] = table("citations", [*pairs, *(citations or [])])
    owners = [
        {"pid": pid, "org_id": name, "share": 1.0 / len(names.split())}
        for pid, names in (held or {}).items()
        for name in names.split()
    ]
    holders = pl.DataFrame(
        owners, schema={"pid": pl.String, "org_id": pl.String, "share": pl.Float64}
    )
    span = [int(year) for year in years]
    names = sorted(units)
    risk = pl.DataFrame(
        {
            "org_id": [name for name in names for _ in span],
            "year": pl.Series(span * len(names), dtype=pl.Int32),
        }
    )
    schema = {"year": pl.Int32, "a": pl.String, "b": pl.String, "record_id": pl.String}
    return Inputs(
        tables=typed,
        holders=holders if patents is not None else None,
        ties={"net": tie_table(tied)},
        tie_records={"net": pl.DataFrame(list(records), schema=schema, orient="row")},
        measures={} if measured is None else {"net": measured},
        risk_set=risk,
        raw_years=raw,
        outcome_years=outcomes,
        networks={"net": network or NetworkFacts()},
        focal="net",
    )


def cell(frame: pl.DataFrame, org: str, year: int) -> float | str:
    """The value of a row, or its status where it is not ok."""
    row = frame.filter((pl.col("org_id") == org) & (pl.col("year") == year))
    assert row.height == 1
    value, status = row.select("value", "status").row(0)
    assert (value is None) == (status != "ok")
    return value if status == "ok" else status


# ---------------------------------------------------------------------------------- random worlds
FIRST, LAST = 2000, 2016


def _organisations(rng: np.random.Generator, n: int) -> list[dict[str, Any]]:
    kinds = np.where(np.arange(n) < 0.75 * n, "firm", "university")
    rows = []
    for i in range(n):
        born = int(rng.integers(1985, 2012))
        dies = rng.random() < 0.15
        rows.append(
            {
                "org_id": f"o{i:02d}",
                "type": str(kinds[i]),
                "ind4": str(rng.choice(["3911", "3921", "2710"])) if kinds[i] == "firm" else None,
                "country": str(rng.choice(["CN", "US", "DE"])) if rng.random() < 0.9 else None,
                "province": str(rng.choice(["P1", "P2"])),
                "city": str(rng.choice(["C1", "C2", "C3"])),
                "birth_year": born if rng.random() < 0.85 else None,
                "death_year": int(rng.integers(2013, 2019)) if dies else None,
            }
        )
    return rows


def _day(rng: np.random.Generator, year: int) -> dt.date:
    return dt.date(year, 1, 1) + dt.timedelta(days=int(rng.integers(0, 365)))


def _born(register: list[dict[str, Any]], year: int) -> list[str]:
    """Ids of the units that exist by the year, as far as the register knows."""
    return [row["org_id"] for row in register if (row["birth_year"] or 0) <= year]


def _patent_records(
    rng: np.random.Generator, register: list[dict[str, Any]], n: int
) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {
        key: [] for key in ("patents", "patent_applicants", "patent_classes", "citations")
    }
    dates: list[tuple[str, dt.date]] = []
    for k in range(n):
        pid, day = f"p{k:04d}", _day(rng, int(rng.integers(FIRST, LAST + 1)))
        published = day + dt.timedelta(days=int(rng.integers(300, 700)))
        out["patents"].append(
            {
                "pid": pid,
                "family_id": f"f{k // 2:04d}" if k % 10 < 2 else None,
                "prio_date": day,
                "app_date": day,
                "pub_date": published if rng.random() < 0.9 else None,
                "office": str(rng.choice(["CN", "US"])),
                "kind": "invention",
                "cited_total": int(rng.poisson(4)) if rng.random() < 0.95 else None,
                "year": day.year,
            }
        )
        names = _born(register, day.year)
        for seq, name in enumerate(rng.choice(names, size=int(rng.integers(1, 4)), replace=False)):
            row = {"pid": pid, "org_id": str(name), "seq": seq, "share": 1.0}
            out["patent_applicants"].append(row)
        for seq, code in enumerate(
            rng.choice(CLASSES, size=int(rng.integers(1, 4)), replace=False)
        ):
            row = {"pid": pid, "scheme": "IPC", "code": str(code), "is_first": seq == 0}
            out["patent_classes"].append(row)
        dates.append((pid, day))
    seen = set()
    for _ in range(6 * n):
        (a, on), (b, before) = dates[rng.integers(n)], dates[rng.integers(n)]
        if on > before and (a, b) not in seen:
            seen.add((a, b))
            out["citations"].append({"citing_pid": a, "cited_pid": b, "date": on})
    return out


def _alliance_records(
    rng: np.random.Generator, register: list[dict[str, Any]], n: int
) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {
        key: [] for key in ("alliances", "alliance_scopes", "alliance_parties")
    }
    for k in range(n):
        aid, start = f"a{k:03d}", _day(rng, int(rng.integers(FIRST, LAST + 1)))
        known = bool(rng.random() < 0.8)
        end = start + dt.timedelta(days=int(rng.integers(200, 2500))) if known else None
        row = {"aid": aid, "start_date": start, "end_date": end, "end_known": known}
        out["alliances"].append(row)
        functions = ["RD", "manufacture", "marketing", "supply"]
        for function in rng.choice(functions, size=int(rng.integers(1, 3)), replace=False):
            out["alliance_scopes"].append({"aid": aid, "function": str(function)})
        names = _born(register, start.year)
        for name in rng.choice(names, size=int(rng.integers(2, 5)), replace=False):
            amount = float(np.round(rng.uniform(1, 9), 2)) if rng.random() < 0.8 else None
            out["alliance_parties"].append({"aid": aid, "org_id": str(name), "amount": amount})
    return out


def world(
    seed: int, n_units: int = 24, n_patents: int = 420, n_alliances: int = 70
) -> dict[str, pl.DataFrame]:
    """All typed tables of a small random world, 2000-2016."""
    rng = np.random.default_rng(seed)
    register = _organisations(rng, n_units)
    rows: dict[str, list[dict[str, Any]]] = {"organisations": register}
    rows |= _patent_records(rng, register, n_patents)
    rows |= _alliance_records(rng, register, n_alliances)
    span = range(FIRST, LAST + 1)
    rows["firm_years"] = [
        {
            "org_id": row["org_id"],
            "year": year,
            "assets": float(np.round(rng.lognormal(5, 1), 2)),
            "debt": float(np.round(rng.lognormal(4, 1), 2)),
            "sales": float(np.round(rng.lognormal(5, 1), 2)),
            "rd": float(np.round(rng.lognormal(2, 1), 2)) if rng.random() < 0.9 else None,
            "net_income": float(np.round(rng.normal(0, 9), 2)),
        }
        for row in register
        if row["type"] == "firm"
        for year in span
    ]
    rows["industry_years"] = [
        {"ind4": ind4, "year": year, "sales": float(np.round(rng.lognormal(7, 0.2), 1))}
        for ind4 in ("3911", "3921", "2710")
        for year in span
    ]
    rows["region_years"] = [
        {
            "region": region,
            "year": year,
            "inst": float(np.round(rng.normal(5, 1), 2)),
            "digital": 1.0,
        }
        for region in ("P1", "P2")
        for year in span
    ]
    rows["policies"] = [
        {
            "policy_id": f"q{k}",
            "level": "city",
            "kind": "pilot",
            "target_region": f"C{k % 3 + 1}" if k % 2 else None,
            "target_ind": None if k % 2 else "3911",
            "effective": _day(rng, int(rng.integers(2002, 2015))),
            "end": _day(rng, 2015) if k % 3 == 0 else None,
        }
        for k in range(6)
    ]
    _add_details(np.random.default_rng([seed, 1]), rows)
    _add_more(np.random.default_rng([seed, 2]), rows)
    return {name: table(name, content) for name, content in rows.items()}


def _add_details(rng: np.random.Generator, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Forms of alliances, coordinates and inventors, from a generator of their own."""
    forms = ["equity_jv", "Minority equity", "joint_rd", "licence", "marketing", "barter", None]
    for row in rows["alliances"]:
        row["form"] = forms[rng.integers(len(forms))]
        row["contract_flags"] = "exclusivity" if rng.random() < 0.2 else None
    for row in rows["organisations"]:
        if rng.random() < 0.9:
            row["lat"], row["lon"] = (float(x) for x in np.round(rng.uniform(20, 50, 2), 3))
    names = [row["org_id"] for row in rows["organisations"]]
    rows["patent_inventors"] = [
        {
            "pid": row["pid"],
            "inv_id": f"{row['pid']}i{seq}",
            "seq": seq,
            "org_id": str(rng.choice(names)) if rng.random() < 0.9 else None,
        }
        for row in rows["patents"]
        for seq in range(int(rng.integers(1, 4)))
    ]


MORE_ITEMS = {
    "cash": (5, 1), "short_term": (4, 1), "fixed_assets": (6, 1), "market_value": (8, 1),
    "operating_cost": (5, 1), "admin_expense": (3, 1), "wages": (3, 1), "subsidies": (1, 1),
    "overseas_sales": (3, 1), "new_product_sales": (3, 1), "technical_staff": (2, 1),
    "board_size": (2, 0.2), "employees": (6, 1), "digital_words": (3, 1),
}  # fmt: skip
SHARES = ("top1", "institutional", "board_independent", "supplier_top5", "customer_top5")


def _add_more(rng: np.random.Generator, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Tables of markets, sanctions, fields and a survey; kinds, grants and lapses of patents."""
    names = [row["org_id"] for row in rows["organisations"]]
    for row in rows["organisations"]:
        row["ownership"] = str(rng.choice(["state", "private"]))
    for row in rows["firm_years"]:
        row |= {k: float(np.round(rng.lognormal(*v), 3)) for k, v in MORE_ITEMS.items()}
        row |= {k: float(np.round(rng.random(), 3)) for k in SHARES}
        row["alliance_unit"] = float(rng.random() < 0.4)
    for row in rows["patents"]:
        row["kind"] = str(rng.choice(["invention", "utility", "design"]))
        row["n_claims"] = int(rng.integers(1, 20))
        if rng.random() < 0.7:
            row["grant_date"] = row["prio_date"] + dt.timedelta(days=int(rng.integers(300, 1500)))
        if rng.random() < 0.2:
            row["lapse_date"] = row["prio_date"] + dt.timedelta(days=int(rng.integers(900, 3000)))
    for row in rows["patent_inventors"]:
        row["country"] = str(rng.choice(["CN", "US", "DE"]))
    for row in rows["patents"]:
        if rng.random() < 0.25:
            rare = f"B{int(rng.integers(1, 40)):02d}C{int(rng.integers(1, 9))}/00"
            cell = {"pid": row["pid"], "scheme": "IPC", "code": rare, "is_first": False}
            rows["patent_classes"].append(cell)
    initiators = set()
    for row in rows["alliance_parties"]:
        first = row["aid"] not in initiators
        initiators.add(row["aid"])
        row["role"] = "initiator" if first else "party"
    for k, row in enumerate(rows["policies"]):
        row["kind"] = ("pilot", "ip", "data", "finance")[k % 4]
        row["intensity"] = 2.0 if k % 2 else None
        row["target_org"] = names[k]
    days = lambda: _day(rng, int(rng.integers(FIRST, LAST + 1)))  # noqa: E731
    firms = names[: int(0.75 * len(names))]
    rows["npl_citations"] = [
        {"citing_pid": row["pid"], "npl_id": f"n{k}", "date": row["prio_date"]}
        for k, row in enumerate(rows["patents"])
        if rng.random() < 0.4
    ]
    kinds = ("licence", "transfer", "renewal", "standard", "pledge")
    rows["patent_events"] = [
        {"pid": row["pid"], "kind": str(rng.choice(kinds)),
         "date": row["prio_date"] + dt.timedelta(days=int(rng.integers(300, 3000)))}
        for row in rows["patents"]
        if rng.random() < 0.3
    ]  # fmt: skip
    rows["trademarks"] = [
        {"tm_id": f"t{k}", "org_id": str(rng.choice(firms)), "date": days()} for k in range(300)
    ]
    rows["products"] = [
        {"product_id": f"g{k}", "org_id": str(rng.choice(firms)), "launch": (on := days()),
         "first_ip": on - dt.timedelta(days=int(rng.integers(100, 900))),
         "segment": str(rng.choice(["s1", "s2", "s3"])), "homogeneous": bool(rng.random() < 0.5)}
        for k in range(200)
    ]  # fmt: skip
    rows["sales_ties"] = list(
        {
            (a, b, year): {"org_id": a, "partner_id": b, "year": year, "amount": 1.0}
            for _ in range(300)
            for a, b in [tuple(str(x) for x in rng.choice(names, 2, replace=False))]
            for year in [int(rng.integers(FIRST, LAST + 1))]
        }.values()
    )
    rows["standards"] = [
        {"std_id": f"d{k}", "org_id": str(rng.choice(firms)), "date": days(),
         "kind": str(rng.choice(["sep", "national", "seat"]))}
        for k in range(80)
    ]  # fmt: skip
    rows["litigation"] = [
        {"case_id": f"l{k}", "org_id": str(rng.choice(firms)), "filed": (on := days()),
         "decided": on + dt.timedelta(days=int(rng.integers(50, 600))),
         "outcome": str(rng.choice(["won", "lost", "settled"]))}
        for k in range(120)
    ]  # fmt: skip
    rows["sanctions"] = [
        {"org_id": name, "listed": days()} for name in rng.choice(names, 5, replace=False)
    ]
    rows["shocks"] = [
        {"org_id": str(name), "date": days(), "kind": "merger"}
        for name in rng.choice(names, 8, replace=False)
    ]
    rows["customs"] = [
        {"org_id": name, "year": year, "product": p, "exports": float(rng.integers(5, 90)),
         "imported_inputs": 1.0, "upstreamness": 2.0, "homogeneous": p == "a",
         "labour_intensive": p == "b"}
        for name in firms[:8] for year in range(FIRST, LAST + 1) for p in "ab"
    ]  # fmt: skip
    rows["choke_classes"] = [
        {"code": "H04L", "since": dt.date(2005, 5, 1)},
        {"code": "G06", "since": dt.date(2012, 5, 1)},
    ]
    rows["technology_fields"] = [
        {"field": "network", "code": "H04"}, {"field": "computing", "code": "G06"}
    ]  # fmt: skip
    rows["industry_groups"] = [
        {"ind4": "3911", "group": "information_technology"},
        {"ind4": "3921", "group": "high_technology"},
        {"ind4": "2710", "group": "traditional"},
    ]
    rows["industry_links"] = [{"supplier": "3911", "buyer": "3921", "coefficient": 0.2}]
    rows["cultures"] = [
        {"country": c, "dimension": d, "value": float(rng.integers(0, 100))}
        for c in ("CN", "US", "DE")
        for d in ("pdi", "idv")
    ]
    rows["multilateral_countries"] = [
        {"country": "DE", "since": dt.date(2003, 1, 1)},
        {"country": "US", "since": dt.date(2012, 1, 1)},
    ]
    _add_survey(rng, rows, firms)


SCALES = {
    "fair": [None], "kshare": [None], "trust": [None], "commit": [None], "kpow": [None],
    "netcap": ["vision", "construction", "relation", "combination"],
    "pmc": ["proactiveness", "relational", "coordination"],
    "sc": ["structural", "relational", "cognitive"], "sint": [None], "routine": [None],
    "netrout": [None], "fit": ["strategic", "organisational", "network"],
    "flex": ["resource", "coordination"], "relor": [None], "maror": [None],
}  # fmt: skip


def _add_survey(
    rng: np.random.Generator, rows: dict[str, list[dict[str, Any]]], firms: list[str]
) -> None:
    rows["survey_key"] = [
        {"item_id": f"{scale}_{dim or 'x'}_{k}", "scale": scale, "dimension": dim,
         "reverse": k == 1, "lowest": 1.0, "highest": 7.0}
        for scale, dims in SCALES.items() for dim in dims for k in range(2)
    ]  # fmt: skip
    rows["survey_firm"] = [
        {"org_id": name, "wave": dt.date(year, 6, 30), "item_id": key["item_id"],
         "value": float(rng.integers(1, 8)), "weight": 1.5}
        for name in firms for year in (2006, 2009, 2012) for key in rows["survey_key"]
    ]  # fmt: skip


def assemble(
    tables: Mapping[str, pl.DataFrame], focal: str = "alliance", last: int | None = None
) -> Inputs:
    """Inputs of a random world with its ties, measures and risk set, made by the library."""
    span = range(FIRST, LAST + 1)
    register = tables["organisations"]
    applicants = tables["patent_applicants"]
    active = activity(
        applicants, tables["patents"], tables["alliance_parties"], tables["alliances"]
    )
    rows = risk_set(register, active, span).rows
    # Holders of a family are those of its earliest year: a later member says nothing about then.
    family = pl.coalesce("family_id", "pid")
    first = tables["patents"].filter(pl.col("year") == pl.col("year").min().over(family))
    yearly = ties.yearly_pairs(ties.co_patent_events(first, applicants).events)
    allied = ties.yearly_pairs(
        ties.alliance_events(tables["alliances"], tables["alliance_parties"], span, 5).events
    )
    edges = {
        "alliance": allied.pairs,
        "co_applicant": ties.window_ties(yearly.pairs, 5, span),
    }
    nodes = {
        name: pl.concat(
            [
                rows.select("year", node="org_id"),
                found.select("year", node="a"),
                found.select("year", node="b"),
            ]
        ).unique()
        for name, found in edges.items()
    }
    return Inputs(
        tables=tables,
        holders=applicants.select("pid", "org_id", "share"),
        ties=edges,
        tie_records={
            "alliance": allied.records,
            "co_applicant": ties.window_records(yearly.records, 5, span),
        },
        measures={
            name: measures.measure_years(
                edges[name],
                nodes[name],
                weight="weight_newman",
                years=range(2003, (last or LAST) + 1),
                exact_limit=1000,
                sample_sources=10,
                seed=1,
            )
            for name in edges
        },
        risk_set=rows,
        raw_years=(FIRST, LAST),
        outcome_years=(2001, 2015),
        networks={
            "alliance": NetworkFacts(("alliance",), None),
            "co_applicant": NetworkFacts(("co_applicant",), 5),
        },
        focal=focal,
    )


@pytest.fixture(scope="session")
def make() -> Callable[..., Inputs]:
    """`study`: inputs from plain rows."""
    return study


@pytest.fixture(scope="session")
def at() -> Callable[[pl.DataFrame, str, int], float | str]:
    """`cell`: the value, or status, of one row."""
    return cell


@pytest.fixture(scope="session")
def new_patent() -> Callable[..., dict[str, Any]]:
    """`patent`: a patent row with fitting dates."""
    return patent


@pytest.fixture(scope="session")
def random_world() -> Callable[..., dict[str, pl.DataFrame]]:
    """`world`: all typed tables of a small random world."""
    return world


@pytest.fixture(scope="session")
def with_networks() -> Callable[..., Inputs]:
    """`assemble`: inputs of a random world."""
    return assemble
