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

from tertius.simulate.outcome import planted_at
from tests.project import Project, copy_project

PLANTED = (
    "log1p(deg)",
    "sh",
    "log1p(deg):sh",
    "tdiv",
    "tdiv^2",
    "turb:tdiv",
    "turb:tdiv^2",
    "sbreadth",
    "sbreadth^2",
    "amb_bal",
)
LABELS = {"turb": "turb_z", "turb:tdiv": "tdiv:turb_z", "turb:tdiv^2": "turb_z:tdiv^2"}


@pytest.fixture(scope="module")
def demo(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which the whole demo has been run."""
    project = copy_project(root, tmp_path_factory.mktemp("demo"))
    project.run("demo").succeeded()
    return project


def planted(project: Project) -> dict[str, float]:
    """Planted coefficients as they read at the centres that the estimator chose."""
    truth = yaml.safe_load(
        (project.folder / "data" / "raw" / "demo" / "truth.yaml").read_text("utf-8")
    )["outcome"]
    fit = json.loads(
        (project.results("demo") / "estimates" / "truth" / "fit.json").read_text("utf-8")
    )
    coefficients = {term["term"]: float(term["coefficient"]) for term in truth["terms"]}
    names = {name: LABELS.get(name, name) for name in truth["centres"]}
    centres = {name: fit["variables"][label]["centre"] for name, label in names.items()}
    return planted_at(coefficients, truth["centres"], centres)


def wald(gap: np.ndarray, matrix: np.ndarray) -> float:
    return float(stats.chi2.sf(gap @ np.linalg.solve(matrix, gap), len(gap)))


def test_joint_test_of_the_main_coefficients_does_not_reject_the_truth(demo: Project) -> None:
    folder = demo.results("demo") / "estimates" / "truth"
    estimates = pl.read_csv(folder / "coefficients.csv")
    covariance = pl.read_csv(folder / "covariance.csv")
    labels = [LABELS.get(term, term) for term in PLANTED]
    found = dict(estimates.select("term", "estimate").iter_rows())
    places = [covariance["term"].to_list().index(label) for label in labels]
    matrix = covariance.select(labels).to_numpy()[places]
    truth = planted(demo)
    values = np.array([found[label] for label in labels])
    assert wald(values - [truth[term] for term in PLANTED], matrix) > 0.01
    # The test has power: a truth of zeros is rejected.
    assert wald(values, matrix) < 1e-6


def test_claims_with_planted_effects_are_supported(demo: Project) -> None:
    with (demo.results("demo") / "verdicts" / "verdicts.csv").open(encoding="utf-8") as file:
        rows = {row["claim_id"]: row for row in csv.DictReader(file)}
    for claim in ("A04", "A19", "A25", "B28"):
        assert rows[claim]["verdict"] == "supported", (claim, rows[claim]["reason"])
    # A11 beside its rival B20, and B44 in a family of 13, pass their own tests at this size.
    for claim in ("A11", "B44"):
        assert float(rows[claim]["p_value"]) < 0.05, (claim, rows[claim]["reason"])
        assert rows[claim]["verdict"] != "contradicted"
    judged = [row for row in rows.values() if row["verdict"] != "not_testable"]
    assert len(judged) >= 15
    assert {"A04", "A11", "A19", "A22", "A25", "A31", "B11", "B13", "B17", "B44", "B46"} <= {
        row["claim_id"] for row in judged
    }
    assert all(
        row["reason"] == "no spec yet" for row in rows.values() if row["reason_code"] == "no_spec"
    )


def test_most_verdicts_are_those_of_the_planted_truth(demo: Project) -> None:
    with (demo.results("demo") / "verdicts" / "verdicts.csv").open(encoding="utf-8") as file:
        verdicts = {row["claim_id"]: row["verdict"] for row in csv.DictReader(file)}
    path = demo.folder / "data" / "raw" / "demo" / "truth.yaml"
    claims = yaml.safe_load(path.read_text("utf-8"))["claims"]
    truth = {claim: told["truth"] for claim, told in claims.items()}
    assert len(truth) >= 149
    assert sum(word != "true" for word in truth.values()) >= len(truth) / 5
    wanted = {"true": "supported", "false": "inconclusive", "opposite": "contradicted"}
    right = [claim for claim, word in truth.items() if verdicts[claim] == wanted[word]]
    shown = [claim for claim in right if truth[claim] != "false"]
    assert len(right) >= 95, sorted(set(truth) - set(right))
    assert len(shown) >= 50, shown


def test_every_name_of_the_demo_finds_its_organisation(demo: Project) -> None:
    data = demo.folder / "data" / "processed" / "demo"
    organisations = pl.read_parquet(data / "tables" / "organisations.parquet")
    assert organisations.height == 1150
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
