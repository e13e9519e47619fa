"""Sensitivity of the Darfur example by PySensemakr 0.0.8, for test_inference.py.

python sensemakr_values.py > sensemakr.json, in this folder (needs pysensemakr, numpy < 2 and pandas
< 2.2). Cinelli & Hazlett (2020, Table 1) print partial R2 2.2 %, RV 13.9 %, RV at 5 % 7.6 %.
"""

from __future__ import annotations

import json
import warnings

import sensemakr
import statsmodels.formula.api as smf

CONTROLS = "age + farmer_dar + herder_dar + pastvoted + hhsize_darfur + female + village"


def main() -> None:
    warnings.simplefilter("ignore")
    data = sensemakr.load_darfur()
    outcome = smf.ols(f"peacefactor ~ directlyharmed + {CONTROLS}", data=data).fit()
    exposure = smf.ols(f"directlyharmed ~ {CONTROLS}", data=data).fit()
    found = sensemakr.Sensemakr(
        outcome, "directlyharmed", benchmark_covariates=["female"], kd=[1, 2, 3]
    )
    half = sensemakr.Sensemakr(outcome, "directlyharmed", q=0.5, alpha=0.1)
    benchmark = {}
    for name, model in (("r2_x", exposure), ("r2_y", outcome)):
        t = model.tvalues["female"]
        benchmark[name] = float(t**2 / (t**2 + model.df_resid))
    print(
        json.dumps(
            {
                "statistics": found.sensitivity_stats,
                "half": half.sensitivity_stats,
                "benchmark": benchmark,
                "bounds": found.bounds.drop(columns=["bound_label", "treatment"]).to_dict(
                    "records"
                ),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
