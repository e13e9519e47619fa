"""Ties between two organisations: choice, survival, networks."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator, Option

_MEMBERS = (
    Option("first", "column", "the column of one member of the dyad", "a"),
    Option("second", "column", "the column of the other member", "b"),
)
_RATE = Option("rate", "column", "the column of rates at which rows were sampled")
_HAZARD = (
    *_MEMBERS,
    Option("duration", "variable", "years that the tie has lasted, from 1", required=True),
    Option(
        "baseline",
        "choice",
        "how the hazard depends on the duration",
        "log",
        choices=("log", "quadratic", "dummies", "spline"),
    ),
)

ENTRIES: tuple[Estimator, ...] = (
    Estimator(
        name="gravity",
        label="Gravity PPML",
        link="log",
        function="gravity.fit_gravity",
        source="Santos Silva & Tenreyro (2006); Anderson & van Wincoop (2003)",
        options=(
            *_MEMBERS,
            Option(
                "partners",
                "choice",
                "effects of both partners",
                "node_year",
                choices=("node_year", "node", "none"),
            ),
            Option("directed", "flag", "whether first and second are different roles", False),
        ),
        note="flows between two partners; org_id among the effects is the pair",
    ),
    Estimator(
        name="conditional_logit",
        firm_effects="refused",
        label="Conditional logit",
        link="logit",
        function="dyadic.fit_conditional_logit",
        source="McFadden (1974)",
        options=(
            *_MEMBERS,
            Option("stratum", "column", "the column of choice sets", "stratum"),
            _RATE,
        ),
        note="what does not differ between the alternatives of a choice drops out",
    ),
    Estimator(
        name="rare_event_logit",
        firm_effects="refused",
        label="Rare-event logit",
        link="logit",
        function="dyadic.fit_rare_event_logit",
        source="King & Zeng (2001)",
        options=(
            *_MEMBERS,
            _RATE,
            Option(
                "case_control",
                "choice",
                "correction of sampling by outcome",
                "prior",
                choices=("prior", "weighting"),
            ),
            Option("correct_bias", "flag", "whether the small-sample bias is subtracted", True),
        ),
    ),
    Estimator(
        name="hazard",
        firm_effects="refused",
        label="Discrete-time hazard",
        link="log",
        function="dyadic.fit_hazard",
        source="Prentice & Gloeckler (1978)",
        options=(
            *_HAZARD,
            Option("link", "choice", "form of the hazard", "cloglog", choices=("cloglog", "logit")),
        ),
        note="coefficients act on the log hazard (cloglog) or the log odds (logit) of an end",
    ),
    Estimator(
        name="competing_hazards",
        firm_effects="refused",
        label="Competing hazards",
        link="logit",
        function="dyadic.fit_competing_hazards",
        source="Allison (1982)",
        options=_HAZARD,
        note="each cause against going on",
    ),
    Estimator(
        name="tergm",
        firm_effects="refused",
        label="Temporal ERGM",
        link="logit",
        function="dyadic.fit_tergm",
        source="Leifeld, Cranmer & Desmarais (2018)",
        options=(
            *_MEMBERS,
            _RATE,
            Option("draws", "integer", "resamples of years", 499, low=2),
            Option("seed", "integer", "seed of the draws", 1, low=0),
        ),
        note="bootstrapped pseudo-likelihood; errors come from whole years drawn with replacement",
    ),
)
