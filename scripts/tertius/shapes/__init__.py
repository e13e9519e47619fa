"""Shape tests on an estimate: sign, inverted-U, moderation, moderated inverted-U."""

from __future__ import annotations

from tertius.shapes.common import ShapeResult, effect_curve
from tertius.shapes.inverted_u import InvertedU, inverted_u_test
from tertius.shapes.moderated_inverted_u import (
    ModeratedInvertedU,
    ModeratedQuadratic,
    moderated_inverted_u_test,
    turning_curve,
)
from tertius.shapes.moderation import JohnsonNeyman, Moderation, johnson_neyman, moderation_test
from tertius.shapes.quadratic import FiellerSet, Quadratic
from tertius.shapes.sign import SignTest, sign_test

__all__ = [
    "FiellerSet",
    "InvertedU",
    "JohnsonNeyman",
    "ModeratedInvertedU",
    "ModeratedQuadratic",
    "Moderation",
    "Quadratic",
    "ShapeResult",
    "SignTest",
    "effect_curve",
    "inverted_u_test",
    "johnson_neyman",
    "moderated_inverted_u_test",
    "moderation_test",
    "sign_test",
    "turning_curve",
]
