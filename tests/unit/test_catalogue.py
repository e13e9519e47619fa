"""The registry of estimators: declarations, options, a new entry, columns of options."""

from __future__ import annotations

import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tertius.catalogue import ESTIMATORS, FAMILIES, Estimator, Option
from tertius.catalogue.estimator import KINDS, LINKS
from tertius.estimate import (
    Design,
    Diagnostic,
    Estimate,
    Fit,
    build_design,
    estimate_frames,
    estimate_from_frames,
    estimate_model,
    estimator_function,
)
from tertius.estimate.result import assemble_estimate
from tertius.estimate.sample import cluster_sums, make_sample
from tertius.model_spec import ModelSpec, check_spec, resolve_spec
from tertius.problems import InputError
from tests.unit.test_estimate_fe import panel_of, simulate

OPTIONS = (
    Option("instruments", "terms", "the instruments", required=True),
    Option("weight", "variable", "the weights"),
    Option("group", "column", "the groups"),
    Option("ridge", "number", "the penalty", default=0.5, low=0),
    Option("lags", "integers", "the lags", default=(1, 2), low=1, high=9),
    Option("form", "choice", "the form", default="plain", choices=("plain", "bent")),
    Option("robust", "flag", "whether robust", default=True),
    Option("start", "year", "the first year"),
)
TOY = Estimator("toy", "Toy", "identity", "toy.fit_toy", "Nobody (1900)", OPTIONS, note="a toy")


def fit_toy(design: Design) -> Estimate:
    """Pooled least squares of y on x and the instruments, with a ridge."""
    sample = make_sample(design, np.zeros(len(design.y), dtype=np.int8), ())
    extra = design.extra["instruments"].x[:, : len(design.spec.option("instruments"))]
    x = np.hstack([design.x, extra])
    x = x - x.mean(axis=0)
    bread = np.linalg.inv(x.T @ x + design.spec.option("ridge") * np.eye(x.shape[1]))
    b = bread @ x.T @ (design.y - design.y.mean())
    residual = design.y - design.y.mean() - x @ b
    none = np.arange(0)
    labels = (*design.labels, *design.spec.option("instruments"))
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=b,
            influence=cluster_sums(x * residual[:, None], sample) @ bread,
            fitted=design.y - residual,
            columns=none,
            collinear=none,
            statistics={},
            terms=labels,
            diagnostics={"size": Diagnostic("a test of size 1", value=1.0, p_value=0.5)},
            tables={"steps": pl.DataFrame({"step": [1]})},
            plain_words=("one step was made",),
        ),
    )


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Estimator:
    module = types.ModuleType("tertius.estimate.toy")
    module.fit_toy = fit_toy
    monkeypatch.setitem(sys.modules, "tertius.estimate.toy", module)
    monkeypatch.setitem(ESTIMATORS, "toy", TOY)
    return TOY


RAW = {"outcome": "pat", "lead": 0, "estimator": "toy", "terms": ["x"], "winsor": None}


def test_a_new_estimator_is_one_function_and_one_entry(toy: Estimator) -> None:
    data = simulate(51, counts=False)
    spec = resolve_spec("m", {**RAW, "options": {"instruments": ["z", "z^2"]}})
    estimate = estimate_model(panel_of(data), spec)
    assert estimate.terms == ("x", "z", "z^2")
    assert (estimate.link, estimate.estimator.note) == ("identity", "a toy")
    frames = estimate_frames(estimate)
    assert frames.fit["estimator_label"] == "Toy"
    assert frames.fit["plain_words"][0] == "Toy: a toy"
    assert {"one step was made", "a test of size 1"} <= set(frames.fit["plain_words"])
    assert frames.spec["options"] == {
        "instruments": ["z", "z^2"],
        "weight": None,
        "group": None,
        "ridge": 0.5,
        "lags": [1, 2],
        "form": "plain",
        "robust": True,
        "start": None,
    }
    again = estimate_from_frames(frames)
    assert again.spec == spec == ModelSpec.from_dict(spec.to_dict())
    assert again.diagnostics == estimate.diagnostics
    assert again.remarks == estimate.remarks
    assert estimate_frames(again).fit == frames.fit


