"""Linear models."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator

ENTRIES = (
    Estimator(
        name="fe_ols",
        label="FE OLS",
        link="identity",
        function="fe_ols.fit_fe_ols",
        source="Frisch & Waugh (1933); Wansbeek & Kapteyn (1989)",
    ),
)
