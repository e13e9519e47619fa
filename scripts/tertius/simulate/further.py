"""Further terms of the planted index: products and policies of the state on 31 December t."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from .plans import FurtherPlan, TraitPlan
from .scales import SCALES, scaled
from .settings import Floats

FURTHER: Mapping[str, str] = {
    "pilot": "pol_pilot",
    "ip": "pol_ip",
    "shock": "shock",
    "shock_deg": "shock:log1p(deg)",
    "below_deg": "small_med:log1p(deg)",
    "small_hub": "small:tie_to_hub",
    "small_subsidy": "small:subsidy",
    "it_market": "ind_it:log1p(deg_market)",
    "inst_breadth": "inst:sbreadth",
    "rd_breadth": "rdint:sbreadth",
    "rd_deg": "rdint:log1p(deg)",
    "digital_pdiv": "digital:pdiv",
    "pdiv": "pdiv",
    "pdiv_squared": "pdiv^2",
    "edens": "edens",
    "sh_past": "sh_l1",
    "turb_sh": "turb:sh",
    "deg_squared": "log1p(deg)^2",
    "tstr": "tstr",
    "reconf_s": "reconf_s",
    "reconf_turb": "turb:reconf_s",
    "reconf_deg": "reconf_s:log1p(deg)",
    "reconf_f": "reconf_f",
    "instab": "instab",
    "geodist": "geodist",
    "inst_dist": "inst_dist",
    "culture": "culture_dist",
    "recombine": "recomb_dist",
    "compl": "compl",
    "sites": "rdi_n",
    "depth": "sdepth",
    "sharing": "kshare",
    "it_gov": "ind_it:gov_r",
    "it_regional": "ind_it:pol_reg",
    "it_sharing": "ind_it:kshare",
}
"""Name in the plan -> term as the codebook would write it, each factor on its scale."""


def columns(x: Mapping[str, Floats]) -> dict[str, Floats]:
    """The columns of the further terms, shape (n,) each, by their names in the plan.

    Undefined variables and their products are 0. Groups (small, IT, tied to hubs)
    enter products less one half.

    Args:
        x: ties (ln(1 + deg) less its mean), holes (sh less its mean), sh_past (a year before),
            turb, inst, digital, rd_int, subsidy, sbreadth, depth, sharing, sites, compl, large,
            small, it, pilot, ip, regional, and the portfolio measures pdiv, edens, tstr, reconf_s,
            reconf_f, instab, geodist, gov_r, hub, deg_market, shock.
    """
    measured = {**x, "rdint": x["rd_int"]}
    z = {name: scaled(measured[name], name, cut=None) for name in (
        "turb", "inst", "digital", "rdint", "subsidy", "pdiv", "tstr", "reconf_s",
        "reconf_f", "instab", "geodist", "inst_dist", "culture", "compl", "sites",
        "gov_r", "sbreadth", "edens",
    )}  # fmt: skip
    deg = x["ties"] / SCALES["log1p(deg)"][1]
    holes = np.nan_to_num(x["holes"]) / SCALES["sh"][1]
    market = scaled(np.log1p(x["deg_market"]), "log1p(deg_market)", cut=None)
    return {
        "pilot": x["pilot"],
        "ip": x["ip"],
        "shock": x["shock"],
        "shock_deg": x["shock"] * deg,
        "below_deg": (0.5 - x["large"]) * deg,
        "small_hub": (x["small"] - 0.5) * (x["hub"] - 0.5),
        "small_subsidy": (x["small"] - 0.5) * z["subsidy"],
        "it_market": (x["it"] - 0.5) * market,
        "inst_breadth": z["inst"] * z["sbreadth"],
        "rd_breadth": z["rdint"] * z["sbreadth"],
        "rd_deg": z["rdint"] * deg,
        "digital_pdiv": z["digital"] * z["pdiv"],
        "pdiv": z["pdiv"],
        "pdiv_squared": z["pdiv"] ** 2,
        "edens": z["edens"],
        "sh_past": scaled(x["sh_past"], "sh", cut=None),
        "turb_sh": z["turb"] * holes,
        "deg_squared": deg**2,
        "tstr": z["tstr"],
        "reconf_s": z["reconf_s"],
        "reconf_turb": z["reconf_s"] * z["turb"],
        "reconf_deg": z["reconf_s"] * deg,
        "reconf_f": z["reconf_f"],
        "instab": z["instab"],
        "geodist": z["geodist"],
        "inst_dist": z["inst_dist"],
        "culture": z["culture"],
        "recombine": x["recombine"],
        "compl": z["compl"],
        "sites": z["sites"],
        "depth": x["depth"],
        "sharing": x["sharing"],
        "it_gov": (x["it"] - 0.5) * z["gov_r"],
        "it_regional": (x["it"] - 0.5) * x["regional"],
        "it_sharing": (x["it"] - 0.5) * x["sharing"],
    }


def further_index(plan: FurtherPlan, x: Mapping[str, Floats]) -> Floats:
    """What the further terms add to the index, shape (n,)."""
    weights = asdict(plan)
    total = sum((weights[name] * values for name, values in columns(x).items()),
                np.zeros(len(x["ties"])))  # fmt: skip
    return np.asarray(np.round(total, 10))


LATENT = ("depth", "sharing", "recombine", "sites", "it_sharing")
"""Terms on the construct behind a variable: what the records show of it is noisy."""
SCALED_AS = {
    "culture_dist": "culture",
    "sh_l1": "sh",
    "log1p(deg_l1)": "log1p(deg)",
    "tstr_l1": "tstr",
    "log1p(gf_bridge_sci_l1)": "log1p(science)",
}
"""Codebook's name -> name of the scale, where they differ."""
GROUPS = ("small_med", "small", "ind_it", "tie_to_hub")
"""Dummies that enter products less one half."""


