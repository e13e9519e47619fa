"""Claims whose cause and outcome are built from the same ties, held against rewired networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tertius.claims.finding import EXPECTED, NEITHER, OPPOSITE, Finding, Step
from tertius.claims.placebos import REWIRED
from tertius.estimate import Estimate, NotEstimable
from tertius.shapes import ShapeSettings
from tertius.shapes.common import number, p_words
from tertius.shapes.joint import equivalent_value

OTHER_RECORDS = "outcome and cause come from different records"


def held_against(found: Finding, estimate: Estimate, settings: ShapeSettings, name: str) -> Finding:
    """A sign held against networks rewired at the same degrees, where cause and outcome share ties.

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
    turn = -1.0 if test.side == "less" else 1.0
    beyond = turn * (drawn - found.estimate)
    p_stated, p_other = (
        (1 + int(k)) / (len(drawn) + 1) for k in ((beyond >= 0).sum(), (beyond <= 0).sum())
    )
    stated = found.direction == EXPECTED and p_stated < settings.alpha
    direction = EXPECTED if stated else OPPOSITE if p_other < settings.alpha else NEITHER
    p_value = max(found.p_value, p_stated) if turn * found.estimate > 0 else p_stated
    p_value = p_other if direction == OPPOSITE else p_value
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
