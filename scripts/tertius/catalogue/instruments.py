"""Instrumental variables and dynamic panels."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator, Option

ENTRIES = (
    Estimator(
        name="iv",
        label="2SLS",
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
)
