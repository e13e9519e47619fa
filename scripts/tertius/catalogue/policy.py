"""Staggered policies and treatments on observables."""

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
        gives=("att",),
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
        gives=("att",),
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
        firm_effects="required",
        gives=("att",),
        label="Poisson difference-in-differences",
        link="log",
        function="did_poisson.fit_did_poisson",
        source="Wooldridge (2023)",
        options=(_TREATMENT, _ANTICIPATION),
        note="parallel trends in ratios; att is the log of treated outcomes over their "
        "counterfactual",
        needs_terms=False,
    ),
    Estimator(
        name="matching",
        firm_effects="refused",
        gives=("att",),
        label="Propensity matching",
        link="identity",
        function="matching.fit_matching",
        source="Abadie & Imbens (2006)",
        options=(
            _TREATMENT,
            Option("neighbours", "integer", "neighbours of each treated row", 1, low=1),
            Option("caliper", "number", "largest distance in sd of the score", 0.25, low=0.0),
            Option("exact", "column", "a column on which matches agree exactly", "year"),
        ),
        note="selection on observables only",
    ),
    Estimator(
        name="entropy_balance",
        firm_effects="refused",
        gives=("att",),
        label="Entropy balancing",
        link="identity",
        function="matching.fit_entropy_balance",
        source="Hainmueller (2012)",
        options=(_TREATMENT,),
        note="selection on observables only",
    ),
    Estimator(
        name="dose_response",
        firm_effects="refused",
        label="Dose response",
        link="identity",
        function="matching.fit_dose_response",
        source="Hirano & Imbens (2004); Tubbicke (2022)",
        options=(
            Option("dose", "variable", "the continuous treatment", required=True),
            Option(
                "method",
                "choice",
                "how covariates are taken out",
                "entropy",
                choices=("entropy", "hirano_imbens"),
            ),
            Option("draws", "integer", "resamples of clusters", 499, low=2),
            Option("seed", "integer", "seed of the draws", 1, low=0),
        ),
        note="selection on observables only",
    ),
)
