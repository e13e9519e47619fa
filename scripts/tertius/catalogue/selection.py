"""Selection into the sample and into treatment."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator, Option

ENTRIES: tuple[Estimator, ...] = (
    Estimator(
        name="heckman",
        firm_effects="refused",
        label="Two-step selection",
        link="identity",
        function="heckman.fit_heckman",
        source="Heckman (1979); Semykina & Wooldridge (2010)",
        options=(
            Option("exclusion", "terms", "terms that move selection and not the outcome"),
            Option("selected", "variable", "0/1 variable; by default: the outcome is ok"),
            Option(
                "panel",
                "choice",
                "mundlak: firm means in both equations and a probit a year",
                default="none",
                choices=("none", "mundlak"),
            ),
            Option("draws", "integer", "bootstrap draws; 0 for the analytic errors", 0, low=0),
            Option("seed", "integer", "seed of the draws", 1, low=0),
        ),
        note="corrects for who is observed, not for endogenous regressors",
        keeps_missing_outcome=True,
    ),
)
