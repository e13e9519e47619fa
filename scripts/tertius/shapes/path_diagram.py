"""Equations of a mediation on the rows of its outcome model, and the products along its paths."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tertius.arrays import FloatArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.model_spec import TermError, canonical_term, parse_term
from tertius.shapes.common import base_of
from tertius.shapes.indirect import Quantity, System, combination, make_system, product_of
from tertius.shapes.refit import Refit, Rows, fit_rows, rows_of
from tertius.shapes.splines import ok_values

OUTCOME = "y"


@dataclass(frozen=True, eq=False)
class Diagram:
    """Equations of a mediation: the outcome, and each mediator on x (and on earlier mediators)."""

    x: str
    mediators: tuple[str, ...]
    serial: bool
    moderator: str
    stage: str
    system: System
    equations: dict[str, tuple[Rows, Refit]]
    reduced: Refit


def refuse_shared(
    x: str, mediators: Sequence[str], shares_records: Callable[[str, str], bool] | None
) -> None:
    """Refuse mediators that are built from the records x is built from.

    Raises:
        NotEstimable: the check says so for a mediator.
    """
    for mediator in mediators:
        if shares_records is not None and shares_records(x, mediator):
            what = f"{x} and {mediator} are built from the same records: date them apart"
            raise NotEstimable("shared_records", mediator, what)


def make_diagram(
    estimate: Estimate,
    x: str,
    mediators: tuple[str, ...],
    serial: bool,
    moderator: str,
    stage: str,
    draws: int,
    seed: int,
    counted: tuple[str, ...] = (),
) -> Diagram:
    """Fit the equations of a mediation on the rows of the outcome model.

    A mediator's equation has the outcome model's other regressors: those without any mediator, and
    in a serial diagram the earlier mediators. Rows in which the mediator is undefined leave it.
    """
    x = base_of(estimate, x)
    mediators = tuple(base_of(estimate, m) for m in mediators)
    moderator = base_of(estimate, moderator) if moderator else ""
    rows = rows_of(estimate)
    inner = without_mediators(estimate, rows, mediators)
    equations = {OUTCOME: (rows, fit_rows(rows))}
    for j, mediator in enumerate(mediators):
        own = inner
        if serial:
            own = own.adding({m: rows.column(m) for m in mediators[:j]})
        own = own.adding(_products(rows, x, moderator, stage))
        own = mediator_rows(estimate, own, mediator, mediator in counted)
        equations[mediator] = (own, fit_rows(own))
    system = make_system(equations, draws, seed)
    return Diagram(x, mediators, serial, moderator, stage, system, equations, fit_rows(inner))


def path_equations(estimate: Estimate, x: str, mediator: str) -> dict[str, tuple[Rows, Refit]]:
    """The outcome equation under ``y`` and the equation of one mediator under its label."""
    base_of(estimate, x)
    mediator = base_of(estimate, mediator)
    rows = rows_of(estimate)
    own = mediator_rows(estimate, without_mediators(estimate, rows, (mediator,)), mediator, False)
    return {OUTCOME: (rows, fit_rows(rows)), mediator: (own, fit_rows(own))}


def without_mediators(estimate: Estimate, rows: Rows, mediators: Sequence[str]) -> Rows:
    """The rows without any column made from a mediator."""
    return rows.without([c for c in rows.labels if _touches(c, mediators, estimate)])


def mediator_rows(estimate: Estimate, rows: Rows, mediator: str, is_count: bool) -> Rows:
    """The rows with the mediator as outcome, where it is defined."""
    values, ok = ok_values(estimate, mediator)
    y = values if is_count else values - estimate.variables[mediator].centre
    return rows.explaining(y, is_count=is_count).take(ok)


def _products(rows: Rows, x: str, moderator: str, stage: str) -> dict[str, FloatArray]:
    """The product of x and the moderator, where the first stage needs it and the rows lack it."""
    if not moderator or stage == "second":
        return {}
    label = canonical_term(f"{x}:{moderator}")
    if label in rows.labels:
        return {}
    return {label: rows.column(x) * rows.column(moderator)}


def _touches(label: str, mediators: Sequence[str], estimate: Estimate) -> bool:
    """Whether a column is made from a mediator, or flags where one is undefined."""
    variables = {estimate.variables[m].variable for m in mediators}
    try:
        term = parse_term(label)
    except TermError:
        return any(label.startswith(f"undefined({v}=") for v in variables) or any(
            base in mediators for base in label.split(":")
        )
    return any(base in mediators for base in term.bases)


def chain_places(diagram: Diagram) -> dict[str, list[int]]:
    """Every path from x to y through mediators -> the places of its coefficients."""
    place, x = diagram.system.place, diagram.x
    chains = {}
    for size in range(1, len(diagram.mediators) + 1 if diagram.serial else 2):
        for route in itertools.combinations(diagram.mediators, size):
            steps = [place(route[0], x)]
            steps += [place(b, a) for a, b in itertools.pairwise(route)]
            steps.append(place(OUTCOME, route[-1]))
            chains[" -> ".join((x, *route))] = steps
    return chains


def stated_quantity(diagram: Diagram, chains: dict[str, list[int]]) -> Quantity:
    """The full chain of a serial diagram, else the sum over the mediators."""
    if diagram.serial:
        return product_of(list(chains.values())[-1])
    return combination([(1.0, product_of(places)) for places in chains.values()])


def conditional_quantity(diagram: Diagram, w: float) -> Quantity:
    """Indirect effect through the first mediator at a (centred) value of the moderator."""
    mediator, place = diagram.mediators[0], diagram.system.place
    a = [(place(mediator, diagram.x), 1.0)]
    b = [(place(OUTCOME, mediator), 1.0)]
    if diagram.stage in ("first", "both"):
        a.append((place(mediator, canonical_term(f"{diagram.x}:{diagram.moderator}")), w))
    if diagram.stage in ("second", "both"):
        b.append((place(OUTCOME, canonical_term(f"{mediator}:{diagram.moderator}")), w))

    def quantity(theta: FloatArray) -> FloatArray:
        first = sum(theta[:, j] * weight for j, weight in a)
        second = sum(theta[:, j] * weight for j, weight in b)
        return np.asarray(first * second, dtype=np.float64)

    return quantity


def index_name(diagram: Diagram) -> str:
    """Name of the index of moderated mediation."""
    return (
        f"index of moderated mediation {diagram.x} -> {diagram.mediators[0]} by {diagram.moderator}"
    )


def index_places(diagram: Diagram) -> set[int]:
    """Coefficients of the index: a3 and b, or a and b3."""
    mediator, place = diagram.mediators[0], diagram.system.place
    first = diagram.x if diagram.stage == "second" else f"{diagram.x}:{diagram.moderator}"
    second = f"{mediator}:{diagram.moderator}" if diagram.stage == "second" else mediator
    return {place(mediator, canonical_term(first)), place(OUTCOME, canonical_term(second))}
