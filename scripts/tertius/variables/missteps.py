"""Missteps in the construction of variables, found by name in a model's terms or in a panel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import networkx as nx
import polars as pl

from tertius.variables.inputs import CO_PATENT_LAYERS, NetworkFacts, NetworkLike, VariableSpec

MISSTEPS: Mapping[str, str] = MappingProxyType(
    {
        "look_ahead": "a covariate of t changes with records dated after t",
        "isolates_as_zero": "constraint of isolates is 0, which would mean the most holes",
        "strengths_as_distances": "shortest paths take strong ties for long ones",
        "normalised_across_years": "a centrality divided by N - 1 is compared across years",
        "diversity_without_size": "a diversity index without the number of partners",
        "complements": "two regressors of which one determines the other",
        "cumulative_network": "ties only add up, so that the regressor trends by construction",
        "shared_patents": "joint patents make both the tie and the outcome",
        "truncated_outcome": "an outcome is observed in a year whose window is not complete",
        "missing_research_as_zero": "unreported R&D counts as 0 without its dummy",
    }
)
"""Name of every misstep that is looked for, and what it is."""
SIZES = ("psize", "ln_psize", "deg", "nalli", "khet_n")
DIVERSITY = (
    "portfolio.partner_diversity",
    "portfolio.composite_diversity",
    "configuration.active_diversity",
    "knowledge.portfolio_diversity",
    "distances.partner_diversity",
    "distances.heterogeneity",
)
COMPLEMENTS = (
    ("sh", "constraint"),
    ("sh_ego", "constraint_ego"),
    ("eff", "redund"),
    ("edens", "redund"),
)
PATENT_COUNTS = (
    "pat",
    "pat_frac",
    "patg",
    "pat_inv",
    "cwpat",
    "cites5",
    "brk5",
    "brk1",
    "jointpat",
)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Misstep:
    """One finding: its name in `MISSTEPS`, the variables, and what to do."""

    name: str
    variables: tuple[str, ...]
    fix: str


def variables_of(terms: Iterable[str]) -> tuple[str, ...]:
    """Names of the variables in the terms of a model: `log1p(deg):sh` -> deg, sh."""
    found = [name for term in terms for name in _NAME.findall(term)]
    return tuple(dict.fromkeys(name for name in found if name != "log1p"))


def model_missteps(
    outcome: str,
    terms: Sequence[str],
    specs: Mapping[str, VariableSpec],
    networks: Mapping[str, NetworkLike],
    focal: str,
) -> list[Misstep]:
    """Missteps that the terms of a model show by themselves.

    Args:
        outcome: variable on the left.
        terms: terms on the right, controls among them.
        specs: variables of the study (`derive.resolve`).
        networks: the study's networks.
        focal: the network of a variable that names none.
    """
    names = [name for name in variables_of(terms) if name in specs]
    layers = {name: networks.get(specs[name].network or focal, NetworkFacts()) for name in names}
    return [
        *_forward(names, specs),
        *_normalised(names, specs),
        *_without_size(names, specs),
        *_complements(names, specs),
        *_cumulative(names, specs, layers),
        *_shared(outcome, names, specs, layers),
        *_research(names, specs),
    ]


def _forward(names: Sequence[str], specs: Mapping[str, VariableSpec]) -> list[Misstep]:
    fix = "outcomes look ahead: use a covariate that counts until t"
    return [Misstep("look_ahead", (n,), fix) for n in names if specs[n].role == "outcome"]


def _normalised(names: Sequence[str], specs: Mapping[str, VariableSpec]) -> list[Misstep]:
    fix = "use the raw count, for N differs between years"
    return [
        Misstep("normalised_across_years", (n,), fix)
        for n in names
        if specs[n].measure == "degree_normalised"
    ]


def _without_size(names: Sequence[str], specs: Mapping[str, VariableSpec]) -> list[Misstep]:
    bases = {specs[n].code for n in names} | set(names)
    if bases & set(SIZES):
        return []
    fix = f"add one of {', '.join(SIZES)}"
    return [
        Misstep("diversity_without_size", (n,), fix)
        for n in names
        if specs[n].function in DIVERSITY
    ]


def _complements(names: Sequence[str], specs: Mapping[str, VariableSpec]) -> list[Misstep]:
    pairs = [(a, b) for a, b in COMPLEMENTS if a in names and b in names]
    shares = [
        n
        for n in names
        if specs[n].function == "exploration.exploration" and specs[n].params.get("how") == "share"
    ]
    kinds = {n: specs[n].params.get("kind", "explore") for n in shares}
    pairs += [(a, b) for k, a in enumerate(shares) for b in shares[k + 1 :] if kinds[a] != kinds[b]]
    return [Misstep("complements", pair, "keep one of the two") for pair in pairs]


def _uses_ties(spec: VariableSpec) -> bool:
    sources = {name.partition(".")[0] for name in spec.inputs}
    return bool(sources & {"ties", "tie_records", "measures"}) or spec.measure is not None


def _cumulative(
    names: Sequence[str], specs: Mapping[str, VariableSpec], layers: Mapping[str, NetworkLike]
) -> list[Misstep]:
    fix = "use a window of years, or the state on 31 December"
    return [
        Misstep("cumulative_network", (n,), fix)
        for n in names
        if specs[n].function == "configuration.cumulative_size"
        or (
            _uses_ties(specs[n])
            and set(layers[n].layers) & set(CO_PATENT_LAYERS)
            and layers[n].window is None
        )
    ]


def _shared(
    outcome: str,
    names: Sequence[str],
    specs: Mapping[str, VariableSpec],
    layers: Mapping[str, NetworkLike],
) -> list[Misstep]:
    if outcome not in PATENT_COUNTS:
        return []
    fix = "take pat_excl as the outcome, which leaves out patents held with partners"
    return [
        Misstep("shared_patents", (outcome, n), fix)
        for n in names
        if _uses_ties(specs[n]) and set(layers[n].layers) & set(CO_PATENT_LAYERS)
    ]


def _research(names: Sequence[str], specs: Mapping[str, VariableSpec]) -> list[Misstep]:
    dummies = [n for n in names if specs[n].function == "environment.research_missing"]
    return [
        Misstep("missing_research_as_zero", (n,), "add rd_missing")
        for n in names
        if specs[n].params.get("missing") == "zero" and not dummies
    ]


def panel_missteps(
    panel: pl.DataFrame,
    specs: Mapping[str, VariableSpec],
    outcome_years: tuple[int, int],
) -> list[Misstep]:
    """Missteps that the values of a panel show: isolates with a constraint, early outcomes.

    Args:
        panel: org_id, year, every variable and its status; `deg` tells isolates.
        specs: variables of the study.
        outcome_years: first and last year in which outcomes are observed.
    """
    found = []
    if "deg" in panel.columns:
        alone = panel.filter(pl.col("deg") == 0.0)
        for name in ("constraint", "constraint_ego"):
            if name in panel.columns and alone.filter(pl.col(name).is_not_null()).height:
                fix = "undefined_isolate, with the dummy iso"
                found.append(Misstep("isolates_as_zero", (name,), fix))
    outside = ~pl.col("year").is_between(*outcome_years)
    late = panel.filter(outside)
    for name, spec in specs.items():
        if spec.role == "outcome" and name in panel.columns and late[name].is_not_null().any():
            found.append(Misstep("truncated_outcome", (name,), "drop the years, and count them"))
    return found


def changed_by_the_future(
    before: pl.DataFrame, after: pl.DataFrame, specs: Mapping[str, VariableSpec], year: int
) -> list[Misstep]:
    """Covariates of the years up to `year` that differ once later records are scrambled.

    Args:
        before: the variables.
        after: the variables from `scramble.scramble_future` of the same tables.
        specs: variables of the study.
        year: the year up to which the records are the same.
    """
    old, new = (frame.filter(pl.col("year") <= year) for frame in (before, after))
    return [
        Misstep("look_ahead", (name,), "use records up to 31 December t only")
        for name, spec in specs.items()
        if spec.role != "outcome"
        and not (
            old[name].equals(new[name]) and old[f"{name}_status"].equals(new[f"{name}_status"])
        )
    ]


def strengths_as_distances(ties: pl.DataFrame, measured: pl.DataFrame) -> list[Misstep]:
    """Whether betweenness of a (small) network was taken with tie strengths as lengths.

    Found where the values agree with strengths as lengths and not with steps, nor with their
    inverses.

    Args:
        ties: a, b, weight of one year.
        measured: node, betweenness (pairs).
    """
    graph = nx.Graph()
    graph.add_nodes_from(measured["node"].to_list())
    for a, b, w in ties.select("a", "b", "weight").iter_rows():
        graph.add_edge(a, b, long=w, short=1.0 / w)
    given = dict(measured.select("node", "betweenness").iter_rows())

    def agrees(weight: str | None) -> bool:
        values = nx.betweenness_centrality(graph, normalized=False, weight=weight)
        return all(abs(values[node] - value) < 1e-9 for node, value in given.items())

    if agrees("long") and not agrees(None) and not agrees("short"):
        fix = "count steps, or take 1 / strength as the length"
        return [Misstep("strengths_as_distances", ("btw", "btw_raw"), fix)]
    return []
