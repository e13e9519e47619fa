"""From an exhibit's settings to its finished figure, with words for those who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from scipy import stats

from tertius.estimate.columns import apply_transform
from tertius.exhibits.build_tables import refusals
from tertius.exhibits.config import Exhibit
from tertius.exhibits.descriptives import Floats, defined_values, sample_rows
from tertius.exhibits.figures.attrition import Step, attrition_plot
from tertius.exhibits.figures.coefficients import Estimated, coefficient_plot
from tertius.exhibits.figures.inverted_u import Curve, inverted_u_plot, quadratic_curve
from tertius.exhibits.figures.network import network_picture, network_plot, picture_years
from tertius.exhibits.figures.truth import truth_plot
from tertius.exhibits.figures.verdicts import Tile, verdict_plot
from tertius.exhibits.labels import Labels, network_words, section_label
from tertius.exhibits.results import ModelResult, ModelResults
from tertius.exhibits.style import (
    VERDICT_WORDS,
    VERDICTS,
    count,
    figure_style,
    new_figure,
    p_relation,
    real,
    wrap,
)
from tertius.exhibits.truth import Comparison, Plant, compare_with_truth
from tertius.model_spec import parse_term
from tertius.shapes.quadratic import Quadratic, fieller_set

NOT_DRAWN = "Not drawn"
"""How the description of a figure without content begins."""

PAPERS = {"zhang2025": "Paper A, Zhang & Zhang (2025)", "shao2023": "Paper B, Shao et al. (2023)"}


@dataclass(frozen=True, eq=False)
class FigureData:
    """Everything figures are drawn from.

    `ties` maps a network to year, a, b, weight_count; `types` an organisation to its type, and
    other nodes are of the `default_type`; `plant` holds the true coefficients, if any.
    """

    results: ModelResults
    panel: pl.DataFrame
    ties: Mapping[str, pl.DataFrame]
    types: Mapping[str, str]
    verdicts: pl.DataFrame
    labels: Labels
    focal: str
    years: tuple[int, int]
    seed: int
    default_type: str = "other"
    plant: Plant = field(default_factory=Plant)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure and its description in one or two sentences."""

    figure: Figure
    alt: str


def build_figure(exhibit: Exhibit, data: FigureData) -> Drawn:
    """The figure of an exhibit; where its models were not estimated, a figure that says why.

    Raises:
        KeyError: the exhibit is a table.
    """
    missing = refusals(exhibit.needed_models, data.results)
    if missing and len(missing) == len(exhibit.needed_models):
        text = "; ".join(f"{name}: {why}" for name, why in missing.items())
        return _said(f"no model was estimated ({text}).")
    makers = {
        "coefficients": _coefficients,
        "inverted_u": _inverted_u,
        "network": _network,
        "attrition": _attrition,
        "truth": _truth,
        "verdicts": _verdicts,
    }
    return makers[exhibit.kind](exhibit, data)


def _said(reason: str) -> Drawn:
    text = f"{NOT_DRAWN}: {reason}"
    with figure_style():
        figure = new_figure(6.5, 1.2)
        figure.text(0.02, 0.5, wrap(text, 88), va="center")
    return Drawn(figure, text)


def _coefficients(exhibit: Exhibit, data: FigureData) -> Drawn:
    models = [data.results.estimated[m] for m in exhibit.models if m in data.results.estimated]
    panels: dict[str, dict[str, Estimated]] = {}
    for term in exhibit.rows:
        for model in models:
            row = model.row(term)
            if row is not None:
                found = Estimated(
                    row["estimate"], row["conf_low"], row["conf_high"], row["p_value"]
                )
                panels.setdefault(data.labels.term(term), {})[model.name] = found
    if not panels:
        return _said("no model has a coefficient for the terms asked for.")
    names = [model.name for model in models]
    level = float(models[0].spec.get("confidence", 0.95))
    said = [
        f"{title} in {name}: {real(known.estimate)} ({real(known.low)} to {real(known.high)})"
        for title, found in panels.items()
        for name, known in found.items()
    ]
    alt = "Coefficients with intervals. " + "; ".join(said[:12])
    return Drawn(coefficient_plot(panels, names, level), alt + ("; ..." if said[12:] else "."))


