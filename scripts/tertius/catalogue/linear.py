"""Linear models."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator, Option

PROJECTION = Option(
    "projection",
    "choice",
    "mundlak (firm means) or chamberlain (every year's value, balanced panels only)",
    default="mundlak",
    choices=("mundlak", "chamberlain"),
)

ENTRIES = (
    Estimator(
        name="fe_ols",
        label="FE OLS",
        link="identity",
        function="fe_ols.fit_fe_ols",
        source="Frisch & Waugh (1933); Wansbeek & Kapteyn (1989)",
    ),
    Estimator(
        name="cre_ols",
        label="Correlated random effects OLS",
        link="identity",
        function="correlated_effects.fit_cre_ols",
        source="Mundlak (1978); Chamberlain (1982)",
        options=(PROJECTION,),
        firm_effects="refused",
    ),
)
