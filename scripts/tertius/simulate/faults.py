"""Faults of the data, put into the records of a world: what an analyst would not know of.

Each function takes the tables of a world, a rate and a generator, and returns the tables that the
fault changes. The register of organisations and the truth stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from .world import World

Tables = Mapping[str, pl.DataFrame]
Changed = dict[str, pl.DataFrame]
Fault = Callable[[Tables, float, np.random.Generator], Changed]

SEPARATOR = "; "
MENTIONS = (("patents", "applicants"), ("alliances", "participants"), ("alliance_parties", "party"))
"""Columns of the records that name organisations."""


def split_names(tables: Tables, rate: float, rng: np.random.Generator) -> Changed:
    """Half of the mentions of a share of the organisations carry a name that nobody would match."""
    names = drawn_names(tables, rate, rng)
    strangers = {name: stranger(name) for name in names}
    return renamed(tables, strangers, rng, share=0.5)


def merge_names(tables: Tables, rate: float, rng: np.random.Generator) -> Changed:
    """A share of the organisations are recorded under the name of another one of their type."""
    kinds = dict(tables["organisations"].select("name", "type").iter_rows())
    moved = drawn_names(tables, rate, rng)
    stay = sorted(kinds.keys() - set(moved))
    others = {kind: [n for n in stay if kinds[n] == kind] for kind in set(kinds.values())}
    into = {name: str(rng.choice(others[kinds[name]])) for name in moved if others[kinds[name]]}
    return renamed(tables, into, rng, share=1.0)


def lose_ends(tables: Tables, rate: float, rng: np.random.Generator) -> Changed:
    """A share of the alliances have no end date."""
    deals = tables["alliances"]
    lost = pl.Series(rng.random(deals.height) < rate)
    return {"alliances": deals.with_columns(terminated=pl.when(~lost).then("terminated"))}


def lose_citations(tables: Tables, rate: float, rng: np.random.Generator) -> Changed:
    """A share of the citations are not recorded."""
    pairs = tables["citations"]
    return {"citations": pairs.filter(pl.Series(rng.random(pairs.height) >= rate))}


def lose_nodes(tables: Tables, rate: float, rng: np.random.Generator) -> Changed:
    """A share of the organisations are in no alliance: the boundary of the network missed them.

    Deals with fewer than two parties left are gone. Source: Kossinets (2006).
    """
    gone = set(drawn_names(tables, rate, rng))

    def left(text: str) -> str:
        return SEPARATOR.join(name for name in text.split(SEPARATOR) if name not in gone)

    deals = tables["alliances"].with_columns(
        pl.col("participants").map_elements(left, return_dtype=pl.String)
    )
    return kept_deals(tables, deals.filter(pl.col("participants").str.contains(SEPARATOR)))


def lose_ties(tables: Tables, rate: float, rng: np.random.Generator) -> Changed:
    """A share of the alliances are not recorded."""
    deals = tables["alliances"]
    return kept_deals(tables, deals.filter(pl.Series(rng.random(deals.height) >= rate)))


def cut_off(tables: Tables, rate: float, rng: np.random.Generator) -> Changed:
    """The last share of the patents by publication is missing, with the citations they make."""
    patents = tables["patents"]
    last = patents["publication_date"].sort()[max(int((1.0 - rate) * patents.height) - 1, 0)]
    kept = patents.filter(pl.col("publication_date") <= last)
    known = kept["publication_number"].implode()
    return {
        "patents": kept,
        "citations": tables["citations"].filter(pl.col("citing").is_in(known)),
    }


FAULTS: Mapping[str, Fault] = {
    "name_splits": split_names,
    "name_merges": merge_names,
    "missing_ends": lose_ends,
    "missing_citations": lose_citations,
    "missing_nodes": lose_nodes,
    "missing_ties": lose_ties,
    "truncation": cut_off,
}
"""Fault -> what it does to the records, in the order of the page."""


def with_fault(world: World, fault: str, rate: float, seed: int) -> World:
    """The world as it was recorded with a fault.

    Args:
        world: what is so.
        fault: one of `FAULTS`.
        rate: share of what the fault acts on, in [0, 1].
        seed: of what is hit.

    Raises:
        ValueError: unknown fault, or a rate outside [0, 1].
    """
    if fault not in FAULTS:
        raise ValueError(f"no fault is called {fault!r}; there are {', '.join(FAULTS)}")
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"the rate of a fault is a share, not {rate}")
    # Larger rates hit what smaller ones hit, and more: curves over the rate are smooth.
    changed = FAULTS[fault](world.tables, rate, np.random.default_rng([seed, 977]))
    return replace(world, tables={**world.tables, **changed})


def drawn_names(tables: Tables, rate: float, rng: np.random.Generator) -> list[str]:
    """A share of the names of the register, drawn at random."""
    names = tables["organisations"]["name"].to_list()
    order = rng.permutation(len(names))
    return [names[k] for k in order[: round(rate * len(names))]]


def stranger(name: str) -> str:
    """A name unlike this one: its first word read backwards."""
    first, *rest = name.split(" ")
    return " ".join([first[::-1].capitalize(), *rest])


def renamed(
    tables: Tables, into: Mapping[str, str], rng: np.random.Generator, *, share: float
) -> Changed:
    """The records with a share of the mentions of the named organisations under other names.

    The mentions of one record are renamed together in all tables of that record.
    """
    changed: Changed = {}
    hits: dict[tuple[str, str], bool] = {}

    def hit(record: str, name: str) -> bool:
        if (record, name) not in hits:
            hits[record, name] = bool(rng.random() < share)
        return hits[record, name]

    for table, column in MENTIONS:
        rows = tables[table]
        record = rows.columns[0]
        texts = []
        for key, text in rows.select(record, column).iter_rows():
            names = (text or "").split(SEPARATOR)
            new = [into[n] if n in into and hit(key, n) else n for n in names]
            texts.append(SEPARATOR.join(dict.fromkeys(new)))
        changed[table] = rows.with_columns(pl.Series(column, texts, dtype=pl.String))
    deals = changed["alliances"].filter(pl.col("participants").str.contains(SEPARATOR))
    return changed | kept_deals(changed, deals)


def kept_deals(tables: Tables, deals: pl.DataFrame) -> Changed:
    """Deals, and the parties that are still in them."""
    inside = deals.select("deal_id", party=pl.col("participants").str.split(SEPARATOR)).explode(
        "party"
    )
    parties = tables["alliance_parties"].join(inside, on=["deal_id", "party"], how="semi")
    return {"alliances": deals, "alliance_parties": parties}
