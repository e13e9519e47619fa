"""Sizes and planted coefficients of a simulated world: every number that can be chosen."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .plans import FurtherPlan, QualityPlan, RecordPlan, TraitPlan

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class OutcomePlan:
    """Coefficients of the index of E[patents in t+1], on regressors measured at 31 December t.

    Undefined regressors add nothing to the index (their dummies have coefficient 0). The two
    `breadth` coefficients act on (sbreadth - `breadth_centre`) / `breadth_unit`, where the unit is
    the realised standard deviation / 0.55; those of `tdiv` on tdiv - `tdiv_turning`; `turb` is the
    within-year z-score of industry dynamism.
    """

    log1p_deg: float = 0.45
    sh: float = 1.6
    deg_sh: float = 1.2
    tdiv: float = 0.0
    tdiv_squared: float = -8.0
    tdiv_turning: float = 0.72
    turb: float = 0.0
    turb_tdiv: float = 0.8
    turb_tdiv_squared: float = 2.0
    breadth: float = 0.15
    breadth_squared: float = -0.25
    breadth_centre: float = 0.64
    breadth_unit: float = 0.33
    amb_bal: float = 0.34
    partner_death: float = -0.20
    ln_assets: float = 0.10
    rd_int: float = 2.0


@dataclass(frozen=True)
class BreadthPlan:
    """Latent search breadth of year t from the position at 31 December t-1, and its scale.

    latent = log1p_deg (ln(1+deg) - mean) + sh (sh - mean) + N(0, noise^2);
    target of the realised breadth = middle + unit * latent, held inside [lowest, highest].
    """

    log1p_deg: float = 0.20
    sh: float = 0.60
    noise: float = 0.5
    middle: float = 0.62
    unit: float = 0.30
    lowest: float = 0.22
    highest: float = 0.97


@dataclass(frozen=True)
class FormationPlan:
    """Log odds that a pair signs a bilateral deal in a year, and the rates of deals."""

    prox: float = 4.2
    prox_squared: float = -2.6
    prior_tie: float = 1.2
    current_tie: float = 0.1
    common_partner: float = 0.5
    capacity: float = -0.6
    distance: float = -0.15
    turb_prior: float = 0.4
    policy_it: float = 0.65
    policy_traditional: float = 0.3
    policy_industry: float = 0.4
    turb: float = 0.38
    it_activity: float = 0.25
    compl: float = 0.6
    compl_it: float = 1.8
    common_distance: float = 0.20
    pilot_foreign: float = 1.2
    shock_holes: float = 2.2
    appeal_deg: float = 4.0
    appeal_freq: float = 1.5
    bilateral_rate: float = 0.36
    team_rate: float = 0.075


@dataclass(frozen=True)
class HazardPlan:
    """Log hazard (complementary log-log) that a deal ends in a year.

    Terms of the parties' portfolios on 31 December of the year before act on their mean over the
    parties, twice: on scaled values (`scales.SCALES`). Others are dummies of the deal.
    """

    base: float = -1.12
    turb: float = 0.20
    pdiv: float = 0.15
    complexity: float = 0.20
    edens: float = 0.20
    coop_fp: float = 0.15
    gov_r: float = -0.20
    formal: float = -0.10
    formal_turb: float = -0.15
    gov_r_pdiv: float = -0.15
    edens_complexity: float = -0.32
    equity: float = -0.40
    repeated: float = -0.30
    clauses: float = -0.10
    young_formal: float = -1.6
    shock: float = 0.40
    shock_equity: float = -0.40


@dataclass(frozen=True)
class PropensityPlan:
    """Standard deviations and persistence of the firms' latent AR(1) leanings."""

    persistence: float = 0.75
    activity_between: float = 0.35
    activity_within: float = 0.6
    closure: float = 0.8
    bridging: float = 1.2
    exploring: float = 1.0


@dataclass(frozen=True)
class PatentPlan:
    """Level, noise and make-up of the patents."""

    mean_count: float = 3.6
    growth: float = 0.01
    dispersion: float = 0.08
    firm_effect_sd: float = 0.25
    firm_effect_activity: float = 0.15
    institute_mean: float = 4.0
    joint_share: float = 0.112
    mean_citations: float = 3.6
    self_share: float = 0.12
    partner_share: float = 0.13
    quality_sd: float = 1.1
    granted_share: float = 0.6


