"""Fits of other columns on the rows of an estimate, and resamples from cross-products."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tertius.estimate import Estimate, NotEstimable
from tertius.inference.cluster_bootstrap import bootstrap_ols
from tertius.inference.score_bootstrap import cluster_weights
from tertius.shapes.moments import Moments, joint_draws, moments_of
from tertius.shapes.refit import Rows, fit_part, fit_rows, rows_of
from tests.shape_worlds import fit, product_world

EFFECTS = (["org_id", "year"], ["org_id", "ind:year"], ["year"], [], ["ind", "year"])


def world(n_firms: int = 40) -> pl.DataFrame:
    frame = product_world(3, n_firms=n_firms)
    gone = pl.col("z") > 3.2
    return frame.with_columns(
        z=pl.when(gone).then(None).otherwise(pl.col("z")),
        z_status=pl.when(gone).then(pl.lit("undefined_isolate")).otherwise(pl.lit("ok")),
        ind=(pl.col("org_id").str.slice(1).cast(pl.Int32) % 3).cast(pl.String),
    )


def model(outcome: str, effects: list[str]) -> Estimate:
    return fit(world(), "x x^2 z x:z", outcome, effects=effects)


@pytest.mark.parametrize("outcome", ["y", "count"])
@pytest.mark.parametrize("effects", EFFECTS)
def test_the_same_rows_give_the_same_fit(outcome: str, effects: list[str]) -> None:
    estimate = model(outcome, effects)
    assert "undefined(z=undefined_isolate):x" in estimate.terms
    again = fit_rows(rows_of(estimate))
    assert again.labels == estimate.terms
    assert again.coefficients == pytest.approx(estimate.coefficients, abs=1e-12)
    assert again.covariance == pytest.approx(estimate.covariance, rel=1e-9, abs=1e-15)
    assert again.influence == pytest.approx(estimate.influence, abs=1e-12)


@pytest.mark.parametrize("outcome", ["y", "count"])
@pytest.mark.parametrize("effects", EFFECTS)
def test_moments_hold_the_estimate(outcome: str, effects: list[str]) -> None:
    rows = rows_of(model(outcome, effects))
    found = fit_rows(rows)
    slopes, influence = moments_of(rows, found).part(np.ones(len(rows.cluster_ids), dtype=bool))
    assert slopes == pytest.approx(found.coefficients, abs=1e-9)
    assert influence == pytest.approx(found.influence, abs=1e-9)


def stacked(rows: Rows, weight: np.ndarray) -> Rows:
    """The rows of resampled clusters, each copy under a name of its own."""
    parts, firms, clusters = [], [], []
    for cluster, times in enumerate(weight.astype(int)):
        where = np.flatnonzero(rows.cluster == cluster)
        for _ in range(times):
            firms.append(np.full(len(where), len(parts)))
            clusters.append(np.full(len(where), len(parts)))
            parts.append(where)
    order, firm = np.concatenate(parts), np.concatenate(firms)
    effects = {n: firm if n == "org_id" else code[order] for n, code in rows.effects.items()}
    names = tuple(f"c{i:03d}" for i in range(len(parts)))
    return Rows(
        rows.y[order], rows.x[order], rows.labels, firm, np.concatenate(clusters), names, effects,
        rows.is_count, rows.convention,
    )  # fmt: skip


def test_draws_are_refits_of_resampled_firms() -> None:
    rows = rows_of(model("y", ["org_id", "year"]))
    drawn = joint_draws([moments_of(rows, fit_rows(rows))], 5, seed=3)
    weights = next(cluster_weights(len(rows.cluster_ids), 5, 3))
    for draw, weight in zip(drawn, weights, strict=True):
        assert draw == pytest.approx(fit_rows(stacked(rows, weight)).coefficients, abs=1e-10)


def test_one_step_draws_of_counts_are_near_refits() -> None:
    rows = rows_of(fit(product_world(5, n_firms=150), "x z x:z", "count"))
    whole = fit_rows(rows)
    drawn = joint_draws([moments_of(rows, whole)], 40, seed=4)
    weights = next(cluster_weights(len(rows.cluster_ids), 40, 4))
    exact = np.array([fit_rows(stacked(rows, w)).coefficients for w in weights])
    spread = np.sqrt(np.diag(whole.covariance))
    assert np.abs((drawn - exact) / spread).mean() < 0.1


def test_draws_equal_the_exact_bootstrap_of_one_equation() -> None:
    rows = rows_of(model("y", ["org_id", "year"]))
    whole = fit_rows(rows)
    drawn = joint_draws([moments_of(rows, whole)], 50, seed=9)
    exact = bootstrap_ols(
        rows.x[:, whole.kept], rows.y, rows.layout, rows.cluster, draws=50, seed=9
    )
    assert drawn == pytest.approx(exact.draws, abs=1e-10)


def test_equations_share_their_resamples() -> None:
    rows = rows_of(model("y", ["org_id", "year"]))
    whole = moments_of(rows, fit_rows(rows))
    half = rows.take(rows.cluster % 2 == 0)
    part = moments_of(half, fit_rows(half))
    both = joint_draws([whole, part], 20, seed=1)
    k = len(fit_rows(rows).labels)
    assert both[:, :k] == pytest.approx(joint_draws([whole], 20, seed=1), abs=1e-12)
    assert isinstance(part, Moments)
    assert both[:, k:].std(axis=0).min() > 0


def test_a_part_loses_singletons_and_empty_counts() -> None:
    rows = rows_of(model("count", ["org_id", "year"]))
    first = np.flatnonzero(rows.firm == 0)
    keep = np.ones(len(rows.y), dtype=bool)
    keep[first[1:]] = False
    kept = rows.informative(keep)
    assert not kept[first].any()
    assert rows.take(keep).cluster_ids == rows.cluster_ids[1:]
    with pytest.raises(NotEstimable, match="no row of this part"):
        rows.take(np.zeros(len(rows.y), dtype=bool))


def test_rows_that_a_regressor_predicts_leave_a_part() -> None:
    """A dummy whose outcomes above zero lie in another part has no finite slope in this one."""
    rows = rows_of(fit(product_world(5, n_firms=60), "x z", "count"))
    here = rows.cluster < 30
    zero = np.flatnonzero(here & (rows.y == 0))[:4]
    dummy = np.zeros(len(rows.y))
    dummy[[*zero, *np.flatnonzero(~here)[:20]]] = 1.0
    marked = rows.adding({"dummy": dummy})
    assert abs(fit_rows(marked).value("dummy")) < 5
    found = fit_part(marked.take(here))
    kept = here.copy()
    kept[zero] = False
    wanted = fit_rows(rows.take(kept))
    assert found.labels == wanted.labels
    assert found.coefficients == pytest.approx(wanted.coefficients, abs=1e-9)