def mediated(plan: FurtherPlan, traits: TraitPlan) -> dict[str, float]:
    """What last year's state adds through latent constructs, by term on scaled variables.

    Depth, sharing and recombination are linear in it (`traits.draw_traits`), and the index is
    linear in them, so that a model without them finds product of both paths (Wright 1934).
    """
    return {
        "sh_l1": plan.depth * traits.depth_sh
        + plan.sharing * traits.sharing_sh
        + plan.recombine * traits.recombine_sh,
        "log1p(deg_l1)": plan.depth * traits.depth_deg,
        "tstr_l1": plan.sharing * traits.sharing_tstr,
        "log1p(gf_bridge_sci_l1)": plan.recombine * traits.recombine_science,
        "pol_ip_l1": plan.recombine * traits.recombine_ip,
        "ind_it:sh_l1": plan.it_sharing * traits.sharing_sh,
        "ind_it:tstr_l1": plan.it_sharing * traits.sharing_tstr,
    }


def further_terms(plan: FurtherPlan, traits: TraitPlan) -> dict[str, float]:
    """Planted coefficients on the variables as measured (centred at `further_centres`), by term.

    Latent terms are left out: their scale is their own. What reaches the index through them stands
    at the terms of the year before (`mediated`), beside what these have of their own.
    """
    weights = asdict(plan)
    direct = {term: weights[name] for name, term in FURTHER.items() if name not in LATENT}
    through = mediated(plan, traits)
    whole = direct | {term: direct.get(term, 0.0) + value for term, value in through.items()}
    return {term: value / _scale(term) for term, value in whole.items()}


def _scale(term: str) -> float:
    """Product of the scales of a term's factors."""
    scale = 1.0
    for factor in term.split(":"):
        base, _, power = factor.partition("^")
        scale *= SCALES.get(SCALED_AS.get(base, base), (0.0, 1.0))[1] ** int(power or 1)
    return scale


def further_centres(plan: FurtherPlan, traits: TraitPlan) -> dict[str, float]:
    """Where the variables of the further terms are centred, by variable."""
    centres: dict[str, float] = {}
    for term in further_terms(plan, traits):
        for factor in term.split(":"):
            base = factor.partition("^")[0]
            scale = SCALED_AS.get(base, base)
            if base in GROUPS:
                centres[base] = 0.5
            elif scale in SCALES and base not in ("turb", "log1p(deg)", "sh", "sbreadth"):
                centres[base] = SCALES[scale][0]
    return centres