def _inverted_u(exhibit: Exhibit, data: FigureData) -> Drawn:
    model = data.results.estimated[exhibit.model]
    terms = (exhibit.x, f"{exhibit.x}^2")
    if any(term not in model.terms for term in terms):
        return _said(f"{model.name} has no coefficients for {' and '.join(terms)}.")
    curve, level = model_curve(model, exhibit.x, data.panel)
    x_label = data.labels.term(exhibit.x)
    outcome = data.labels.variable(str(model.fit["outcome"]))
    relation = "divided by" if curve.is_ratio else "minus"
    y_label = f"Expected {_lower(outcome)}, {relation} its value at the mean of the horizontal axis"
    low, high = curve.fieller or (None, None)
    bounds = (
        f"Fieller interval {real(low)} to {real(high)}" if low is not None else curve.fieller_note
    )
    alt = (
        f"Fitted curve of {outcome} against {x_label} in model {model.name}: turning point "
        f"{real(curve.turning)}, {bounds}; {count(len(curve.values))} observations below."
    )
    return Drawn(inverted_u_plot(curve, x_label, wrap(y_label, 88), level), alt)


def _lower(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def model_curve(model: ModelResult, x: str, panel: pl.DataFrame) -> tuple[Curve, float]:
    """The quadratic of a model in one of its variables, and the coverage of its band.

    Moderators are held at their centres. The data are winsorised and transformed as in the model.

    Raises:
        KeyError: the model has no coefficient for x or its square.
    """
    coefficients, covariance = model.block((x, f"{x}^2"))
    known = model.fit["variables"][x]
    level, dof = float(model.spec.get("confidence", 0.95)), float(model.fit["dof"])
    values = model_values(model, x, panel)
    quadratic = Quadratic(
        b1=float(coefficients[0]),
        b2=float(coefficients[1]),
        v11=float(covariance[0, 0]),
        v12=float(covariance[0, 1]),
        v22=float(covariance[1, 1]),
        centre=float(known["centre"]),
    )
    known_set = fieller_set(quadratic, dof, level)
    bounded = (known_set.low, known_set.high) if known_set.kind == "bounded" else None
    curve = quadratic_curve(
        coefficients,
        covariance,
        values,
        quadratic.centre,
        float(known["mean"]),
        model.fit["link"] == "log",
        (quadratic.turning_point, bounded, f"Fieller set not bounded: {known_set.text}"),
        float(stats.t.ppf(0.5 + level / 2, dof)),
    )
    return curve, level


def model_values(model: ModelResult, x: str, panel: pl.DataFrame) -> Floats:
    """(m,) defined values of a variable on the model sample, winsorised and transformed alike."""
    known = model.fit["variables"][x]
    values = defined_values(sample_rows(panel, model.sample), known["variable"])
    values = values[np.isfinite(values)]
    if known.get("winsor_low") is not None:
        values = np.clip(values, known["winsor_low"], known["winsor_high"])
    return apply_transform(values, parse_term(x).factors[0].transform)


def _network(exhibit: Exhibit, data: FigureData) -> Drawn:
    name = exhibit.network or data.focal
    ties = data.ties[name]
    inside = ties.filter(pl.col("year").is_between(*data.years))["year"].unique().to_list()
    years = exhibit.years or picture_years(inside)
    kinds = {node: data.types.get(node, data.default_type) for node in _ends(ties)}
    picture = network_picture(ties, kinds, years, data.seed, exhibit.max_nodes)
    noun = "inventors" if data.default_type == "person" else "organisations"
    said = [
        f"{w.year}: {count(w.n_nodes)} tied {noun} and {count(w.n_ties)} ties, of which "
        f"{count(len(w.degree))} and {count(len(w.ties))} are drawn"
        for w in picture.windows
    ]
    alt = f"Network {network_words(name)} in {len(said)} years. " + "; ".join(said) + "."
    return Drawn(network_plot(picture, noun), alt)


def _ends(ties: pl.DataFrame) -> list[str]:
    return sorted(set(ties["a"]) | set(ties["b"]))


def _attrition(exhibit: Exhibit, data: FigureData) -> Drawn:
    blocks: dict[str, list[Step]] = {
        name: [(step["step"], int(step["rows"]), int(step["firms"])) for step in ledger]
        for name in exhibit.models
        if name in data.results.estimated
        for ledger in [data.results.estimated[name].fit["ledger"]]
    }
    if not blocks:
        return _said("none of the models was estimated.")
    unit = data.labels.unit
    said = [
        f"{model}: from {count(steps[0][1])} {unit}-years to {count(steps[-1][1])}"
        for model, steps in blocks.items()
    ]
    alt = f"{unit.capitalize()}-years left after each step. " + "; ".join(said) + "."
    return Drawn(attrition_plot(blocks, unit), alt)


def truth_comparison(
    model: ModelResult, plant: Plant, terms: Sequence[str] | None = None
) -> Comparison:
    """Planted coefficients, at the centres of the model, against those of the model.

    Args:
        model: the estimated planted equation.
        plant: what was planted.
        terms: the only ones to compare; None: all.
    """
    centres = {base: float(known["centre"]) for base, known in model.fit["variables"].items()}
    planted = plant.recentred(centres)
    if terms is not None:
        planted = {term: value for term, value in planted.items() if term in terms}
    estimates, covariance = model.block(model.terms)
    level = float(model.spec.get("confidence", 0.95))
    quantile = float(stats.t.ppf(0.5 + level / 2, float(model.fit.get("dof", np.inf))))
    return compare_with_truth(planted, model.terms, estimates, covariance, quantile)


def _truth(exhibit: Exhibit, data: FigureData) -> Drawn:
    comparison = truth_comparison(data.results.estimated[exhibit.model], data.plant)
    if not comparison.rows:
        return _said("no planted coefficient has an estimate.")
    names = [data.labels.term(row.term) for row in comparison.rows]
    alt = (
        f"Planted against estimated coefficients: {comparison.n_inside} of "
        f"{len(comparison.rows)} intervals hold the planted value; joint test p "
        f"{p_relation(comparison.p_value)}."
    )
    return Drawn(truth_plot(comparison, names), alt)


def verdict_tiles(verdicts: pl.DataFrame) -> dict[str, dict[str, list[Tile]]]:
    """Paper -> section in Latin letters, sorted -> (claim id, verdict), sorted by id."""
    papers: dict[str, dict[str, list[Tile]]] = {}
    rows = verdicts.sort("claim_id").select("paper", "section", "claim_id", "verdict")
    for paper, section, claim, verdict in rows.iter_rows():
        place = section_label(str(section))
        papers.setdefault(str(paper), {}).setdefault(place, []).append((claim, verdict))
    order = sorted(papers, key=lambda paper: min(t[0] for ts in papers[paper].values() for t in ts))
    return {paper: dict(sorted(papers[paper].items(), key=_place)) for paper in order}


def _place(item: tuple[str, Sequence[Tile]]) -> tuple[int, str]:
    return (0 if item[0][:1].isdigit() else 1, item[0])


def _verdicts(exhibit: Exhibit, data: FigureData) -> Drawn:
    papers = {PAPERS.get(k, k): v for k, v in verdict_tiles(data.verdicts).items()}
    words = data.verdicts["verdict"].to_list()
    said = ", ".join(f"{words.count(v)} {VERDICT_WORDS[v]}" for v in VERDICTS)
    return Drawn(verdict_plot(papers), f"{len(words)} claims by paper and section: {said}.")
