"""The scales of planted terms: (x - centre) / scale with round numbers, 0 if undefined."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .settings import Floats

SCALES: Mapping[str, tuple[float, float]] = {
    "log1p(deg)": (1.5, 0.7),
    "log1p(deg_market)": (0.95, 0.7),
    "sh": (0.62, 0.26),
    "turb": (0.0, 1.0),
    "sbreadth": (0.64, 0.18),
    "inst": (6.7, 0.72),
    "digital": (21.5, 5.7),
    "pdiv": (0.36, 0.13),
    "edens": (0.18, 0.23),
    "complexity": (0.0, 0.75),
    "coop_fp": (0.09, 0.17),
    "coop_pp": (0.05, 0.12),
    "gov_r": (0.25, 1.0),
    "formal": (0.67, 0.3),
    "tstr": (3.25, 0.8),
    "reconf_s": (0.3, 0.3),
    "reconf_f": (0.14, 0.16),
    "instab": (0.18, 0.24),
    "geodist": (6.55, 0.85),
    "compl": (0.05, 0.12),
    "log1p(science)": (0.7, 1.0),
    "tdiv": (0.72, 0.15),
    "khet": (0.8, 0.2),
    "converge": (0.1, 0.15),
    "rdint": (0.038, 0.018),
    "subsidy": (0.011, 0.007),
    "ptype_univ": (0.13, 0.2),
    "ptype_young": (0.025, 0.08),
    "sites": (0.6, 0.8),
    "hubspoke": (0.7, 0.3),
    "inst_dist": (0.6, 0.35),
    "culture": (0.3125, 0.75),
    "newtie_in": (0.4, 0.9),
}
"""Centre and scale of the variables, near their means and standard deviations on the demo."""


def scaled(values: Floats, name: str, cut: float | None = 2.5) -> Floats:
    """(x - centre) / scale of a variable, 0 where undefined; cut at so many standard deviations."""
    centre, scale = SCALES[name]
    z = (np.asarray(values, dtype=np.float64) - centre) / scale
    known = np.where(np.isfinite(z), z, 0.0)
    return known if cut is None else np.clip(known, -cut, cut)


def logistic(x: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)))
