"""The planted equation: regressors at 31 December t, patents in t + 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .settings import Flags, Floats, Ints, OutcomePlan, WorldSettings


@dataclass(frozen=True)
class Centres:
    """Means of ln(1 + deg) and sh over living firms of the analysed years (isolates without sh)."""

    log1p_deg: float
    sh: float


REGRESSORS = (
    "deg", "sh", "tdiv", "turb", "sbreadth", "amb_bal", "partner_death", "ln_assets", "rd_int",
)  # fmt: skip
"""Names of the regressors that `index` wants; NaN where undefined."""


def index(plan: OutcomePlan, centres: Centres, x: Mapping[str, Floats]) -> Floats:
    """Planted index of E[y] without firm and year effects, shape (n,).

    Undefined regressors (NaN) and their products add nothing.

    Args:
        plan: coefficients.
        centres: what ln(1 + deg) and sh are centred at in their product and in sh's own term.
        x: a column of shape (n,) for each of `REGRESSORS`.
    """
    ties = np.log1p(x["deg"]) - centres.log1p_deg
    holes = _defined(x["sh"] - centres.sh)
    diverse = _defined(x["tdiv"] - plan.tdiv_turning)
    turb = _defined(x["turb"])
    wide = _defined((x["sbreadth"] - plan.breadth_centre) / plan.breadth_unit)
    total = (
        plan.log1p_deg * ties
        + plan.sh * holes
        + plan.deg_sh * ties * holes
        + plan.tdiv * diverse
        + plan.tdiv_squared * diverse**2
        + plan.turb * turb
        + plan.turb_tdiv * turb * diverse
        + plan.turb_tdiv_squared * turb * diverse**2
        + plan.breadth * wide
        + plan.breadth_squared * wide**2
        + plan.amb_bal * _defined(x["amb_bal"])
        + plan.partner_death * x["partner_death"]
        + plan.ln_assets * x["ln_assets"]
        + plan.rd_int * _defined(x["rd_int"])
    )
    return np.asarray(np.round(total, 10))


def _defined(x: Floats) -> Floats:
    return np.where(np.isfinite(x), x, 0.0)


def year_effect(settings: WorldSettings, year: int, eta: Floats, frame: Flags) -> float:
    """Constant of outcome year `year` that gives the frame its planned mean count."""
    plan = settings.patents
    middle = (settings.analysis_first + settings.analysis_last) / 2.0 + 1.0
    wanted = plan.mean_count * np.exp(plan.growth * (year - middle))
    return float(np.log(wanted) - np.log(np.exp(eta[frame]).mean()))


def draw_counts(rng: np.random.Generator, mean: Floats, dispersion: float) -> Ints:
    """Negative binomial counts (NB2): variance mean + dispersion * mean^2; Poisson at 0."""
    frailty = np.ones(len(mean))
    if dispersion > 0.0:
        frailty = rng.gamma(1.0 / dispersion, dispersion, len(mean))
    return np.asarray(rng.poisson(mean * frailty), dtype=np.int64)


def coefficients(plan: OutcomePlan) -> dict[str, float]:
    """Planted coefficients by term, on the variables as measured (`Centres` and plan centres)."""
    unit = plan.breadth_unit
    return {
        "log1p(deg)": plan.log1p_deg,
        "sh": plan.sh,
        "log1p(deg):sh": plan.deg_sh,
        "tdiv": plan.tdiv,
        "tdiv^2": plan.tdiv_squared,
        "turb": plan.turb,
        "turb:tdiv": plan.turb_tdiv,
        "turb:tdiv^2": plan.turb_tdiv_squared,
        "sbreadth": round(plan.breadth / unit, 6),
        "sbreadth^2": round(plan.breadth_squared / unit**2, 6),
        "amb_bal": plan.amb_bal,
        "partner_death": plan.partner_death,
        "ln_assets": plan.ln_assets,
        "rd_int": plan.rd_int,
    }
