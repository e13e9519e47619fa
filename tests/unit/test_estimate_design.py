"""From panel to design matrix: cuts, winsorising, centring, undefined rows, ledger."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tertius.estimate import NotEstimable, build_design, estimate_model
from tertius.estimate.design import with_sample
from tertius.model_spec import check_spec, resolve_spec
from tertius.problems import InputError

NAN = float("nan")
ISOLATE = "undefined_isolate"


def tiny_panel() -> pl.DataFrame:
    """Two firms, four years each; sh is undefined twice, deg is missing once, y is cut once."""
    return pl.DataFrame(
        {
            "org_id": list("aaaabbbb"),
            "year": pl.Series([1, 2, 3, 4] * 2, dtype=pl.Int32),
            "in_sample": [True] * 7 + [False],
            "pat_t1": [1.0, 2.0, 0.0, 4.0, 3.0, None, 5.0, 6.0],
            "pat_t1_status": ["ok"] * 5 + ["truncated", "ok", "ok"],
            "deg": [0.0, 1.0, 3.0, None, 7.0, 1.0, 3.0, 1.0],
            "deg_status": ["ok"] * 3 + ["missing_input"] + ["ok"] * 4,
            "sh": [None, 0.25, 0.5, 0.5, 0.75, 0.1, None, 0.3],
            "sh_status": [ISOLATE] + ["ok"] * 5 + ["undefined_nopat", "ok"],
        }
    )


def tiny_design(**changes: object):
    raw = {"outcome": "pat", "terms": ["deg", "sh", "deg:sh"], "winsor": None, **changes}
    return build_design(tiny_panel(), resolve_spec("m", raw))


def test_recode_by_hand() -> None:
    design = tiny_design()
    # kept rows: a1, a2, a3, b1, b3; deg mean 14/5, sh mean over ok rows 1/2
    deg = np.array([0.0, 1.0, 3.0, 7.0, 3.0]) - 2.8
    sh = np.array([0.0, -0.25, 0.0, 0.25, 0.0])
    isolate, nopat = np.eye(5)[0], np.eye(5)[4]
    expected = {
        "deg": deg,
        "sh": sh,
        "deg:sh": deg * sh,
        f"undefined(sh={ISOLATE})": isolate,
        "undefined(sh=undefined_nopat)": nopat,
        f"undefined(sh={ISOLATE}):deg": isolate * deg,
        "undefined(sh=undefined_nopat):deg": nopat * deg,
    }
    assert design.labels == tuple(expected)
    assert design.n_dummies == 4
    assert design.x == pytest.approx(np.stack(list(expected.values()), axis=1), abs=1e-15)
    assert design.y.tolist() == [1.0, 2.0, 0.0, 3.0, 5.0]
    assert design.bases["sh"].centre == 0.5
    assert design.bases["deg"].centre == pytest.approx(2.8)


def test_ledger_and_counts() -> None:
    design = tiny_design()
    assert [(s.step, s.rows, s.firms) for s in design.ledger] == [
        ("risk set", 8, 2),
        ("analysis sample", 7, 2),
        ("pat_t1 usable (truncated 1)", 6, 2),
        ("deg usable (missing_input 1)", 5, 2),
    ]
    assert design.dropped == {"pat_t1: truncated": 1, "deg: missing_input": 1}


def test_drop_policy_takes_undefined_rows() -> None:
    design = tiny_design(undefined="drop")
    assert design.y.tolist() == [2.0, 0.0, 3.0]
    assert design.n_dummies == 0
    assert design.dropped[f"sh: {ISOLATE}"] == 1


def test_bound_policy_needs_and_uses_bounds() -> None:
    with pytest.raises(InputError, match="no bound for sh"):
        tiny_design(undefined="bound")
    design = tiny_design(undefined="bound", bounds={"sh": 1.0})
    assert design.x[:, 1].tolist() == [0.5, -0.25, 0.0, 0.25, 0.5]


def test_powers_are_formed_from_centred_values_before_demeaning() -> None:
    design = tiny_design(terms=["log1p(deg)", "log1p(deg)^2"])
    value = np.log1p(np.array([0.0, 1.0, 3.0, 7.0, 3.0]))
    centred = value - value.mean()
    assert design.x == pytest.approx(np.column_stack([centred, centred**2]), abs=1e-15)


def test_main_effects_alone_are_not_centred() -> None:
    assert tiny_design(terms=["deg"]).x[:, 0].tolist() == [0.0, 1.0, 3.0, 7.0, 3.0]


def test_row_order_does_not_matter() -> None:
    spec = resolve_spec("m", {"outcome": "pat", "terms": ["deg", "sh", "deg:sh"]})
    first = build_design(tiny_panel(), spec)
    second = build_design(tiny_panel().sample(fraction=1.0, shuffle=True, seed=3), spec)
    assert np.array_equal(first.x, second.x)
    assert first.frame.equals(second.frame)


def wide_panel(n_firms: int = 100) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    n = n_firms * 4
    frame = pl.DataFrame(
        {
            "org_id": np.repeat([f"f{i:03d}" for i in range(n_firms)], 4),
            "year": pl.Series(np.tile(np.arange(4), n_firms), dtype=pl.Int32),
            "pat_t1": rng.poisson(2.0, n).astype(float),
            "x": rng.lognormal(size=n),
            "rare": (np.arange(n) == 5).astype(float),
            "spike": np.where(np.arange(n) < 2, np.arange(n) + 3.0, 0.0),
            "none": np.full(n, NAN),
        }
    )
    status = [pl.lit("ok").alias(f"{c}_status") for c in ("pat_t1", "x", "rare", "spike")]
    missing = pl.lit("missing_input").alias("none_status")
    return frame.with_columns(pl.lit(True).alias("in_sample"), *status, missing)


def test_winsorising_is_pooled_and_spares_outcome_and_dummies() -> None:
    panel = wide_panel()
    raw = {"outcome": "pat", "terms": ["x", "rare", "spike"]}
    design = build_design(panel, resolve_spec("m", raw))
    x = panel["x"].to_numpy()
    low, high = np.quantile(x, [0.01, 0.99])
    assert design.x[:, 0] == pytest.approx(np.clip(x, low, high))
    assert design.x[:, 1].sum() == 1.0
    assert design.x[:, 2].max() == 4.0
    assert design.y.max() == panel["pat_t1"].max()
    assert design.warnings == ("spike is not winsorised: its tail quantiles are equal",)


def test_default_controls_that_are_missing_are_listed() -> None:
    raw = {"outcome": "pat", "terms": ["x"]}
    spec = resolve_spec("m", raw, {"controls": ["none", "rare", "log1p(none)"]})
    design = build_design(wide_panel(), spec)
    assert design.labels == ("x", "rare")
    assert design.spec.controls == ("rare",)
    reason = "none is missing_input in every row"
    assert design.unavailable == {"none": reason, "log1p(none)": reason}


@pytest.mark.parametrize(
    "raw", [{"terms": ["x", "none"]}, {"terms": ["x"], "controls": ["none"]}], ids=["focal", "own"]
)
def test_missing_focal_terms_and_own_controls_are_refused(raw: dict[str, list[str]]) -> None:
    with pytest.raises(NotEstimable) as caught:
        build_design(wide_panel(), resolve_spec("m", {"outcome": "pat", **raw}))
    assert (caught.value.reason_code, caught.value.subject) == ("missing_input", "none")
    assert "none needs none, which no row of this study has" in caught.value.reason


def test_unusable_outcome_is_refused() -> None:
    panel = wide_panel().with_columns(pl.lit("truncated").alias("pat_t1_status"))
    with pytest.raises(NotEstimable, match="pat_t1 has no usable row") as caught:
        build_design(panel, resolve_spec("m", {"outcome": "pat", "terms": ["x"]}))
    assert caught.value.reason_code == "truncated"


def test_broken_panels_are_told() -> None:
    spec = resolve_spec("m", {"outcome": "pat", "terms": ["x"]})
    with pytest.raises(InputError, match=r"panel\.x_status: the column is absent"):
        build_design(wide_panel().rename({"x_status": "xs"}), spec)
    with pytest.raises(InputError, match="repeats"):
        build_design(pl.concat([wide_panel(), wide_panel()]), spec)
    holed = wide_panel().with_columns(pl.lit(None, dtype=pl.Float64).alias("x"))
    with pytest.raises(ValueError, match="x: 400 rows have status ok and no finite value"):
        build_design(holed, spec)


def test_clusters_must_nest_firms() -> None:
    panel = wide_panel().with_columns((pl.col("year") % 2).cast(pl.String).alias("city"))
    spec = resolve_spec("m", {"outcome": "pat", "terms": ["x"], "cluster": "city"})
    with pytest.raises(InputError, match="100 firms change their city"):
        build_design(panel, spec)


def test_last_ledger_row_is_the_sample() -> None:
    for estimator in ("fe_ols", "fe_poisson"):
        raw = {"outcome": "pat", "terms": ["x"], "estimator": estimator}
        estimate = estimate_model(wide_panel(), resolve_spec("m", raw))
        last = estimate.ledger[-1]
        assert (last.rows, last.firms) == (estimate.n_obs, estimate.n_firms)
        assert estimate.frame.height == estimate.n_obs


def test_a_part_of_the_sample_is_named_by_a_value() -> None:
    frame = tiny_panel().with_columns(
        small=pl.Series([1.0, 1, 1, 1, 0, 0, 0, None]),
        small_status=pl.Series([*["ok"] * 7, "missing_input"]),
    )
    spec = resolve_spec("m", {"outcome": "pat", "terms": ["deg"], "sample": "small=1"})
    assert spec.part == ("small", 1.0)
    marked = with_sample(frame, spec)
    assert marked["small=1"].to_list() == [True] * 4 + [False] * 4
    design = build_design(marked, spec)
    assert design.frame["org_id"].unique().to_list() == ["a"]
    blank = frame.with_columns(small_status=pl.lit("missing_input"))
    with pytest.raises(NotEstimable, match="needs small") as raised:
        with_sample(blank, spec)
    assert raised.value.reason_code == "missing_input"
    found = check_spec(spec, ["pat", "deg"])
    assert [p.where for p in found] == ["models.m.sample"]
