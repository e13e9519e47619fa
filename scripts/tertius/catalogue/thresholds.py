"""Thresholds and kinks."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator, Option

_SEARCH = (
    Option("trim", "number", "share of rows that a regime must hold", 0.05, low=0.0, high=0.45),
    Option("alpha", "number", "level at which a threshold is accepted", 0.05, low=0.0, high=0.5),
    Option("draws", "integer", "bootstrap draws of the test", 499, low=1),
    Option("seed", "integer", "seed of the draws", 1, low=0),
)
_THRESHOLD = Option("threshold", "variable", "threshold variable; by default the first term itself")
_LEVEL = Option("regime_intercept", "flag", "whether the level may switch too", True)
_SCHEME = Option(
    "scheme",
    "choice",
    "how residual vectors of firms are drawn",
    "rademacher",
    choices=("rademacher", "resample"),
)

ENTRIES: tuple[Estimator, ...] = (
    Estimator(
        name="threshold",
        firm_effects="required",
        label="Panel threshold",
        link="identity",
        function="regimes.fit_threshold",
        source="Hansen (1999)",
        options=(
            Option("thresholds", "integer", "largest number of thresholds", 3, low=1, high=3),
            Option("grid", "integer", "candidates", 400, low=2),
            _THRESHOLD,
            _LEVEL,
            _SCHEME,
            *_SEARCH,
        ),
        note="static model with exogenous regressors and threshold variable; errors of the slopes "
        "take the thresholds as known; a smooth curve also rejects the absence of a threshold",
    ),
    Estimator(
        name="kink",
        firm_effects="required",
        label="Panel kink",
        link="identity",
        function="regimes.fit_kink",
        source="Hansen (2017)",
        options=(Option("grid", "integer", "candidates", 400, low=2), _SCHEME, *_SEARCH),
        note="the line bends at an estimated point without a jump; its interval is in the table of "
        "thresholds, since the normal one is short (Hansen 2017)",
    ),
    Estimator(
        name="threshold_poisson",
        firm_effects="required",
        label="FE Poisson threshold",
        link="log",
        function="regimes.fit_threshold_poisson",
        source="Hansen (1996, 1999); Hausman, Hall & Griliches (1984)",
        options=(
            Option("grid", "integer", "candidates, each a fit", 50, low=2),
            Option(
                "interval_draws",
                "integer",
                "resamples of firms for the interval, 0 for none",
                0,
                low=0,
            ),
            _THRESHOLD,
            _LEVEL,
            *_SEARCH,
        ),
        note="errors of the slopes take the threshold as known",
    ),
)
