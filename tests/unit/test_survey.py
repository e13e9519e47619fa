"""Survey scales: scoring, waves, reliability, factors against R, common-method checks."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.exhibits.survey import survey_tables
from tertius.problems import InputError
from tertius.simulate.survey import survey_answers, survey_key
from tertius.survey import (
    average_variance,
    common_method,
    confirm,
    cronbach_alpha,
    harman_share,
    htmt,
    latent_method,
    marker_adjusted,
    nearest_wave,
    omega,
    pairwise_correlations,
    scale_correlations,
    scale_report,
    scale_scores,
    scored_items,
    validation,
)
from tertius.tables import SCHEMAS

# Covariances of six tests of 112 people: `ability.cov` of R's datasets.
ABILITY = np.array(
    [
        [24.641, 5.991, 33.520, 6.023, 20.755, 29.701],
        [5.991, 6.700, 18.137, 1.782, 4.936, 7.204],
        [33.520, 18.137, 149.831, 19.424, 31.430, 50.753],
        [6.023, 1.782, 19.424, 12.711, 4.757, 9.075],
        [20.755, 4.936, 31.430, 4.757, 52.604, 66.762],
        [29.701, 7.204, 50.753, 9.075, 66.762, 135.292],
    ]
)


def _table(name, rows):
    schema = {label: column.dtype for label, column in SCHEMAS[name].columns.items()}
    return pl.DataFrame(rows, schema=schema)


@pytest.fixture(scope="module")
def key():
    rows = [
        {"item_id": "t1", "scale": "trust", "dimension": None, "reverse": False},
        {"item_id": "t2", "scale": "trust", "dimension": None, "reverse": True,
         "lowest": 1.0, "highest": 7.0},
        {"item_id": "n1", "scale": "net", "dimension": "a", "reverse": False},
        {"item_id": "n2", "scale": "net", "dimension": "a", "reverse": False},
        {"item_id": "n3", "scale": "net", "dimension": "b", "reverse": False},
    ]  # fmt: skip
    return _table("survey_key", rows)


def _answers(rows):
    return _table(
        "survey_firm",
        [{"org_id": o, "wave": dt.date(y, 6, 1), "item_id": i, "value": v} for o, y, i, v in rows],
    )


def test_reversed_items_are_turned_and_scales_are_means(key):
    answers = _answers(
        [("F", 2005, "t1", 6.0), ("F", 2005, "t2", 2.0), ("F", 2005, "n1", 3.0),
         ("F", 2005, "n3", 5.0), ("G", 2005, "n1", None), ("G", 2005, "n3", 1.0)]
    )  # fmt: skip
    scores = scale_scores(scored_items(answers, key), key)
    found = {(o, s, d): v for o, s, d, v in scores.select(
        "org_id", "scale", "dimension", "value").iter_rows()}  # fmt: skip
    assert found[("F", "trust", None)] == (6 + (8 - 2)) / 2
    assert found[("F", "net", None)] == 4.0
    assert found[("F", "net", "a")] == 3.0  # one of two items is half
    assert found[("G", "net", None)] is None  # one of three is not
    assert found[("G", "net", "b")] == 1.0


def test_faults_of_a_survey_are_told_together(key):
    bare = key.with_columns(lowest=pl.lit(None, pl.Float64))
    with pytest.raises(InputError) as caught:
        scored_items(_answers([("F", 2005, "t9", 1.0), ("F", 2005, "t1", 1.0)]), bare)
    assert "survey_key has no such item" in str(caught.value)
    assert "a reversed item needs lowest and highest" in str(caught.value)
    with pytest.raises(InputError, match="1 answers lie outside"):
        scored_items(_answers([("F", 2005, "t2", 9.0)]), key)


def test_the_nearest_wave_is_never_later_than_the_year():
    scores = pl.DataFrame(
        {"org_id": ["F", "F"], "wave": [dt.date(2004, 12, 31), dt.date(2007, 1, 1)],
         "value": [1.0, 2.0]}
    )  # fmt: skip
    years = [2003, 2004, 2006, 2007]
    wanted = pl.DataFrame(
        {"org_id": ["F"] * 4 + ["G"], "year": pl.Series([*years, 2007], dtype=pl.Int32)}
    )
    found = nearest_wave(scores, wanted)
    assert found["value"].to_list() == [None, 1.0, 1.0, 2.0, None]
    assert found["age"].to_list() == [None, 0, 2, 0, None]


def test_alpha_by_hand():
    # Item variances 1 and 1, covariance 1/2: alpha = 2 (1 - 2/3).
    x = np.array([[1, 2], [2, 1], [3, 3]])
    assert cronbach_alpha(x) == pytest.approx(2 * (1 - 2 / 3))
    assert np.isnan(cronbach_alpha(x[:, :1]))
    assert np.isnan(cronbach_alpha(x[:2]))
    assert cronbach_alpha(x, [2, 2, 2]) == pytest.approx(cronbach_alpha(x))
    assert omega([0.6, 0.8], [0.64, 0.36]) == pytest.approx(1.96 / 2.96)
    assert average_variance([0.6, 0.8]) == pytest.approx(0.5)


def test_one_factor_equals_factanal_of_r():
    # tests/reference/r/factors.R
    model = confirm(ABILITY, [0] * 6, 112)
    uniqueness = 1 - model.standardised**2
    expected = [0.53459892, 0.85257900, 0.74818565, 0.91012781, 0.23171611, 0.27974112]
    assert uniqueness == pytest.approx(expected, abs=1e-5)
    assert model.df == 9
    # Its statistic 75.18 carries Bartlett's factor n - 1 - (2p + 5)/6 - 2/3 in the place of n - 1.
    bartlett = 112 - 1 - (2 * 6 + 5) / 6 - 2 / 3
    assert model.chi2 / 111 * bartlett == pytest.approx(75.17959, abs=1e-5)
    assert model.converged


def _implied(loadings, groups, between):
    load = np.zeros((len(loadings), 2))
    load[np.arange(len(loadings)), groups] = loadings
    phi = np.array([[1.0, between], [between, 1.0]])
    sigma = load @ phi @ load.T
    np.fill_diagonal(sigma, 1.0)
    return sigma


def test_a_true_model_fits_without_error():
    loadings, groups = [0.8, 0.7, 0.6, 0.9, 0.75, 0.5], [0, 0, 0, 1, 1, 1]
    sigma = _implied(loadings, groups, 0.4)
    model = confirm(sigma, groups, 300)
    assert model.standardised == pytest.approx(loadings, abs=1e-5)
    assert model.correlations[0, 1] == pytest.approx(0.4, abs=1e-5)
    assert (model.chi2, model.rmsea, model.cfi) == pytest.approx((0.0, 0.0, 1.0), abs=1e-6)
    assert model.df == 8
    ratios = htmt(sigma, groups)
    assert ratios[0, 1] == pytest.approx(0.4, abs=0.01)


def test_heterotrait_ratios_by_hand():
    # Between: mean of .2, .3, .4, .5 = .35; within: .5 and .8; .35 / sqrt(.5 x .8).
    r = np.array(
        [[1.0, 0.5, 0.2, 0.3, 0.1], [0.5, 1.0, 0.4, 0.5, 0.1], [0.2, 0.4, 1.0, 0.8, 0.1],
         [0.3, 0.5, 0.8, 1.0, 0.1], [0.1, 0.1, 0.1, 0.1, 1.0]]
    )  # fmt: skip
    ratios = htmt(r, [0, 0, 1, 1, 2])
    assert ratios[0, 1] == ratios[1, 0] == pytest.approx(0.35 / 0.4**0.5, abs=1e-12)
    assert np.isnan(ratios[0, 2])  # a scale of one item
    assert ratios.diagonal().tolist() == [1.0, 1.0, 1.0]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_units_of_the_items_change_no_fit(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 1)) * 0.8 + rng.normal(size=(200, 4))
    s = np.cov(x.T)
    scale = rng.uniform(0.5, 5.0, 4)
    one, other = (confirm(m, [0, 0, 1, 1], 200) for m in (s, s * np.outer(scale, scale)))
    assert one.chi2 == pytest.approx(other.chi2, abs=1e-6)
    assert one.loadings * scale == pytest.approx(other.loadings, rel=1e-4)


def test_models_without_information_are_refused():
    with pytest.raises(ValueError, match="degrees of freedom"):
        confirm(np.eye(2), [0, 0], 50)
    with pytest.raises(ValueError, match="positive definite"):
        confirm(np.ones((4, 4)), [0, 0, 0, 0], 50)


def test_common_method_is_found_where_it_is():
    # Unequal loadings: equal ones leave a method factor and the factors' correlation alike.
    loadings, groups = [0.8, 0.6, 0.4, 0.75, 0.7, 0.5], [0, 0, 0, 1, 1, 1]
    clean = _implied(loadings, groups, 0.0)
    common = clean + 0.15
    np.fill_diagonal(common, 1.0)
    assert latent_method(clean, groups, 300).share == pytest.approx(0.0, abs=1e-3)
    found = latent_method(common, groups, 300)
    assert found.share == pytest.approx(0.15, abs=1e-3)
    assert found.chi2 > latent_method(clean, groups, 300).chi2
    assert harman_share(np.eye(4)) == pytest.approx(0.25)
    assert harman_share(common) > harman_share(clean)
    adjusted = marker_adjusted(np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.3], [0.2, 0.3, 1.0]]), 2)
    assert adjusted[0, 1] == pytest.approx((0.5 - 0.2) / 0.8)


def test_the_report_flags_weak_scales_and_the_validation_correlates():
    rng = np.random.default_rng(3)
    n, rows = 200, []
    for k in range(n):
        a, b = rng.normal(size=2)
        for item, true in (("a1", a), ("a2", a), ("a3", a), ("b1", b), ("b2", 0.0), ("b3", b)):
            noise = 0.4 if item[0] == "a" else 1.5
            rows.append((f"o{k}", 2005, item, float(true + noise * rng.normal())))
    key = _table(
        "survey_key",
        [
            {"item_id": i, "scale": i[0], "reverse": False}
            for i in ("a1", "a2", "a3", "b1", "b2", "b3")
        ],
    )
    report = scale_report(scored_items(_answers(rows), key), key)
    good, bad = report.rows(named=True)
    assert good["n"] == 200
    assert good["alpha"] > 0.9
    assert good["flags"] == ""
    assert "alpha" in bad["flags"].split()
    assert good["model"] == bad["model"] == "joint"
    assert good["n_pairs"] == 200
    assert good["htmt_with"] == "b"
    x = np.arange(30.0)
    panel = pl.DataFrame({"org_id": ["F", "G"] * 15, "sv": x, "proxy": x**3, "flat": np.ones(30)})
    table = validation(panel, [("sv", "proxy")])
    assert table.row(0)[:4] == ("sv", "proxy", 30, 2)
    assert table["spearman"].item() == pytest.approx(1.0)
    assert validation(panel, [("sv", "flat")])["pearson"].item() is None


def test_correlations_of_pairs_by_hand():
    x = np.array([[1.0, 2.0, np.nan], [2.0, 1.0, 1.0], [3.0, 3.0, 2.0], [4.0, np.nan, 9.0]])
    r, n = pairwise_correlations(x)
    assert n == 2
    assert r[0, 1] == pytest.approx(np.corrcoef(x[:3, 0], x[:3, 1])[0, 1])
    assert r[0, 2] == pytest.approx(np.corrcoef(x[1:, 0], x[1:, 2])[0, 1])
    assert r.diagonal().tolist() == [1.0, 1.0, 1.0]
    whole = np.random.default_rng(1).normal(size=(40, 3)) + 1e4
    r, n = pairwise_correlations(whole)
    assert n == 40
    assert r == pytest.approx(np.corrcoef(whole.T), abs=1e-9)
    # A weight of 2 is a row written twice.
    heavy, _ = pairwise_correlations(x, [1, 2, 1, 1])
    assert heavy == pytest.approx(pairwise_correlations(x[[0, 1, 1, 2, 3]])[0])
    flat, _ = pairwise_correlations(np.ones((5, 2)))
    assert np.isnan(flat).all()


def _simulated(n_firms, blank):
    rng = np.random.default_rng(7)
    traits = pl.DataFrame(
        {"org_id": [f"o{k:04d}" for k in range(n_firms)],
         "year": pl.Series([2005] * n_firms, dtype=pl.Int32),
         "trust": rng.normal(size=n_firms)}
    ).with_columns(commit=pl.col("trust"))  # fmt: skip
    answers = survey_answers(traits, [2005], rng, response=0.9, blank=blank)
    return scored_items(answers, survey_key()), survey_key()


def test_blank_answers_leave_the_planted_model():
    # Loadings .8 and method .2 are planted; one answer in ten is blank, so that almost nobody
    # answers all 75 items.
    items, key = _simulated(1200, 0.1)
    report = scale_report(items, key)
    assert set(report["model"]) == {"joint"}
    assert report["n"].min() < 400 < report["n_pairs"].min()
    # The items are rounded to seven points, which takes a little of .8^2 + .2^2.
    assert report["ave"].to_numpy() == pytest.approx(0.66, abs=0.06)
    assert report["rmsea"][0] < 0.02
    assert report["cfi"][0] > 0.98
    same = report.filter(pl.col("scale").is_in(["trust", "commit"]))
    assert same["htmt"].to_list() == pytest.approx([1.0, 1.0], abs=0.03)
    assert same["flags"].to_list() == ["htmt", "htmt"]
    assert (
        report.filter(~pl.col("scale").is_in(["trust", "commit"]))["flags"].to_list() == [""] * 13
    )


def test_few_answers_leave_each_scale_alone():
    items, key = _simulated(200, 0.0)
    report = scale_report(items, key)
    assert set(report["model"]) == {"alone"}
    three = report.filter(items=3)
    assert three["omega"].null_count() == 0
    assert three["cfi"].null_count() == three.height  # three loadings fit any correlations
    assert report.filter(pl.col("items") > 3)["rmsea"].max() < 0.08
    none = scale_report(items.head(0), key)
    assert none["model"].null_count() == none["alpha"].null_count() == none.height
    assert common_method(items, key)["value"].null_count() == 5


def test_the_method_factor_of_a_simulated_survey_is_found():
    items, key = _simulated(1200, 0.05)
    first, method, fall, p, _ = common_method(items, key)["value"].to_list()
    assert 0.1 < first < 0.3
    assert method == pytest.approx(0.04, abs=0.06)
    assert fall >= 0
    assert 0 <= p <= 1
    pairs = scale_correlations(items, key, "maror")
    row = pairs.filter(scale="commit", other="trust").row(0, named=True)
    others = pairs.filter((pl.col("scale") == "maror") | (pl.col("other") == "maror"))
    base = others["r"].abs().min()
    assert row["r_adjusted"] == pytest.approx((row["r"] - base) / (1 - base))
    assert others["r_adjusted"].null_count() == 14
    assert scale_correlations(items, key)["r_adjusted"].null_count() == 15 * 14 / 2


def test_the_tables_of_a_survey_stand_beside_the_panel():
    key = survey_key()
    answers = survey_answers(
        pl.DataFrame({"org_id": ["F"] * 40, "year": pl.Series([2005] * 40, dtype=pl.Int32)}),
        [2005], np.random.default_rng(1), response=1.0,
    )  # fmt: skip
    x = np.arange(60.0)
    panel = pl.DataFrame(
        {"org_id": ["F", "G"] * 30, "in_sample": [True] * 40 + [False] * 20,
         "sv_trust": x, "gov_r": x, "sv_routine": x[::-1], "routine": x}
    )  # fmt: skip
    tables = {"survey_firm": answers.unique(["org_id", "item_id"]), "survey_key": key}
    words = {
        "survey": {"trust": "sv_trust", "kshare": "sv_kshare", "routine": "sv_routine"},
        "phrases": {"trust": ["gov_r", "sv_trust"]},
    }
    assert survey_tables({}, panel, words) == {}
    found = survey_tables(tables, panel, words)["validation"]
    assert found.select("survey", "proxy", "n").rows() == [
        ("sv_routine", "routine", 40), ("sv_trust", "gov_r", 40)
    ]  # fmt: skip
    assert found["pearson"].to_list() == pytest.approx([-1.0, 1.0])
    with pytest.raises(InputError, match=r"'maro' is no scale of the survey.*maror"):
        survey_tables(tables, panel, words, marker="maro")


def test_a_simulated_survey_gives_its_scales_back():
    rng = np.random.default_rng(4)
    n = 400
    traits = pl.DataFrame(
        {"org_id": [f"o{k:03d}" for k in range(n)], "year": pl.Series([2005] * n, dtype=pl.Int32),
         "trust": rng.normal(size=n)}
    )  # fmt: skip
    key = survey_key()
    answers = survey_answers(traits, [2005], np.random.default_rng(5), response=0.8)
    assert answers["value"].is_between(1, 7).all()
    scores = scale_scores(scored_items(answers, key), key)
    trust = scores.filter((pl.col("scale") == "trust") & pl.col("dimension").is_null())
    both = trust.join(traits, on="org_id")
    assert both.select(pl.corr("value", "trust")).item() > 0.8
    alpha = scale_report(scored_items(answers, key), key).filter(scale="trust")["alpha"].item()
    assert 0.8 < alpha < 0.95
    again = survey_answers(traits, [2005], np.random.default_rng(5), response=0.8)
    assert again.equals(answers)
