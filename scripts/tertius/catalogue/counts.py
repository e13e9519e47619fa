"""Models of counts and other nonnegative outcomes."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator, Option
from tertius.catalogue.linear import PROJECTION

INFLATION = Option(
    "inflation", "terms", "terms of the logit of a structural zero; a constant alone by default"
)
ZERO_STORY = "needs a reason why some firms cannot have any count: zeros alone are none"

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
        firm_effects="required",
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
        firm_effects="required",
        source="Hausman, Hall & Griliches (1984)",
        note="assumes firm effects that are Beta-distributed and independent of the regressors",
    ),
    Estimator(
        name="nb2",
        label="Negative binomial (NB2)",
        link="log",
        function="pooled_counts.fit_negative_binomial",
        source="Cameron & Trivedi (1986)",
        note="effects are dummies; consistent only where the mean is right, as Poisson, and "
        "efficient only where the variance is mean + alpha mean^2",
    ),
    Estimator(
        name="zip",
        label="Zero-inflated Poisson",
        link="log",
        function="pooled_counts.fit_zero_inflated_poisson",
        source="Lambert (1992)",
        options=(INFLATION,),
        note=ZERO_STORY,
    ),
    Estimator(
        name="zinb",
        label="Zero-inflated negative binomial",
        link="log",
        function="pooled_counts.fit_zero_inflated_negative_binomial",
        source="Greene (1994)",
        options=(INFLATION,),
        note=ZERO_STORY,
    ),
    Estimator(
        name="presample_poisson",
        label="Poisson with pre-sample mean",
        link="log",
        function="presample.fit_presample_poisson",
        source="Blundell, Griffith & Van Reenen (1999)",
        options=(
            Option(
                "presample",
                "variable",
                "the variable with each firm's mean outcome before the sample",
                required=True,
            ),
            Option("lag", "variable", "the variable with the outcome's own past, none by default"),
        ),
        note="the pre-sample mean stands for the firm effect; regressors may be predetermined",
        firm_effects="refused",
    ),
    Estimator(
        name="cre_poisson",
        label="Correlated random effects Poisson",
        link="log",
        function="correlated_effects.fit_cre_poisson",
        source="Mundlak (1978); Chamberlain (1982); Wooldridge (2010, ch. 18)",
        options=(PROJECTION,),
        firm_effects="refused",
    ),
    Estimator(
        name="cf_poisson",
        label="FE Poisson with control function",
        link="log",
        function="control_function.fit_control_function",
        source="Lin & Wooldridge (2019)",
        options=(
            Option("endogenous", "terms", "those terms that are endogenous", required=True),
            Option("instruments", "terms", "the terms left out of the model", required=True),
        ),
        note="the first stage is linear with firm effects; errors count its estimation",
        firm_effects="required",
    ),
    Estimator(
        name="qd_gmm",
        label="Quasi-differenced GMM for counts",
        link="log",
        function="quasi_difference.fit_quasi_differenced",
        source="Wooldridge (1997); Chamberlain (1992); Windmeijer (2000)",
        options=(
            Option(
                "transformation",
                "choice",
                "how the firm effect leaves",
                default="wooldridge",
                choices=("wooldridge", "chamberlain"),
            ),
            Option(
                "lags",
                "integer",
                "lags of the regressors among the instruments",
                default=1,
                low=0,
                high=5,
            ),
            Option(
                "steps",
                "integer",
                "one step, or two with the efficient weight",
                default=1,
                low=1,
                high=2,
            ),
        ),
        note="regressors may react to past outcomes; needs errors without serial correlation, and "
        "is imprecise where regressors persist",
        firm_effects="required",
    ),
)
