"""Further terms of the planted index: products and policies of the state on 31 December t."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from .plans import FurtherPlan
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
SCALED_AS = {"culture_dist": "culture", "sh_l1": "sh"}
"""Codebook's name -> name of the scale, where they differ."""
GROUPS = ("small_med", "small", "ind_it", "tie_to_hub")
"""Dummies that enter products less one half."""


def further_terms(plan: FurtherPlan) -> dict[str, float]:
    """Planted coefficients on the variables as measured (centred at `further_centres`), by term.

    Latent terms are left out: their scale is their own.
    """
    weights, terms = asdict(plan), {}
    for name, term in FURTHER.items():
        if name in LATENT:
            continue
        scale = 1.0
        for factor in term.split(":"):
            base, _, power = SCALED_AS.get(factor, factor).partition("^")
            scale *= SCALES.get(base, (0.0, 1.0))[1] ** int(power or 1)
        terms[term] = weights[name] / scale
    return terms


def further_centres() -> dict[str, float]:
    """Where the variables of the further terms are centred, by variable."""
    centres: dict[str, float] = {}
    for name, term in FURTHER.items():
        for factor in term.split(":") if name not in LATENT else ():
            base = factor.partition("^")[0]
            scale = SCALED_AS.get(base, base)
            if base in GROUPS:
                centres[base] = 0.5
            elif scale in SCALES and base not in ("turb", "log1p(deg)", "sh", "sbreadth"):
                centres[base] = SCALES[scale][0]
    return centres
