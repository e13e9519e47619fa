"""The truth of a world: what was planted, how it is defined, and what came out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from . import catalogue
from .claim_truth import claims_as_data
from .environment import Environment, industry_code
from .further import FURTHER, LATENT, further_centres, further_terms, mediated
from .organisations import Register, cities
from .outcome import REGRESSORS, Centres, coefficients
from .scales import SCALES
from .settings import WorldSettings

_DEFINITIONS = {
    "deg": "Number of organisations tied by an active deal on 31 December t; isolates 0.",
    "sh": "1 - Burt constraint on the whole network of 31 December t (all living organisations, "
    "tie weight = sum over active deals of k parties of 1/(k-1)); undefined for isolates; pendants "
    "0.",
    "tdiv": "Hall-corrected Blau index over IPC4 classes of the pooled patents (each once) of all "
    "partners of 31 December t with priority years t-4..t, without those the firm itself applied "
    "for; a patent's different IPC4 classes share equally: 1 - (|sum_p s_p|^2 - sum_p |s_p|^2) / "
    "(N(N-1)); undefined for isolates and for N < 2.",
    "turb": "Dess-Beard dynamism of the firm's industry (standard error of the slope of sales on "
    "year over t-4..t, 3 degrees of freedom, over mean sales) as z-score within the year over all "
    "living firms (one observation a firm, standard deviation with divisor n).",
    "sbreadth": "The same Hall-corrected index over the IPC4 classes of external patents cited by "
    "the firm's patents of priority year t, one item a citation; external = no applicant of the "
    "cited patent is the firm or one of its partners of 31 December t; undefined for N < 2.",
    "amb_bal": "1 - |explore - exploit| / (explore + exploit) over deals active on 31 December t: "
    "RD without manufacture and marketing counts 1 to explore, manufacture or marketing without RD "
    "1 to exploit, both a half to each, other functions nothing; undefined for 0/0.",
    "partner_death": "1 if a partner of 31 December t-1 dissolved in t, else 0.",
    "ln_assets": "Natural logarithm of total assets of year t.",
    "rd_int": "R&D expense over sales of year t; undefined where R&D is not reported.",
}

_CONVENTIONS = {
    "outcome": "Patents of priority year t+1 of which the firm is an applicant, whole counts; a "
    "joint patent counts one for each applicant.",
    "frame": "Organisations of type firm that live on 31 December t: founded by then and not "
    "dissolved by then.",
    "active": "A deal is active on 31 December t if announced by then and terminated later; "
    "without a termination date in calendar years announcement..announcement+4.",
    "undefined": "An undefined regressor and every product with it add 0 to the index after "
    "centring, so that status dummies have coefficient 0.",
    "feedback": "Positions, balance, turbulence and accounts never look at patents, tdiv only at "
    "those of partners: strictly exogenous to the firm's own counts. sbreadth follows a latent "
    "breadth that does not look at counts, but is undefined where the firm had no patents in t: "
    "that status dummy is a function of the lagged count, its true coefficient is 0, and "
    "estimates with firm effects are biased upwards.",
    "roll_up": "Everything is planted on single organisations, without rolling up to parents.",
    "winsorising": "Nothing is winsorised in the planted equation.",
}


def truth_of(
    settings: WorldSettings,
    seed: int,
    register: Register,
    environment: Environment,
    centres: Centres,
    panel: pl.DataFrame,
    tables: dict[str, pl.DataFrame],
) -> dict[str, Any]:
    """Everything a reader needs to compare estimates with the plant, as plain data."""
    return {
        "about": "Truth of a simulated world: real provinces, everything else is invented.",
        "seed": seed,
        "years": {
            "raw": [settings.first_year, settings.last_year],
            "analysed_t": [settings.analysis_first, settings.analysis_last],
        },
        "outcome": _outcome(settings, centres),
        "definitions": _DEFINITIONS,
        "conventions": _CONVENTIONS,
        "mediator": _mediator(settings),
        "formation": _formation(settings, environment),
        "termination": {
            "model": "yearly complementary log-log hazard of a deal; terms of portfolios on scaled "
            "values of 31 December before, twice their mean over the parties",
            "log_hazard": asdict(settings.hazard),
        },
        "scales": {name: list(pair) for name, pair in SCALES.items()},
        "classes": f"{settings.n_classes} IPC4 classes, three an industry; each industry works in "
        "its own three and the first one of the next industry; nine firms in ten put .84-.96 of "
        "their patents into one main class",
        "claims": claims_as_data(settings),
        "realised": _realised(settings, register, panel, tables),
        "settings": asdict(settings),
    }


def _outcome(settings: WorldSettings, centres: Centres) -> dict[str, Any]:
    """The planted equation."""
    plan = settings.outcome
    return {
        "model": "negative binomial (NB2), E = exp(firm effect + year effect + sum of terms)",
        "terms": _terms(settings),
        "centres": {
            "log1p(deg)": centres.log1p_deg,
            "sh": centres.sh,
            "tdiv": plan.tdiv_turning,
            "turb": 0.0,
            "sbreadth": plan.breadth_centre,
            **further_centres(settings.further, settings.traits),
        },
        "centred": "All variables of several terms are centred in all of them.",
        "latent": {FURTHER[name]: getattr(settings.further, name) for name in LATENT},
        "mediated": "Terms of the year before hold also what goes through the latent constructs: "
        + ", ".join(mediated(settings.further, settings.traits))
        + ".",
        "dispersion": settings.patents.dispersion,
        "firm_effect_sd": round(
            float(np.hypot(settings.patents.firm_effect_sd, settings.patents.firm_effect_activity)),
            4,
        ),
        "turning_points": _turning_points(settings),
    }


def _terms(settings: WorldSettings) -> list[dict[str, Any]]:
    return [
        {"term": term, "coefficient": value, "sign": int(np.sign(value))}
        for term, value in planted_terms(settings).items()
    ]


def planted_terms(settings: WorldSettings) -> dict[str, float]:
    """Coefficients of the planted index by term, on the variables as measured."""
    further = further_terms(settings.further, settings.traits)
    return coefficients(settings.outcome) | {k: round(v, 6) for k, v in further.items()}


def _turning_points(settings: WorldSettings) -> dict[str, Any]:
    plan = settings.outcome
    points: dict[str, Any] = {}
    if plan.tdiv_squared:
        points["tdiv"] = {
            "at_mean_turbulence": plan.tdiv_turning - plan.tdiv / (2.0 * plan.tdiv_squared),
            "at_turbulence_z": "centre - (tdiv + turb:tdiv z) / (2 (tdiv^2 + turb:tdiv^2 z))",
            "moves_per_z_at_0": round(
                (plan.tdiv * plan.turb_tdiv_squared - plan.tdiv_squared * plan.turb_tdiv)
                / (2.0 * plan.tdiv_squared**2),
                6,
            ),
        }
    if plan.breadth_squared:
        points["sbreadth"] = round(
            plan.breadth_centre - plan.breadth_unit * plan.breadth / (2 * plan.breadth_squared), 6
        )
    return points


def _mediator(settings: WorldSettings) -> dict[str, Any]:
    plan = settings.breadth
    return {
        "outcome": "latent search breadth of year t on positions of 31 December t-1",
        "terms": {"log1p(deg)": plan.log1p_deg, "sh": plan.sh},
        "further_terms": {
            "pol_pilot": settings.traits.breadth_pilot,
            "pol_data": settings.traits.breadth_data,
            "newtie_in (scaled)": settings.traits.breadth_incoming,
        },
        "noise_sd": plan.noise,
        "target": f"clip({plan.middle} + {plan.unit} * latent, {plan.lowest}, {plan.highest})",
        "note": "Citations are drawn so that sbreadth follows the target; on the scale of sbreadth "
        f"expect about {plan.unit} times these coefficients, less about a tenth.",
    }


def _formation(settings: WorldSettings, environment: Environment) -> dict[str, Any]:
    plan, places = settings.formation, cities(settings)
    return {
        "model": "yearly logit of a new bilateral deal over all pairs alive; teams of 3-5 by the "
        "same odds from an initiator",
        "log_odds": {
            "prox": plan.prox,
            "prox^2": plan.prox_squared,
            "prior_tie": plan.prior_tie,
            "current_tie": plan.current_tie,
            "common_partner (0, 1, 2+)": plan.common_partner,
            "ln(1+deg) of each side": plan.capacity,
            "ln(1+km)": plan.distance,
            "turbulence z (mean of both, t-1) x prior_tie": plan.turb_prior,
            "turbulence z of each side (t-1)": plan.turb,
            "information technology, each side": plan.it_activity,
            "complementarity of profiles": plan.compl,
            "complementarity x information technology (mean of both)": plan.compl_it,
            "common_partner x (ln(1+km) - 6)": plan.common_distance,
            "pair across a border x pilot, each side": plan.pilot_foreign,
            "shock of a partner x (sh - .6), each side (t-1)": plan.shock_holes,
        },
        "initiator": "the party that proposes a deal: log odds fall by "
        f"{plan.appeal_deg} ln(1+deg) and {plan.appeal_freq} (deals a partner - 1)",
        "prox": "cosine of latent class profiles",
        "policy": {
            "regional, information technology": plan.policy_it,
            "regional, traditional": plan.policy_traditional,
            "industry": plan.policy_industry,
            "unit": "log odds of a new tie of a firm under the policy, from the effective year on; "
            "as ties crowd out ties, the total effect on new ties is about a fifth smaller",
        },
        "it_industries": [code for code, group, _ in _industries(settings) if group == "IT"],
        "traditional_industries": [
            code for code, group, _ in _industries(settings) if group == "traditional"
        ],
        "treated_cities": {
            places[policy.city][2]: policy.effective
            for policy in environment.policies
            if policy.kind == "regional"
        },
        "treated_industries": {
            industry_code(policy.industry): policy.effective
            for policy in environment.policies
            if policy.industry >= 0
        },
    }


def _industries(settings: WorldSettings) -> tuple[tuple[str, str, str], ...]:
    return catalogue.INDUSTRIES[: settings.n_industries]


def _realised(
    settings: WorldSettings,
    register: Register,
    panel: pl.DataFrame,
    tables: dict[str, pl.DataFrame],
) -> dict[str, Any]:
    """Summaries of the analysed years and of the records."""
    analysed = panel.filter(
        pl.col("year").is_between(settings.analysis_first, settings.analysis_last)
    )
    counts = analysed["pat_next"].to_numpy()
    patents, alliances = tables["patents"], tables["alliances"]
    registered = set(register.names)
    spellings = patents["applicants"].str.split("; ").explode()
    return {
        "rows": {name: table.height for name, table in tables.items()},
        "firms_in_analysed_years": analysed["name"].n_unique(),
        "firm_years": analysed.height,
        "mean_count": round(float(counts.mean()), 4),
        "share_zero": round(float((counts == 0).mean()), 4),
        "share_isolates": round(float((analysed["deg"].to_numpy() == 0).mean()), 4),
        "joint_patents": round(
            float(patents["applicants"].str.contains("; ", literal=True).sum() / patents.height), 4
        ),
        "applicant_spellings_not_in_register": int((~spellings.is_in(registered)).sum()),
        "applicants_listed": spellings.len(),
        "deals_without_end": int((alliances["terminated"] == "").sum()),
        "regressors": {name: _summary(analysed, name) for name in REGRESSORS},
    }


def _summary(analysed: pl.DataFrame, name: str) -> dict[str, float]:
    """Mean, standard deviations and quartiles of the defined values."""
    defined = analysed.filter(pl.col(name).is_not_null()).with_columns(
        within=pl.col(name) - pl.col(name).mean().over("org")
    )
    column = defined[name]
    numbers = {
        "share_undefined": 1.0 - defined.height / analysed.height,
        "mean": column.mean(),
        "sd": column.std(),
        "sd_within_firm": defined["within"].std(),
        "p5": column.quantile(0.05),
        "median": column.median(),
        "p95": column.quantile(0.95),
    }
    return {key: round(float(str(value)), 4) for key, value in numbers.items()}