@dataclass(frozen=True)
class RecordFaults:
    """Shares of blemishes put into the records as a user finds them."""

    name_variants: float = 0.03
    missing_ends: float = 0.02
    missing_rd: float = 0.03


@dataclass(frozen=True)
class WorldSettings:
    """Sizes, years and coefficients of one simulated world.

    Years: `first_year`..`last_year` are the raw years (priority years, deals, accounts);
    `analysis_first`..`analysis_last` are the years t whose covariates are meant for analysis.
    Industries take four patent classes each out of `3 * n_industries` (each shares its last
    class with the next industry, in a ring).
    """

    n_firms: int = 1100
    n_institutes: int = 165
    n_industries: int = 20
    n_cities: int = 40
    n_treated_cities: int = 24
    first_year: int = 1990
    last_year: int = 2019
    analysis_first: int = 1999
    analysis_last: int = 2011
    share_born_inside: float = 0.15
    share_dissolved: float = 0.10
    share_foreign: float = 0.06
    share_with_parent: float = 0.05
    share_shocked: float = 0.03
    outcome: OutcomePlan = field(default_factory=OutcomePlan)
    breadth: BreadthPlan = field(default_factory=BreadthPlan)
    formation: FormationPlan = field(default_factory=FormationPlan)
    hazard: HazardPlan = field(default_factory=HazardPlan)
    further: FurtherPlan = field(default_factory=FurtherPlan)
    quality: QualityPlan = field(default_factory=QualityPlan)
    traits: TraitPlan = field(default_factory=TraitPlan)
    records: RecordPlan = field(default_factory=RecordPlan)
    propensity: PropensityPlan = field(default_factory=PropensityPlan)
    patents: PatentPlan = field(default_factory=PatentPlan)
    faults: RecordFaults = field(default_factory=RecordFaults)

    @property
    def n_classes(self) -> int:
        """Number of IPC4 classes: three times the industries."""
        return 3 * self.n_industries

    @property
    def years(self) -> range:
        """All raw years."""
        return range(self.first_year, self.last_year + 1)

    @property
    def analysis_years(self) -> range:
        """The years t whose covariates are meant for analysis."""
        return range(self.analysis_first, self.analysis_last + 1)


def settings_for(n_firms: int) -> WorldSettings:
    """World of `n_firms` firms whose industries, classes and cities shrink with it below 1,000.

    About 50 firms an industry and 25 a city are kept, so that class-year cells stay filled.

    Raises:
        ValueError: fewer than 40 firms.
    """
    if n_firms < 40:
        raise ValueError(f"a world needs at least 40 firms, not {n_firms}")
    n_cities = int(min(40, max(5, n_firms // 25)))
    return WorldSettings(
        n_firms=n_firms,
        n_institutes=round(0.15 * n_firms),
        n_industries=int(min(20, max(4, n_firms // 50))),
        n_cities=n_cities,
        n_treated_cities=round(0.6 * n_cities),
    )


_Plan = TypeVar(
    "_Plan",
    OutcomePlan,
    BreadthPlan,
    FormationPlan,
    HazardPlan,
    FurtherPlan,
    QualityPlan,
    TraitPlan,
    RecordPlan,
)

_LEVELS = {
    "tdiv_turning", "breadth_centre", "breadth_unit", "noise", "middle", "unit", "lowest",
    "highest", "bilateral_rate", "team_rate", "base",
}  # fmt: skip


def _without_slopes(plan: _Plan) -> _Plan:
    slopes = {one.name: 0.0 for one in fields(plan) if one.name not in _LEVELS}
    return replace(plan, **slopes)


def null_world(settings: WorldSettings) -> WorldSettings:
    """The same world with every slope zero, in the outcome and in all other equations."""
    return replace(
        settings,
        outcome=_without_slopes(settings.outcome),
        breadth=_without_slopes(settings.breadth),
        formation=_without_slopes(settings.formation),
        hazard=_without_slopes(settings.hazard),
        further=_without_slopes(settings.further),
        quality=_without_slopes(settings.quality),
        traits=_without_slopes(settings.traits),
        records=_without_slopes(settings.records),
    )
