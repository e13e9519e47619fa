"""Staggered policies."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator, Option

_TREATMENT = Option(
    "treatment", "variable", "the 0/1 variable of the policy in force", required=True
)
_ANTICIPATION = Option(
    "anticipation", "integer", "years before the start in which behaviour may change", 0, low=0
)
_EVENTS = (
    Option("before", "integer", "event times shown before the start", 5, low=1),
    Option("after", "integer", "event times shown after the start", 5, low=0),
    Option("draws", "integer", "draws of the bands and of randomisation", 1000, low=1),
    Option("seed", "integer", "seed of the draws", 1, low=0),
)

ENTRIES: tuple[Estimator, ...] = (
    Estimator(
        name="did",
        label="Group-time ATT",
        link="identity",
        function="did.fit_did",
        source="Callaway & Sant'Anna (2021)",
        options=(
            _TREATMENT,
            _ANTICIPATION,
            Option(
                "control",
                "choice",
                "who is compared",
                "not_yet_treated",
                choices=("not_yet_treated", "never_treated"),
            ),
            Option("method", "choice", "how covariates enter", "dr", choices=("dr", "reg", "ipw")),
            Option(
                "overall",
                "choice",
                "which average is the overall effect",
                "simple",
                choices=("simple", "dynamic", "group", "calendar"),
            ),
            Option(
                "balance_e",
                "integer",
                "keep cohorts seen this many years after their start",
                low=0,
            ),
            *_EVENTS,
        ),
        note="universal base year before the start; cluster by the level at which the policy is "
        "assigned",
        needs_terms=False,
    ),
    Estimator(
        name="sun_abraham",
        label="Interaction-weighted event study",
        link="identity",
        function="did.fit_sun_abraham",
        source="Sun & Abraham (2021)",
        options=(_TREATMENT, *_EVENTS),
        note="cluster by the level at which the policy is assigned",
        needs_terms=False,
    ),
    Estimator(
        name="did_poisson",
        label="Poisson difference-in-differences",
        link="log",
        function="did_poisson.fit_did_poisson",
        source="Wooldridge (2023)",
        options=(_TREATMENT, _ANTICIPATION),
        note="parallel trends in ratios; att is the log of treated outcomes over their "
        "counterfactual",
        needs_terms=False,
    ),
)
