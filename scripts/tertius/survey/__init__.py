"""Survey scales: scoring, reliability, confirmatory factors, validity, common-method checks."""

from tertius.survey.common_method import (
    LatentMethod,
    harman_share,
    latent_method,
    marker_adjusted,
)
from tertius.survey.factors import Factors, confirm
from tertius.survey.reliability import (
    average_variance,
    cronbach_alpha,
    htmt,
    omega,
    pairwise_correlations,
)
from tertius.survey.report import common_method, scale_correlations, scale_report, validation
from tertius.survey.scoring import item_matrix, nearest_wave, scale_scores, scored_items

__all__ = [
    "Factors",
    "LatentMethod",
    "average_variance",
    "common_method",
    "confirm",
    "cronbach_alpha",
    "harman_share",
    "htmt",
    "item_matrix",
    "latent_method",
    "marker_adjusted",
    "nearest_wave",
    "omega",
    "pairwise_correlations",
    "scale_correlations",
    "scale_report",
    "scale_scores",
    "scored_items",
    "validation",
]
