"""Forms of alliances, and how binding each is: named presets of weights."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

FORM_WEIGHTS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "commitment": {
            "equity_jv": 5.0, "minority_equity": 4.0, "joint_rd": 3.0, "manufacturing": 3.0,
            "licence": 2.0, "technology_transfer": 2.0, "marketing": 1.0, "supply": 1.0,
            "consortium": 1.0, "mou": 0.5,
        },
        "dependence": {
            "equity_jv": 6.0, "minority_equity": 5.0, "joint_rd": 4.0, "manufacturing": 3.0,
            "marketing": 2.0, "supply": 2.0, "licence": 1.0, "technology_transfer": 1.0,
        },
        "nine_point": {
            "equity_jv": 8.0, "minority_equity": 7.0, "joint_rd": 6.0, "manufacturing": 5.0,
            "marketing": 4.0, "supply": 3.0, "licence": 2.0, "technology_transfer": 2.0,
            "mou": 1.0,
        },
        "strong_weak": {
            "equity_jv": 1.0, "minority_equity": 1.0, "joint_rd": 1.0, "manufacturing": 0.0,
            "licence": 0.0, "technology_transfer": 0.0, "marketing": 0.0, "supply": 0.0,
            "consortium": 0.0, "mou": 0.0,
        },
    }
)  # fmt: skip
"""preset -> form -> weight. From the literature; the numbers are orderings, not published scales.

commitment: our default. dependence: order of Contractor and Lorange (1988). nine_point: after the
nine-point scale of Nohria and Garcia-Pont (1991). strong_weak: strong ties are equity, joint
ventures and research, weak ones marketing and licensing, as in Rowley, Behrens and Krackhardt
(2000).
"""
STRONG: Mapping[str, float] = MappingProxyType(
    {"commitment": 3.0, "dependence": 4.0, "nine_point": 6.0, "strong_weak": 1.0}
)
"""Lowest weight of a strong tie in each preset: equity, joint venture or joint research.

In `commitment` joint production has the weight of joint research and is strong as well.
"""
EQUITY = ("equity_jv", "minority_equity")
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "jv": "equity_jv", "joint_venture": "equity_jv", "equity_joint_venture": "equity_jv",
        "equity": "minority_equity", "minority": "minority_equity",
        "cross_equity": "minority_equity", "cross_shareholding": "minority_equity",
        "rd": "joint_rd", "r_d": "joint_rd", "research": "joint_rd", "joint_research": "joint_rd",
        "joint_r_d": "joint_rd", "joint_rd_contract": "joint_rd", "joint_r_d_contract": "joint_rd",
        "joint_development": "joint_rd", "license": "licence", "licensing": "licence",
        "license_agreement": "licence", "manufacture": "manufacturing",
        "joint_production": "manufacturing", "production": "manufacturing",
        "distribution": "marketing", "sales": "marketing", "supplier": "supply",
        "memorandum": "mou", "letter_of_intent": "mou",
    }
)  # fmt: skip


def form_of(alliances: pl.DataFrame) -> pl.DataFrame:
    """record_id, form, equity, formal: the normal form of every alliance.

    form: the written form in lower case with underscores, synonyms merged; where none is written
    the flags tell a joint venture or an equity stake, else null. equity: an equity form or flag.
    formal: equity, or contract clauses are recorded; null where neither form nor flags nor clauses
    are known.
    """
    written = (
        pl.col("form").str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "_").str.strip_chars("_")
    )
    flagged = (
        pl.when(pl.col("jv_flag")).then(pl.lit("equity_jv"))
        .when(pl.col("equity_flag")).then(pl.lit("minority_equity"))
    )  # fmt: skip
    form = pl.coalesce(pl.when(written != "").then(written).replace(dict(_WORDS)), flagged)
    flags = pl.any_horizontal(pl.col("jv_flag", "equity_flag").fill_null(False))
    clauses = pl.col("contract_flags").fill_null("") != ""
    return alliances.select(
        pl.col("aid").alias("record_id"),
        form.alias("form"),
        (form.is_in(EQUITY).fill_null(False) | flags).alias("equity"),
        clauses.alias("clauses"),
    ).select(
        "record_id",
        "form",
        "equity",
        pl.when(pl.col("form").is_not_null() | pl.col("clauses") | pl.col("equity"))
        .then(pl.col("equity") | pl.col("clauses"))
        .alias("formal"),
    )


def weighted_forms(
    alliances: pl.DataFrame, preset: str, weights: Mapping[str, float] | None = None
) -> pl.DataFrame:
    """record_id, form_weight: null where the form is unknown or has no weight in the preset.

    Args:
        alliances: the typed table.
        preset: a name in `FORM_WEIGHTS`.
        weights: form -> weight; replaces or extends the preset.

    Raises:
        ValueError: an unknown preset.
    """
    if preset not in FORM_WEIGHTS:
        raise ValueError(f"no form weights {preset!r}: {', '.join(FORM_WEIGHTS)}")
    chosen = {**FORM_WEIGHTS[preset], **(weights or {})}
    table = pl.DataFrame(
        {"form": list(chosen), "form_weight": [float(w) for w in chosen.values()]},
        schema={"form": pl.String, "form_weight": pl.Float64},
    )
    return (
        form_of(alliances)
        .join(table, on="form", how="left")
        .select("record_id", "form", "form_weight")
    )


def forms_without_weight(alliances: pl.DataFrame, preset: str = "commitment") -> pl.DataFrame:
    """form, alliances: forms that the preset gives no weight, and how many alliances have them.

    The form of an alliance with none (no form, no flag) is null. Sorted by form.
    """
    lacking = weighted_forms(alliances, preset).filter(pl.col("form_weight").is_null())
    return lacking.group_by("form").agg(pl.len().alias("alliances")).sort("form")
