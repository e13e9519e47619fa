"""Natural direct and indirect effects where outcome or mediators are not linear.

Each row keeps its own errors: its mediators move by what x does to them, its expected outcome by
what x and the mediators then do (Imai, Keele & Tingley 2010, Psychological Methods 15:309; Pearl
2001). Products of x and m and powers count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tertius.arrays import BoolArray, FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.inference.intervals import percentile_interval
from tertius.model_spec import Term, TermError, parse_term
from tertius.shapes.common import base_of, number, term_at
from tertius.shapes.path_diagram import OUTCOME, Diagram, make_diagram


@dataclass(frozen=True)
class NaturalEffect:
    """Average effect on the expected outcome, percentile interval; for counts as ratio too."""

    name: str
    estimate: float
    conf_low: float
    conf_high: float
    ratio: float
    ratio_low: float
    ratio_high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.conf_low > 0 or self.conf_high < 0


@dataclass(frozen=True)
class CounterfactualMediation:
    """Total, natural direct and natural indirect effect of `step` in x; total = direct + indirect.

    `indirect` compares mediators with x moved, x moved in the outcome (total natural indirect);
    `direct` moves x in the outcome with mediators as they were (pure natural direct).
    """

    subject: str
    step: float
    total: NaturalEffect
    direct: NaturalEffect
    indirect: NaturalEffect
    draws: int
    sentence: str

    def figure(self) -> pl.DataFrame:
        """Figure data: effect, estimate, low, high."""
        parts = (self.total, self.direct, self.indirect)
        rows = [(p.name, p.estimate, p.conf_low, p.conf_high) for p in parts]
        return pl.DataFrame(rows, schema=["effect", "estimate", "low", "high"], orient="row")


def mediation_counterfactual(
    estimate: Estimate,
    x: str,
    mediators: Sequence[str],
    *,
    step: float | None = None,
    count_mediators: Sequence[str] = (),
    draws: int = 1000,
    seed: int = 1,
) -> CounterfactualMediation:
    """Natural effects by simulation over the rows, with firms resampled.

    Args:
        estimate: outcome model with x and the mediators, their products and powers allowed.
        x: base label.
        mediators: base labels, in parallel.
        step: change of x, by default one within-firm standard deviation.
        count_mediators: mediators whose equation is a Poisson one; they must enter untransformed.
        draws, seed: of the resamples of clusters.

    Raises:
        NotEstimable: a path has no coefficient, or a count mediator is transformed.
    """
    base = base_of(estimate, x)
    counted = tuple(base_of(estimate, m) for m in count_mediators)
    for mediator in counted:
        if estimate.variables[mediator].transform != "identity":
            raise NotEstimable("transformed", mediator, f"{mediator} is no count as it enters")
    diagram = make_diagram(
        estimate, base, tuple(mediators), False, "", "first", draws, seed, counted
    )
    size = estimate.variables[base].sd_within if step is None else step
    world = _World.of(estimate, diagram, size, counted)
    point = world.means(diagram.system.theta)
    drawn = np.array([world.means(theta) for theta in diagram.system.draws])
    effects = {
        "total effect": (2, 0),
        "natural direct effect": (1, 0),
        "natural indirect effect": (2, 1),
    }
    level = estimate.spec.confidence
    made = [
        _effect(name, point, drawn, *pair, level, estimate.link) for name, pair in effects.items()
    ]
    return CounterfactualMediation(
        subject=f"{base} -> {', '.join(diagram.mediators)}",
        step=size,
        total=made[0],
        direct=made[1],
        indirect=made[2],
        draws=draws,
        sentence=_sentence(estimate, diagram, size, made),
    )


@dataclass(frozen=True, eq=False)
class _World:
    """The rows as they are, and how to move them."""

    fitted: FloatArray
    link: str
    here: Mapping[str, FloatArray]
    touched: Sequence[tuple[int, Term]]
    x: str
    step: float
    mediator_terms: Mapping[str, Sequence[tuple[int, Term]]]
    raw_mediators: Mapping[str, FloatArray]
    counted: tuple[str, ...]

    @classmethod
    def of(
        cls, estimate: Estimate, diagram: Diagram, step: float, counted: tuple[str, ...]
    ) -> _World:
        moved = (diagram.x, *diagram.mediators)
        touched = _terms_with(diagram, OUTCOME, moved)
        equations = {m: _terms_with(diagram, m, (diagram.x,)) for m in diagram.mediators}
        lists = [touched, *equations.values()]
        bases = sorted({b for found in lists for _, t in found for b in t.bases} | set(moved))
        values = {b: estimate.values(b) - estimate.variables[b].centre for b in bases}
        ok: BoolArray = np.asarray(~np.isnan(np.stack(list(values.values()))).any(axis=0))
        if not ok.any():
            raise NotEstimable("no_rows", diagram.x, "no row has x and all mediators")
        here = {b: v[ok] for b, v in values.items()}
        centres = {m: estimate.variables[m].centre for m in diagram.mediators}
        fitted = estimate.frame["fitted"].to_numpy()[ok]
        raw = {m: here[m] + centres[m] for m in diagram.mediators}
        return cls(fitted, estimate.link, here, touched, diagram.x, step, equations, raw, counted)

    def means(self, theta: FloatArray) -> tuple[float, float, float]:
        """E[y] as it is; with x moved in y alone; with x moved in y and in the mediators."""
        direct = {**self.here, self.x: self.here[self.x] + self.step}
        both = dict(direct)
        for mediator, terms in self.mediator_terms.items():
            change = _change(theta, terms, self.here, direct)
            if mediator in self.counted:
                change = self.raw_mediators[mediator] * np.expm1(change)
            both[mediator] = self.here[mediator] + change
        return self._mean(theta, self.here), self._mean(theta, direct), self._mean(theta, both)

    def _mean(self, theta: FloatArray, there: Mapping[str, FloatArray]) -> float:
        change = _change(theta, self.touched, self.here, there)
        if self.link == "log":
            return float((self.fitted * np.exp(np.minimum(change, 700.0))).mean())
        return float((self.fitted + change).mean())


def _terms_with(diagram: Diagram, equation: str, bases: Sequence[str]) -> list[tuple[int, Term]]:
    """Places and terms of an equation that hold one of some variables."""
    found = []
    for j, name in enumerate(diagram.system.names):
        where, label = name.split("|")
        if where != equation:
            continue
        try:
            term = parse_term(label)
        except TermError:
            continue
        if any(base in term.bases for base in bases):
            found.append((j, term))
    return found


def _change(
    theta: FloatArray,
    terms: Sequence[tuple[int, Term]],
    here: Mapping[str, FloatArray],
    there: Mapping[str, FloatArray],
) -> FloatArray:
    total = np.zeros(len(next(iter(here.values()))))
    for j, term in terms:
        total = total + theta[j] * (term_at(term, there) - term_at(term, here))
    return np.asarray(total, dtype=np.float64)


def _effect(
    name: str,
    point: tuple[float, float, float],
    drawn: FloatArray,
    later: int,
    earlier: int,
    level: float,
    link: str,
) -> NaturalEffect:
    gap = percentile_interval(drawn[:, later] - drawn[:, earlier], level)
    value = point[later] - point[earlier]
    if link != "log":
        return NaturalEffect(name, value, *gap, np.nan, np.nan, np.nan)
    ratio = percentile_interval(drawn[:, later] / drawn[:, earlier], level)
    return NaturalEffect(name, value, *gap, point[later] / point[earlier], *ratio)


def _sentence(
    estimate: Estimate, diagram: Diagram, step: float, made: Sequence[NaturalEffect]
) -> str:
    total, direct, indirect = made
    outcome = estimate.spec.outcome_column
    return (
        f"Raising {diagram.x} by {number(step)} changes expected {outcome} by "
        f"{number(total.estimate)}: {number(indirect.estimate)} "
        f"[{number(indirect.conf_low)}, {number(indirect.conf_high)}] through "
        f"{', '.join(diagram.mediators)} and {number(direct.estimate)} "
        f"[{number(direct.conf_low)}, {number(direct.conf_high)}] directly."
    )
