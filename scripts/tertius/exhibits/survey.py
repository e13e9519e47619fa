"""The survey as the report tells it: its scales, common method, and the proxies beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tertius.exhibits.content import Grid
from tertius.exhibits.labels import Labels
from tertius.exhibits.style import count, fixed, minus, p_relation, real, share
from tertius.problems import InputError, Problem, did_you_mean
from tertius.survey import (
    common_method,
    scale_correlations,
    scale_report,
    scored_items,
    validation,
)

FITS = ("alpha", "omega", "ave", "cfi", "rmsea", "srmr")


def survey_tables(
    tables: Mapping[str, pl.DataFrame],
    panel: pl.DataFrame,
    constructs: Mapping[str, Mapping[str, Any]],
    *,
    marker: str | None = None,
) -> dict[str, pl.DataFrame]:
    """scales, common_method, correlations, validation; empty where the study has no survey.

    Args:
        tables: the study's tables by name.
        panel: org_id, in_sample and the variables.
        constructs: config/constructs.yaml. `survey` names the scale of a construct, which is a
            variable itself or stands for some under `phrases`; pairs of which the panel lacks one
            are left out.
        marker: scale of a marker variable.

    Raises:
        InputError: the marker is no scale of the survey; faults of the answers.
    """
    if not {"survey_firm", "survey_key"} <= set(tables):
        return {}
    key = tables["survey_key"]
    known = sorted(key["scale"].unique())
    if marker is not None and marker not in known:
        hint = did_you_mean(marker, known)
        raise InputError([Problem("survey: marker", f"{marker!r} is no scale of the survey", hint)])
    items = scored_items(tables["survey_firm"], key)
    both = [
        (scale, variable)
        for construct, scale in constructs["survey"].items()
        for variable in constructs["phrases"].get(construct, [construct])
        if variable != scale and {scale, variable} <= set(panel.columns)
    ]
    return {
        "scales": scale_report(items, key),
        "common_method": common_method(items, key),
        "correlations": scale_correlations(items, key, marker),
        "validation": validation(panel.filter("in_sample"), both),
    }


def survey_grids(frames: Mapping[str, pl.DataFrame], labels: Labels) -> tuple[Grid, ...]:
    """The tables of the report's section on the survey; none where there is no survey."""
    if not frames:
        return ()
    return (
        _scales(frames["scales"]),
        _validation(frames["validation"], labels),
        _common(frames["common_method"]),
        _correlations(frames["correlations"]),
    )


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else minus(fixed(value, digits))


def _scales(scales: pl.DataFrame) -> Grid:
    heads = ("Scale", "Items", "Answers", "Model", "α", "ω", "AVE", "CFI", "RMSEA", "SRMR", "HTMT",
             "Flags")  # fmt: skip
    rows = tuple(
        (
            row["scale"],
            count(row["items"]),
            count(row["n"]),
            row["model"] or "none",
            *(_number(row[name], 3) for name in FITS),
            f"{_number(row['htmt'], 3)} {row['htmt_with'] or ''}".strip(),
            (row["flags"] or "").replace(" ", ", "),
        )
        for row in scales.iter_rows(named=True)
    )
    return Grid(
        title="Scales: reliability and validity",
        heads=heads,
        rows=rows,
        numeric=frozenset({1, 2, *range(4, 11)}),
        note=(
            "α over complete answers to a scale; the others from correlations over the answers to "
            "both items, in one model of all scales (joint) or of the scale (alone). HTMT: the "
            "largest ratio and the scale it is with. Flags: beyond the customary limits "
            "α, ω > .7, AVE > .5, CFI > .9, RMSEA < .08, HTMT < .85."
        ),
    )


def _validation(pairs: pl.DataFrame, labels: Labels) -> Grid:
    rows = tuple(
        (
            labels.variable(row["proxy"]),
            row["proxy"],
            row["survey"],
            count(row["n"]),
            count(row["n_units"]),
            _number(row["pearson"]),
            _number(row["spearman"]),
        )
        for row in pairs.iter_rows(named=True)
    )
    return Grid(
        title="What records say beside what firms say",
        heads=("Construct", "From records", "Survey", "Rows", "Units", "Pearson", "Spearman"),
        rows=rows,
        numeric=frozenset({3, 4, 5, 6}),
        note="Rows of the analysis sample with both; answers of the nearest wave not later than t.",
    )


def _common(checks: pl.DataFrame) -> Grid:
    rows = tuple((name, _check(name, value)) for name, value in checks.iter_rows())
    return Grid(
        title="Common method",
        heads=("Check", "Value"),
        rows=rows,
        numeric=frozenset({1}),
        note="First component: Harman's check. Method factor: equal loadings on all items.",
    )


def _check(name: str, value: float | None) -> str:
    if value is None:
        return "not to be had"
    if name.startswith("share"):
        return share(value)
    return p_relation(value) if name.startswith("p ") else minus(real(value, 4))


def _correlations(pairs: pl.DataFrame) -> Grid:
    rows = tuple(
        (row["scale"], row["other"], count(row["n"]), _number(row["r"]), _number(row["r_adjusted"]))
        for row in pairs.iter_rows(named=True)
    )
    return Grid(
        title="Correlations of the scales",
        heads=("Scale", "Other", "Answers", "r", "r without the marker"),
        rows=rows,
        numeric=frozenset({2, 3, 4}),
        note="The last column is filled where the study names a marker scale (survey: marker).",
    )
