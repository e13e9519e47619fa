"""Claims whose cause and outcome are built from the same ties, held against rewired networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tertius.arrays import FloatArray
from tertius.claims.finding import EXPECTED, NEITHER, OPPOSITE, Finding, Step
from tertius.claims.placebos import REWIRED
from tertius.estimate import Estimate, NotEstimable
from tertius.shapes import ShapeSettings
from tertius.shapes.common import number, p_words
from tertius.shapes.joint import equivalent_value

OTHER_RECORDS = "outcome and cause come from different records"


def held_against(found: Finding, estimate: Estimate, settings: ShapeSettings) -> Finding:
    """A test held against networks rewired at the same degrees, where cause and outcome share ties.

    The slope must also lie beyond what it is on rewired networks: p = (1 + k)/(B + 1), k of B of
    them as far in the stated direction; the opposite is a slope that is as far in the other one.
    Where the outcome comes from other records than the cause, the sign stands as it is, and its
    row says so.

    Raises:
        NotEstimable: no rewired network carried the model.
    """
    test = found.test
    if test.placebo != REWIRED:
        return replace(found, quantity=f"{found.quantity} ({OTHER_RECORDS})")
    term = found.results[0].subject
    drawn = settings.placebos.get((test.model, term), np.zeros(0))
    if not len(drawn):
        what = f"no rewired network carries the model {test.model}"
        raise NotEstimable("no_placebo", test.model, what)
    p_stated, p_other = _shares(drawn, found.estimate, test.side)
    stated = found.direction == EXPECTED and p_stated < settings.alpha
    direction = EXPECTED if stated else OPPOSITE if p_other < settings.alpha else NEITHER
    p_value = p_other if direction == OPPOSITE else max(p_stated, _own_p(found))
    middle, error = float(np.mean(drawn)), found.std_error
    value = equivalent_value(p_value, error, estimate.dof, found.estimate - middle)
    span = f"{number(float(drawn.min()))} to {number(float(drawn.max()))}"
    words = (
        f"{number(found.estimate)} against {span} on {len(drawn)} networks rewired at the same "
        f"degrees, {p_words(p_stated)}"
    )
    return replace(
        found,
        quantity=f"{found.quantity}, held against {len(drawn)} rewired networks",
        p_value=p_value,
        direction=direction,
        steps=(
            *found.steps,
            Step(f"{term} lies beyond rewired networks", p_stated < settings.alpha, words),
        ),
        hypothesis=replace(found.hypothesis, estimate=value, alternative="two-sided"),
        sentence=f"{found.sentence} {term}: {words}.",
        notes={**found.notes, "placebo_mean": middle, "placebo_draws": len(drawn)},
    )


def _shares(drawn: FloatArray, estimate: float, side: str) -> tuple[float, float]:
    """(1 + k)/(B + 1) of draws as far in the stated direction, and in the other one.

    Without a stated side draws count that lie as far from their mean on either side, and there is
    no other direction.
    """
    if side in ("greater", "less"):
        beyond = (drawn - estimate) * (-1.0 if side == "less" else 1.0)
        counts = int((beyond >= 0).sum()), int((beyond <= 0).sum())
        return ((1 + counts[0]) / (len(drawn) + 1), (1 + counts[1]) / (len(drawn) + 1))
    middle = float(drawn.mean())
    far = int((np.abs(drawn - middle) >= abs(estimate - middle)).sum())
    return (1 + far) / (len(drawn) + 1), 1.0


def _own_p(found: Finding) -> float:
    """The p of the test itself where its direction is not the opposite one."""
    return found.p_value if found.direction != OPPOSITE else 0.0
