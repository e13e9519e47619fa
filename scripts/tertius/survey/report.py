"""The tables of a survey: its scales, checks of common method, and how proxies agree with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tertius.survey.common_method import harman_share, latent_method, marker_adjusted
from tertius.survey.factors import Factors, confirm
from tertius.survey.reliability import (
    average_variance,
    cronbach_alpha,
    htmt,
    omega,
    pairwise_correlations,
)
from tertius.survey.scoring import item_matrix, scale_scores

CUTS: Mapping[str, tuple[str, float]] = {
    "alpha": (">", 0.7),
    "omega": (">", 0.7),
    "ave": (">", 0.5),
    "cfi": (">", 0.9),
    "rmsea": ("<", 0.08),
    "htmt": ("<", 0.85),
}
"""Customary limits; a value beyond them is flagged, never dropped."""
ROWS_PER_ITEM = 5
"""Rows a factor model needs for every item (Gorsuch 1983)."""
LEAST_ITEMS = 3
"""Items by which a scale of its own can be fitted."""
JOINT, ALONE = "joint", "alone"
_FITS = ("omega", "ave", "cfi", "tli", "rmsea", "srmr")
_SCALES = {
    "scale": pl.String, "items": pl.Int64, "n": pl.Int64, "n_pairs": pl.Int64, "alpha": pl.Float64,
    "model": pl.String, **dict.fromkeys(_FITS, pl.Float64), "htmt": pl.Float64,
    "htmt_with": pl.String, "flags": pl.String,
}  # fmt: skip


def scale_report(items: pl.DataFrame, key: pl.DataFrame) -> pl.DataFrame:
    """scale, items, n, n_pairs, alpha, model, omega, ave, cfi, tli, rmsea, srmr, htmt, htmt_with,
    flags; sorted by scale.

    n: complete answers of all waves, behind alpha; n_pairs: the fewest answers to two items of the
    model. The others rest on correlations over the answers to both items. One factor model of all
    scales with two items or more; where the answers are fewer than `ROWS_PER_ITEM` an item, or no
    minimum is found, each scale of three items or more alone (model; fits are null at 0 degrees of
    freedom), and where they are too few for that, none. htmt: the largest ratio, and the scale it
    is with. flags: measures beyond `CUTS`.

    Args:
        items: `scored_items`.
        key: `survey_key`.
    """
    names = _members(key)
    fits = _fits(items, names)
    ratios = _ratios(items, names)
    rows = []
    for scale, members in names.items():
        x, w = item_matrix(items, members)
        row: dict[str, Any] = {"scale": scale, "items": len(members), "n": x.shape[0]}
        row["alpha"] = _number(cronbach_alpha(x, w))
        row |= fits.get(scale, {}) | ratios.get(scale, {})
        row["flags"] = " ".join(_flags(row))
        rows.append(row)
    return pl.DataFrame(rows, schema=_SCALES)


def common_method(items: pl.DataFrame, key: pl.DataFrame) -> pl.DataFrame:
    """check, value: the first component's share, and what a method factor on all items adds.

    Null where items lack variance, or answers are fewer than `ROWS_PER_ITEM` an item. For a marker
    scale see `scale_correlations`.

    Args:
        items: `scored_items`.
        key: `survey_key`.
    """
    scales = _Items.of(items, _members(key))
    usable = scales.enough and bool(np.isfinite(scales.correlations).all())
    values: dict[str, float | None] = dict.fromkeys(_CHECKS)
    if usable:
        found = latent_method(scales.correlations, scales.groups, scales.n)
        shares = (harman_share(scales.correlations), found.share)
        values = dict(
            zip(_CHECKS, (*shares, found.chi2, found.p_value, found.cfi_gain), strict=True)
        )
    schema = {"check": pl.String, "value": pl.Float64}
    return pl.DataFrame(list(values.items()), schema=schema, orient="row")


_CHECKS = (
    "share of variance of the first component of all items",
    "share of variance of a method factor on all items",
    "fall of chi2 by the method factor",
    "p of the fall",
    "rise of CFI by the method factor",
)


def scale_correlations(
    items: pl.DataFrame, key: pl.DataFrame, marker: str | None = None
) -> pl.DataFrame:
    """scale, other, n, r, r_adjusted: correlations of the scale scores over units and waves.

    r_adjusted: with the marker's smallest correlation taken out (`marker_adjusted`); null without a
    marker.

    Args:
        items: `scored_items`.
        key: `survey_key`.
        marker: a scale that theory ties to none of the others.
    """
    scores = scale_scores(items, key).filter(pl.col("dimension").is_null())
    wide = scores.pivot(on="scale", index=["org_id", "wave"], values="value")
    names = sorted(set(wide.columns) - {"org_id", "wave"})
    x = wide.select(pl.col(names).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    r, _ = pairwise_correlations(x)
    given = np.isfinite(x).astype(int)
    counts = given.T @ given
    adjusted = np.full_like(r, np.nan)
    if marker in names:
        at = names.index(marker)
        others = np.delete(np.arange(len(names)), at)
        adjusted[np.ix_(others, others)] = marker_adjusted(r, at)
    rows = [
        (one, names[j], int(counts[i, j]), _number(r[i, j]), _number(adjusted[i, j]))
        for i, one in enumerate(names)
        for j in range(i + 1, len(names))
    ]
    schema = {"scale": pl.String, "other": pl.String, "n": pl.Int64, "r": pl.Float64,
              "r_adjusted": pl.Float64}  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


@dataclass(frozen=True, eq=False)
class _Items:
    """Items of some scales: their correlations, the scale of each, and the fewest common rows."""

    correlations: NDArray[np.float64]
    groups: list[int]
    n: int

    @staticmethod
    def of(items: pl.DataFrame, names: Mapping[str, list[str]]) -> _Items:
        order = [item for members in names.values() for item in members]
        groups = [g for g, members in enumerate(names.values()) for _ in members]
        r, n = pairwise_correlations(*item_matrix(items, order, complete=False))
        return _Items(r, groups, n)

    @property
    def enough(self) -> bool:
        """Whether a factor model has rows enough."""
        return self.n >= ROWS_PER_ITEM * len(self.groups) > 0

    def model(self) -> Factors | None:
        """The factor model; None where there are too few rows or no minimum is found."""
        if not self.enough or not np.isfinite(self.correlations).all():
            return None
        try:
            found = confirm(self.correlations, self.groups, self.n)
        except ValueError:
            return None
        return found if found.converged else None


def _members(key: pl.DataFrame) -> dict[str, list[str]]:
    """Scale -> its items."""
    parts = sorted(key.partition_by("scale", as_dict=True).items())
    return {str(scale): sorted(part["item_id"].to_list()) for (scale,), part in parts}


def _fits(items: pl.DataFrame, names: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
    several = {scale: members for scale, members in names.items() if len(members) > 1}
    every = _Items.of(items, several)
    joint = every.model()
    if joint is not None:
        return {
            scale: _fit(joint, np.flatnonzero(np.asarray(every.groups) == g), JOINT)
            for g, scale in enumerate(several)
        }
    out = {}
    for scale, members in several.items():
        own = _Items.of(items, {scale: members})
        model = own.model() if len(members) >= LEAST_ITEMS else None
        if model is not None:
            out[scale] = _fit(model, np.arange(len(members)), ALONE)
    return out


def _fit(model: Factors, at: NDArray[np.int64], words: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "n_pairs": model.n,
        "model": words,
        "omega": omega(model.loadings[at], model.residuals[at]),
        "ave": average_variance(model.standardised[at]),
    }
    if model.df:
        told |= {name: getattr(model, name) for name in ("cfi", "tli", "rmsea", "srmr")}
    return told


def _ratios(items: pl.DataFrame, names: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
    """The largest heterotrait ratio of each scale with another one."""
    scales = _Items.of(items, names)
    if scales.n == 0:
        return {}
    ratios = htmt(scales.correlations, scales.groups)
    np.fill_diagonal(ratios, np.nan)
    labels = list(names)
    out: dict[str, dict[str, Any]] = {}
    for g, scale in enumerate(labels):
        if np.isfinite(ratios[g]).any():
            other = int(np.nanargmax(ratios[g]))
            out[scale] = {"htmt": float(ratios[g, other]), "htmt_with": labels[other]}
    return out


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _flags(row: Mapping[str, Any]) -> list[str]:
    beyond = []
    for name, (sign, cut) in CUTS.items():
        value = row.get(name)
        if value is not None and (value <= cut if sign == ">" else value >= cut):
            beyond.append(name)
    return beyond


def validation(
    panel: pl.DataFrame, pairs: Iterable[tuple[str, str]], *, least: int = 20
) -> pl.DataFrame:
    """survey, proxy, n, n_units, pearson, spearman: how each proxy agrees with its scale.

    Args:
        panel: org_id and the columns of `pairs`.
        pairs: a survey variable and an archival one.
        least: rows below which the correlations are null.
    """
    rows = []
    for survey, proxy in sorted(pairs):
        known = panel.select("org_id", survey, proxy).drop_nulls()
        varied = known.height >= least and all(known[c].n_unique() > 1 for c in (survey, proxy))
        row: dict[str, Any] = {"survey": survey, "proxy": proxy, "n": known.height}
        row["n_units"] = known["org_id"].n_unique()
        for kind in ("pearson", "spearman"):
            r = known.select(pl.corr(survey, proxy, method=kind)).item() if varied else None
            row[kind] = r
        rows.append(row)
    schema = {"survey": pl.String, "proxy": pl.String, "n": pl.Int64, "n_units": pl.Int64,
              "pearson": pl.Float64, "spearman": pl.Float64}  # fmt: skip
    return pl.DataFrame(rows, schema=schema)
