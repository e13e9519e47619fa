"""One table a survey: reliability and validity of every scale, and how proxies agree with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from tertius.survey.factors import confirm
from tertius.survey.reliability import average_variance, covariance, cronbach_alpha, htmt, omega
from tertius.survey.scoring import item_matrix

CUTS: Mapping[str, tuple[str, float]] = {
    "alpha": (">", 0.7),
    "omega": (">", 0.7),
    "ave": (">", 0.5),
    "cfi": (">", 0.9),
    "rmsea": ("<", 0.08),
    "htmt": ("<", 0.85),
}
"""Customary limits; a value beyond them is flagged, never dropped."""


def scale_report(items: pl.DataFrame, key: pl.DataFrame, *, least: int = 50) -> pl.DataFrame:
    """scale, items, n, alpha, omega, ave, cfi, rmsea, srmr, htmt (largest), flags; sorted by scale.

    Reliability over complete answers of all waves; omega, AVE and HTMT from one model of all scales
    with at least two items; null with fewer than `least` complete rows or where the model is not
    identified. flags: measures beyond `CUTS`.

    Args:
        items: `scored_items`.
        key: `survey_key`.
        least: complete rows that the factor model needs.
    """
    names = {
        str(scale): sorted(part["item_id"].to_list())
        for (scale,), part in sorted(key.partition_by("scale", as_dict=True).items())
    }
    joint = _joint_model(items, {s: n for s, n in names.items() if len(n) > 1}, least)
    rows = []
    for scale, members in names.items():
        x, w = item_matrix(items, members)
        row = {"scale": scale, "items": len(members), "n": x.shape[0]}
        row["alpha"] = _number(cronbach_alpha(x, w))
        row.update(
            joint.get(scale, dict.fromkeys(("omega", "ave", "cfi", "rmsea", "srmr", "htmt")))
        )
        row["flags"] = " ".join(_flags(row))
        rows.append(row)
    reals = dict.fromkeys(("alpha", "omega", "ave", "cfi", "rmsea", "srmr", "htmt"), pl.Float64)
    schema = {"scale": pl.String, "items": pl.Int64, "n": pl.Int64, **reals, "flags": pl.String}
    return pl.DataFrame(rows, schema=schema)


def _joint_model(
    items: pl.DataFrame, names: Mapping[str, list[str]], least: int
) -> dict[str, dict[str, float | None]]:
    order = [item for members in names.values() for item in members]
    groups = [g for g, members in enumerate(names.values()) for _ in members]
    x, w = item_matrix(items, order)
    if x.shape[0] < max(least, len(order) + 1):
        return {}
    s = covariance(x, w)
    try:
        model = confirm(s, groups, x.shape[0])
    except ValueError:
        return {}
    d = np.sqrt(np.diag(s))
    ratios = htmt(s / np.outer(d, d), groups)
    out = {}
    for g, scale in enumerate(names):
        at = np.flatnonzero(np.asarray(groups) == g)
        others = np.delete(ratios[g], g)
        out[scale] = {
            "omega": omega(model.loadings[at], model.residuals[at]),
            "ave": average_variance(model.standardised[at]),
            "cfi": model.cfi,
            "rmsea": _number(model.rmsea),
            "srmr": model.srmr,
            "htmt": _number(float(np.nanmax(others))) if np.isfinite(others).any() else None,
        }
    return out


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _flags(row: Mapping[str, Any]) -> list[str]:
    beyond = []
    for name, (sign, cut) in CUTS.items():
        value = row[name]
        if value is not None and (value <= cut if sign == ">" else value >= cut):
            beyond.append(name)
    return beyond


def validation(panel: pl.DataFrame, pairs: Mapping[str, str], *, least: int = 20) -> pl.DataFrame:
    """survey, proxy, n, pearson, spearman: how each proxy agrees with the scale it stands in for.

    Args:
        panel: org_id, year, and the columns of `pairs` with their statuses.
        pairs: survey variable -> archival variable.
        least: rows below which the correlations are null.
    """
    rows = []
    for survey, proxy in sorted(pairs.items()):
        known = panel.select(survey, proxy).drop_nulls()
        varied = known.height >= least and all(known[c].n_unique() > 1 for c in (survey, proxy))
        row: dict[str, Any] = {"survey": survey, "proxy": proxy, "n": known.height}
        for kind in ("pearson", "spearman"):
            r = known.select(pl.corr(survey, proxy, method=kind)).item() if varied else None
            row[kind] = r
        rows.append(row)
    schema = {"survey": pl.String, "proxy": pl.String, "n": pl.Int64}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(("pearson", "spearman"), pl.Float64))
