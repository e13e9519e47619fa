"""What a study could have found: minimum detectable effects and equivalence."""

from __future__ import annotations


def minimum_detectable_effect(std_error: float) -> float:
    """Effect found with 80 % power by a two-sided 5 % test: 2.8 standard errors (Bloom 1995)."""
    return 2.8 * std_error
