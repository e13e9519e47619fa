"""Rival forms of a curve on the same rows: powers, logarithm, reciprocal, spline, kink.

Under a quasi-likelihood with clusters neither likelihood ratios nor Vuong's test nor information
criteria apply: nested forms are compared by a cluster Wald test, others by the deviance of firms
that the fit has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.special import xlogy

from tertius.arrays import BoolArray, FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.result import Estimate
from tertius.estimate.sample import renumber
from tertius.estimate.two_way import lay_out_effects
from tertius.inference.covariance import p_value_of
from tertius.shapes.common import GRID_POINTS, base_of, number, p_words
from tertius.shapes.refit import Refit, Rows, fit_part, fit_rows, rows_of
from tertius.shapes.splines import curve_terms, ok_values, restricted_cubic, spline_knots

FOLDS = 5


@dataclass(frozen=True)
class RivalForm:
    """One form: joint cluster Wald of its terms, and its deviance on unseen clusters.

    `deviance` is per observation; `gain` that of the quadratic less this one (positive: this form
    predicts better), with the standard error and two-sided p of a paired comparison by cluster.
    """

    name: str
    terms: int
    p_wald: float
    deviance: float
    gain: float
    gain_error: float
    p_gain: float


@dataclass(frozen=True, eq=False)
class Rivals:
    """Forms by falling predictive quality; `curve` holds x and the effect by form (0 at mean x).

    `p_cubic` is the cluster Wald p of the third power beside the quadratic; `cubic_turns` counts
    the turning points of the cubic inside the data.
    """

    subject: str
    forms: tuple[RivalForm, ...]
    best: str
    p_cubic: float
    cubic_turns: int
    sentence: str
    curve: pl.DataFrame

    def __getitem__(self, name: str) -> RivalForm:
        """A form by its name."""
        return {form.name: form for form in self.forms}[name]

    def to_dict(self) -> dict[str, Any]:
        """Numbers and words as plain values, without the curve."""
        skip = ("forms", "curve")
        record = {k: v for k, v in self.__dict__.items() if k not in skip}
        return {**record, "forms": [asdict(form) for form in self.forms]}


def compare_rivals(
    estimate: Estimate, x: str, kink: float | None = None, folds: int = FOLDS, seed: int = 1
) -> Rivals:
    """Compare the forms of the effect of x; the other regressors and the effects stay.

    Args:
        estimate: a model with x (and x^2, where it is a quadratic).
        x: base label.
        kink: uncentred value at which a kinked line bends, or None to leave that form out.
        folds: number of parts of the clusters, each predicted from the others.
        seed: of the parts.

    Returns:
        `Rivals`. The logarithm and the reciprocal take x itself where all of it is positive, else x
        less its minimum plus a twentieth of its range.

    Raises:
        NotEstimable: x does not vary, or a form cannot be fitted.
    """
    base = base_of(estimate, x)
    values, ok = ok_values(estimate, base)
    rows = rows_of(estimate).without(curve_terms(estimate, base))
    shapes = form_columns(values, ok, kink)
    fits = {name: fit_rows(rows.adding(columns)) for name, columns in shapes.items()}
    parts = cluster_folds(len(rows.cluster_ids), folds, seed)
    losses = {name: unseen_deviance(rows.adding(c), parts) for name, c in shapes.items()}
    forms = [_form(name, fits[name], shapes[name], losses, len(values)) for name in shapes]
    forms.sort(key=lambda form: (form.deviance, form.name))
    p_cubic, turns = _cubic(fits["cubic"], values[ok])
    best = forms[0]
    return Rivals(
        subject=base,
        forms=tuple(forms),
        best=best.name,
        p_cubic=p_cubic,
        cubic_turns=turns,
        sentence=_sentence(base, best, p_cubic, turns),
        curve=_curves(fits, values, ok, kink),
    )


def form_columns(
    x: FloatArray, ok: BoolArray, kink: float | None = None, at: FloatArray | None = None
) -> dict[str, dict[str, FloatArray]]:
    """Columns of each form, for the rows or (with `at`) for other values of x.

    x is standardised by the mean and sd of its ok rows before powers are taken, for the numbers'
    sake; no form depends on it.
    """
    seen = x[ok]
    mean, sd = float(seen.mean()), float(seen.std())
    low, high = float(seen.min()), float(seen.max())
    start = 0.0 if low > 0 else low - (high - low) / 20
    points = x if at is None else at
    u, positive = (points - mean) / sd, (points - start) / sd
    made = {
        "linear": {"x": u},
        "quadratic": {"x": u, "x^2": u**2},
        "cubic": {"x": u, "x^2": u**2, "x^3": u**3},
        "log": {"log": np.log(positive)},
        "reciprocal": {"x": u, "1/x": 1 / positive},
    }
    knots = spline_knots(seen)
    bent = restricted_cubic((points - mean) / sd, (knots - mean) / sd)
    made["spline"] = {f"spline {j}": bent[:, j] for j in range(bent.shape[1])}
    if kink is not None:
        made["kink"] = {"x": u, "beyond": np.maximum(points - kink, 0) / sd}
    return made


def cluster_folds(n_clusters: int, folds: int, seed: int) -> IntArray:
    """(G,) part of each cluster, parts of equal size; never more parts than clusters."""
    order = np.random.default_rng(seed).permutation(n_clusters)
    part = np.empty(n_clusters, dtype=np.int64)
    part[order] = np.arange(n_clusters) % min(folds, n_clusters)
    return part


def unseen_deviance(rows: Rows, parts: IntArray) -> FloatArray:
    """(G,) deviance of each cluster under slopes from the other parts.

    The effects of the unseen rows are fitted to them at those slopes, so that forms compete on
    what they say of changes within firms.
    """
    loss = np.zeros(len(rows.cluster_ids))
    for part in np.unique(parts):
        unseen = parts[rows.cluster] == part
        slopes = np.zeros(rows.x.shape[1])
        if rows.labels:
            fit = fit_part(rows.take(~unseen))
            slopes[fit.kept] = fit.coefficients
        index = rows.x[unseen] @ slopes
        row_loss = _profiled(rows, unseen, index)
        loss += np.bincount(rows.cluster[unseen], row_loss, minlength=len(loss))
    return loss


def _profiled(rows: Rows, part: BoolArray, index: FloatArray) -> FloatArray:
    """Deviance of each row of a part at a given index, its effects fitted."""
    codes = [renumber(code[part])[0] for code in rows.effects.values()]
    codes = codes or [np.zeros(int(part.sum()), dtype=np.int64)]
    y = rows.y[part]
    if not rows.is_count:
        effects = lay_out_effects(dict(zip(rows.effects or [""], codes, strict=True)))
        residual = effects.within((y - index)[:, None])[:, 0]
        return np.asarray(residual**2, dtype=np.float64)
    mu = np.exp(index - index.max())
    for _ in range(200):
        before = mu
        for code in codes:
            total, level = np.bincount(code, y), np.bincount(code, mu)
            mu = mu * np.divide(total, level, out=np.zeros_like(level), where=level > 0)[code]
        if np.abs(mu - before).max() <= 1e-9 * max(float(mu.max()), 1e-300):
            break
    tiny = np.finfo(np.float64).tiny
    loss = 2 * (xlogy(y, y) - xlogy(y, np.maximum(mu, tiny)) - y + mu)
    return np.asarray(loss, dtype=np.float64)


def _form(
    name: str,
    fit: Refit,
    columns: Mapping[str, FloatArray],
    losses: Mapping[str, FloatArray],
    n_rows: int,
) -> RivalForm:
    own, gap = losses[name], losses["quadratic"] - losses[name]
    error = float(gap.std(ddof=1)) * np.sqrt(len(gap))
    t = float(gap.sum()) / error if error > 0 else 0.0
    return RivalForm(
        name=name,
        terms=len(columns),
        p_wald=fit.wald(list(columns)).p_value,
        deviance=float(own.sum()) / n_rows,
        gain=float(gap.sum()) / n_rows,
        gain_error=error / n_rows,
        p_gain=p_value_of(t, len(gap) - 1),
    )


def _cubic(fit: Refit, x: FloatArray) -> tuple[float, int]:
    """p of the third power and the number of turning points of the cubic inside the data."""
    if "x^3" not in fit.labels or "x^2" not in fit.labels:
        raise NotEstimable("collinear", "x^3", "the third power is collinear")
    b1, b2, b3 = (fit.value(name) for name in ("x", "x^2", "x^3"))
    low, high = (float(q - x.mean()) / float(x.std()) for q in (x.min(), x.max()))
    roots = np.roots([3 * b3, 2 * b2, b1]) if b3 != 0 else np.array([-b1 / (2 * b2)])
    real = roots[np.abs(roots.imag) < 1e-12].real
    return fit.p_value("x^3"), int(((real > low) & (real < high)).sum())


def _curves(
    fits: Mapping[str, Refit], x: FloatArray, ok: BoolArray, kink: float | None
) -> pl.DataFrame:
    grid = np.linspace(float(x[ok].min()), float(x[ok].max()), GRID_POINTS)
    at_grid = form_columns(x, ok, kink, grid)
    at_mean = form_columns(x, ok, kink, np.array([float(x[ok].mean())]))
    curves = {"x": grid}
    for name, fit in fits.items():
        held = {label: fit.value(label) for label in at_grid[name] if label in fit.labels}
        terms = [b * (at_grid[name][c] - at_mean[name][c]) for c, b in held.items()]
        curves[name] = np.sum(terms, axis=0)
    return pl.DataFrame(curves)


def _sentence(base: str, best: RivalForm, p_cubic: float, turns: int) -> str:
    if best.name == "quadratic":
        text = f"No rival form of {base} predicts unseen firms better than the quadratic"
    else:
        text = (
            f"The {best.name} form of {base} predicts unseen firms best; its deviance per "
            f"observation is lower than the quadratic's by {number(best.gain)} "
            f"({p_words(best.p_gain)})"
        )
    times = "once" if turns == 1 else "twice" if turns == 2 else "nowhere"
    return f"{text}; a cubic term has {p_words(p_cubic)} and its curve turns {times} in the data."
