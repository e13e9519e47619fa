"""The demo study, whole: the planted truth is found again."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from scipy import stats

from tertius.exhibits.build_figures import truth_comparison
from tertius.exhibits.results import read_model
from tertius.exhibits.truth import read_plant
from tertius.worlds.power import WANTED
from tertius.worlds.power_page import POWERED, RECORDS
from tests.project import Project, copy_project

PLANTED = (
    "log1p(deg)",
    "sh",
    "log1p(deg):sh",
    "tdiv",
    "tdiv^2",
    "tdiv:turb_z",
    "turb_z:tdiv^2",
    "sbreadth",
    "sbreadth^2",
    "amb_bal",
)


@pytest.fixture(scope="module")
def demo(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which the whole demo has been run."""
    project = copy_project(root, tmp_path_factory.mktemp("demo"))
    project.run("demo").succeeded()
    return project


def test_joint_test_of_the_main_coefficients_does_not_reject_the_truth(demo: Project) -> None:
    model = read_model(demo.results("demo") / "estimates" / "truth")
    truth = demo.folder / "data" / "raw" / "demo" / "truth.yaml"
    plant = read_plant([truth], {"turb": "turb_z", "rd_int": "rdint"})
    found = truth_comparison(model, plant, PLANTED)
    assert [row.term for row in found.rows] == sorted(PLANTED, key=model.terms.index)
    assert found.dof == len(PLANTED)
    assert found.p_value > 0.01
    # Nor does that of every coefficient of the planted equation.
    every = truth_comparison(model, plant)
    assert every.dof == len(every.rows) > 50
    assert every.p_value > 0.01
    # The test has power: a truth of zeros is rejected.
    estimates, covariance = model.block(PLANTED)
    statistic = estimates @ np.linalg.solve(covariance, estimates)
    assert stats.chi2.sf(statistic, len(PLANTED)) < 1e-6


def verdicts_of(project: Project) -> dict[str, dict[str, str]]:
    path = project.results("demo") / "verdicts" / "verdicts.csv"
    with path.open(encoding="utf-8") as file:
        return {row["claim_id"]: row for row in csv.DictReader(file)}


def truths_of(project: Project) -> dict[str, str]:
    path = project.folder / "data" / "raw" / "demo" / "truth.yaml"
    claims = yaml.safe_load(path.read_text("utf-8"))["claims"]
    return {claim: told["truth"] for claim, told in claims.items()}


def test_claims_with_planted_effects_are_supported(demo: Project) -> None:
    rows = verdicts_of(demo)
    for claim in ("A04", "A11", "A19", "A25", "B11", "B17", "B28", "B44"):
        assert rows[claim]["verdict"] == "supported", (claim, rows[claim]["reason"])
    # The curves of partner and of technological diversity do not depend on these moderators.
    for claim in ("B13", "B46"):
        assert rows[claim]["verdict"] == "inconclusive", (claim, rows[claim]["reason"])


def test_no_claim_that_records_can_judge_is_left_untested(demo: Project) -> None:
    rows, truths = verdicts_of(demo), truths_of(demo)
    assert len(truths) >= 149
    assert sum(word != "true" for word in truths.values()) >= len(truths) / 5
    for claim in truths:
        row = rows[claim]
        assert row["verdict"] in ("supported", "contradicted", "inconclusive"), (claim, row)
        assert all(row[name] for name in ("n_obs", "estimate", "conf_low", "conf_high")), claim


def test_what_is_true_is_found_and_what_is_false_is_not(demo: Project, root: Path) -> None:
    rows, truths = verdicts_of(demo), truths_of(demo)
    right = {c for c, word in truths.items() if rows[c]["verdict"] == WANTED[word]}
    # What is told of true and opposite claims is found, not only what is told of false ones.
    assert len({claim for claim in right if truths[claim] != "false"}) >= 75
    # What is false is not supported, but for chance: over all stored worlds, at most the level.
    worlds = pl.read_parquet(root / "docs" / "power" / "demo-1100.parquet")
    false = [claim for claim, word in truths.items() if word == "false"]
    judged = worlds.filter(pl.col("claim_id").is_in(false))
    assert judged.height == len(false) * worlds["seed"].n_unique()
    assert (judged["verdict"] == "supported").mean() <= 0.05
    # Every miss is explained.
    why = yaml.safe_load((root / "docs" / "power" / "explanations.yaml").read_text("utf-8"))
    missed = set(truths) - right
    assert missed <= set(why), sorted(missed - set(why))


def test_claims_with_power_get_the_verdict_of_the_planted_truth(demo: Project, root: Path) -> None:
    # docs/power: share of simulated worlds of the demo's kind and size (make power).
    powers = pl.read_csv(root / "docs" / "power" / "demo-1100.csv")
    rows, truths = verdicts_of(demo), truths_of(demo)
    assert dict(powers.select("claim_id", "truth").iter_rows()) == truths
    judged = powers.filter(pl.col("testability").is_in(RECORDS))
    assert judged.height == 149
    powered = judged.filter(pl.col("power") > POWERED)["claim_id"].to_list()
    assert len(powered) >= 100
    right = {claim for claim in powered if rows[claim]["verdict"] == WANTED[truths[claim]]}
    assert len(right) >= 0.9 * len(powered), sorted(set(powered) - right)


def test_every_name_of_the_demo_finds_its_organisation(demo: Project) -> None:
    data = demo.folder / "data" / "processed" / "demo"
    organisations = pl.read_parquet(data / "tables" / "organisations.parquet")
    truth = demo.folder / "data" / "raw" / "demo" / "truth.yaml"
    settings = yaml.safe_load(truth.read_text("utf-8"))["settings"]
    assert organisations.height == settings["n_firms"] + settings["n_institutes"]
    matches = pl.read_parquet(data / "identity_matches.parquet")
    assert set(matches["method"].unique()) & {"key", "fuzzy", "slip"}
    assert matches.filter(pl.col("method") == "new").height == 0


def test_ranges_of_the_codebook_hold_and_outcomes_are_complete(demo: Project) -> None:
    panel = pl.read_parquet(demo.folder / "data" / "processed" / "demo" / "panel.parquet")
    sample = panel.filter("in_sample")
    truncated = {
        lead: sample.filter(pl.col(f"cwpat_t{lead}_status") == "truncated")["year"].unique().sort()
        for lead in (1, 2, 3)
    }
    assert {lead: years.to_list() for lead, years in truncated.items()} == {
        1: [],
        2: [2011],
        3: [2010, 2011],
    }
    ledger = json.loads(
        (demo.results("demo") / "audit" / "ledger.json").read_text(encoding="utf-8")
    )
    tables = demo.folder / "data" / "processed" / "demo" / "tables"
    lacking = {x for names in ledger["derive_variables"]["missing_inputs"].values() for x in names}
    for name in sorted(lacking):
        table, _, column = name.partition(".")
        file = tables / f"{table}.parquet"
        assert not file.exists() or pl.read_parquet(file)[column].null_count() == len(
            pl.read_parquet(file)
        ), f"{name} is there"
