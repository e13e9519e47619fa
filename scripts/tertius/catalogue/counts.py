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
    Estimator(
        name="hhg_nb",
        label="HHG conditional negative binomial",
        link="log",
        function="hhg.fit_hhg_conditional",
        source="Hausman, Hall & Griliches (1984)",
        note="not a true fixed-effects estimator (Allison & Waterman 2002): the firm effect sits "
        "in the dispersion, so that variables constant within firms are estimated; a replication "
        "check beside FE Poisson",
    ),
    Estimator(
        name="re_nb",
        label="HHG random-effects negative binomial",
        link="log",
        function="hhg.fit_hhg_random",
        source="Hausman, Hall & Griliches (1984)",
        note="assumes firm effects that are Beta-distributed and independent of the regressors",
    ),
)