def test_problems_of_options_come_all_at_once(toy: Estimator) -> None:
    options = {
        "instrument": ["z"],
        "ridge": -1,
        "lags": [0, 12],
        "form": "bend",
        "robust": "yes",
        "start": 2001.5,
        "group": 3,
    }
    with pytest.raises(InputError) as caught:
        resolve_spec("m", {**RAW, "options": options})
    told = {(p.where.removeprefix("models.m.options."), p.fix) for p in caught.value.problems}
    assert ("instrument", "did you mean 'instruments'?") in told
    assert ("form", "did you mean 'bent'?") in told
    where = sorted({place for place, _ in told})
    assert where == [
        "form",
        "group",
        "instrument",
        "instruments",
        "lags",
        "ridge",
        "robust",
        "start",
    ]
    with pytest.raises(InputError, match=r"sh\^9"):
        resolve_spec("m", {**RAW, "options": {"instruments": ["sh^9"]}})


def test_names_in_options_are_checked_against_the_codebook(toy: Estimator) -> None:
    options = {"instruments": ["log1p(zz)"], "weight": "wait", "group": "citi"}
    spec = resolve_spec("m", {**RAW, "options": options})
    problems = check_spec(spec, ["pat", "x", "z", "weight"])
    assert [p.where for p in problems] == ["models.m.options"] * 3
    assert {p.fix for p in problems} >= {"did you mean 'weight'?", "did you mean 'city'?"}


def test_columns_of_options_are_made_like_regressors(toy: Estimator) -> None:
    data = simulate(52, counts=False).assign(w=2.0)
    panel = panel_of(data).with_columns(
        z_status=pl.when(pl.int_range(pl.len()) % 9 == 0)
        .then(pl.lit("undefined_isolate"))
        .when(pl.int_range(pl.len()) % 11 == 0)
        .then(pl.lit("truncated"))
        .otherwise(pl.lit("ok")),
        w_status=pl.when(pl.int_range(pl.len()) % 13 == 0)
        .then(pl.lit("undefined_isolate"))
        .otherwise(pl.lit("ok")),
        city=pl.col("org_id").str.slice(3),
    )
    options = {"instruments": ["z", "z^2"], "weight": "w", "group": "city"}
    spec = resolve_spec("m", {**RAW, "winsor": [0.05, 0.95], "options": options})
    design = build_design(panel, spec)
    extra = design.extra["instruments"]
    assert extra.labels == ("z", "z^2", "undefined(z=undefined_isolate)")
    assert extra.n_dummies == 1
    kept = panel.sort("org_id", "year").filter(
        (pl.col("z_status") != "truncated") & (pl.col("w_status") == "ok")
    )
    assert len(design.y) == kept.height
    ok = (kept["z_status"] == "ok").to_numpy()
    z = kept["z"].to_numpy()[ok]
    cut = np.clip(z, *np.quantile(z, [0.05, 0.95]))
    assert extra.x[ok, 0] == pytest.approx(cut - cut.mean(), abs=1e-12)
    assert extra.x[ok, 1] == pytest.approx((cut - cut.mean()) ** 2, abs=1e-12)
    assert (extra.x[~ok] == [0.0, 0.0, 1.0]).all()
    assert (design.extra["weight"].x == 2.0).all()
    codes, values = design.categories["group"]
    assert [values[code] for code in codes] == kept["city"].to_list()
    assert design.dropped["z: truncated"] > 0
    assert design.dropped["w: undefined_isolate"] > 0
    assert "undefined(z=undefined_isolate)" not in design.labels


def test_missing_outcomes_stay_where_an_estimator_asks(
    toy: Estimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = simulate(53, counts=False)
    panel = panel_of(data).with_columns(
        pat_status=pl.when(pl.col("x") > 0).then(pl.lit("ok")).otherwise(pl.lit("truncated"))
    )
    monkeypatch.setitem(ESTIMATORS, "toy", replace(TOY, keeps_missing_outcome=True))
    design = build_design(panel, resolve_spec("m", {**RAW, "options": {"instruments": ["z"]}}))
    assert len(design.y) == panel.height
    assert (np.isnan(design.y) == (design.x[:, 0] <= 0)).all()


def test_entries_are_sound() -> None:
    names = [entry.name for family in FAMILIES for entry in family.ENTRIES]
    assert len(names) == len(set(names)) == len(ESTIMATORS)
    for entry in ESTIMATORS.values():
        assert callable(estimator_function(entry)), entry.name
        assert entry.link in LINKS
        assert entry.firm_effects in ("allowed", "required", "refused")
        assert len({option.key for option in entry.options}) == len(entry.options)
        assert {option.kind for option in entry.options} <= set(KINDS)
        assert entry.label
        assert entry.source


def test_a_configuration_is_read_without_numerical_libraries() -> None:
    code = (
        "import sys, tertius.model_spec\n"
        "print([m for m in ('numpy', 'scipy', 'numba', 'polars', 'pandas') if m in sys.modules])"
    )
    here = Path(__file__).resolve().parents[2] / "scripts"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(here)}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr
