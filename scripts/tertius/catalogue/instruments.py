"""Instrumental variables and dynamic panels."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator, Option

ENTRIES = (
    Estimator(
        name="iv",
        label="Instrumental variables",
        link="identity",
        function="iv.fit_iv",
        source="Theil (1958); Anderson & Rubin (1949); Montiel Olea & Pflueger (2013)",
        options=(
            Option(
                "endogenous",
                "terms",
                "the terms of the model that are endogenous, squares and products included",
                required=True,
            ),
            Option(
                "instruments",
                "terms",
                "the excluded instruments; z^2 for x^2 and z:w for x:w",
                required=True,
            ),
            Option(
                "method",
                "choice",
                "the k-class estimator",
                default="2sls",
                choices=("2sls", "liml", "fuller"),
            ),
            Option("fuller", "number", "Fuller's constant, 1 or 4", default=1.0, low=0.0),
        ),
        note="consistent only if the instruments act on the outcome through the endogenous terms "
        "alone",
    ),
    Estimator(
        name="gmm",
        firm_effects="required",
        label="Dynamic panel GMM",
        link="identity",
        function="gmm.fit_dynamic_gmm",
        source="Arellano & Bond (1991); Blundell & Bond (1998); Windmeijer (2005)",
        options=(
            Option("lags", "integer", "how many lags of the outcome", default=1, low=1, high=4),
            Option("system", "flag", "whether the level equation is added", default=False),
            Option(
                "transformation",
                "choice",
                "how firm effects leave; orthogonal deviations where years have gaps",
                default="difference",
                choices=("difference", "orthogonal"),
            ),
            Option("steps", "integer", "one or two steps", default=2, low=1, high=2),
            Option("collapse", "flag", "one instrument a lag, not one a year", default=True),
            Option("endogenous", "terms", "regressors that react to the same year's error"),
            Option("predetermined", "terms", "regressors that react to past errors"),
            Option("outcome_lags", "integers", "[first, last] lag", default=(2, 4), low=2),
            Option("endogenous_lags", "integers", "[first, last] lag", default=(2, 4), low=2),
            Option("predetermined_lags", "integers", "[first, last] lag", default=(1, 3), low=1),
        ),
        note="needs errors without serial correlation; read AR(2), Hansen's J and the number of "
        "instruments first",
    ),
)
