"""Models of counts and other nonnegative outcomes."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator

ENTRIES = (
    Estimator(
        name="fe_poisson",
        label="FE Poisson",
        link="log",
        function="fe_poisson.fit_fe_poisson",
        source="Hausman, Hall & Griliches (1984); Wooldridge (1999)",
    ),
)
