"""The workflow as a user meets it: outputs, determinism, re-runs, and what it says of errors."""

from __future__ import annotations

import csv
import json
import lzma
import shutil
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml

from tertius.sources.registry_hash import refresh_hashes
from tests.project import Project, copy_project

STUDY = "demo_small"


def manifest(project: Project, study: str = STUDY) -> dict[str, object]:
    return json.loads((project.results(study) / "audit" / "manifest.json").read_text("utf-8"))


def twin(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project with its outputs, to be changed by one test."""
    shutil.copytree(finished.folder, tmp_path / "twin", symlinks=True)
    return Project(tmp_path / "twin")


def test_all_stable_outputs_exist(finished: Project) -> None:
    results = finished.results(STUDY)
    data = finished.folder / "data" / "processed" / STUDY
    for table in ("patents", "patent_applicants", "patent_classes", "citations", "alliances"):
        assert pl.read_parquet(data / "tables" / f"{table}.parquet").height > 0
    ties = pl.read_parquet(data / "ties" / "alliance.parquet")
    assert (ties["a"] < ties["b"]).all()
    assert {"year", "a", "b", "weight_count", "weight_newman", "n_records"} <= set(ties.columns)
    for name in ("manifest.json", "attrition.csv", "codebook.csv", "codebook.html"):
        assert (results / "audit" / name).stat().st_size > 0
    with (results / "verdicts" / "verdicts.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 164
    page = (results / "report" / "index.html").read_text("utf-8")
    assert "<script src" not in page
    assert 'href="http' not in page.split("<style>")[0]


def test_every_reported_n_is_the_last_row_of_its_attrition_block(finished: Project) -> None:
    results = finished.results(STUDY)
    ledger = pl.read_csv(results / "audit" / "attrition.csv")
    found = sorted((results / "estimates").glob("*/fit.json"))
    fits = {path: json.loads(path.read_text("utf-8")) for path in found}
    refused = {path.parent for path, fit in fits.items() if "reason_code" in fit}
    assert len(fits) - len(refused) >= 5
    assert not [folder for folder in refused if (folder / "sample.csv").exists()]
    for path, fit in fits.items():
        if path.parent in refused:
            continue
        block = ledger.filter(pl.col("model") == path.parent.name)
        assert block["rows"].to_list() == sorted(block["rows"].to_list(), reverse=True)
        assert block["rows"][-1] == fit["n_obs"]
        assert block["firms"][-1] == fit["n_firms"]
        with (path.parent / "sample.csv").open() as file:
            assert sum(1 for _ in file) - 1 == fit["n_obs"]


def test_codebook_has_every_panel_column_and_no_other(finished: Project) -> None:
    panel = finished.folder / "data" / "processed" / STUDY / "panel.parquet"
    book = pl.read_csv(finished.results(STUDY) / "audit" / "codebook.csv", infer_schema=False)
    assert book["column"].to_list() == pl.read_parquet(panel).columns
    described = book.filter(pl.col("role").is_in(["covariate", "control", "outcome"]))
    for field in ("label_en", "label_zh", "formula", "source", "undefined"):
        assert described[field].null_count() == 0


def test_nothing_runs_again_when_nothing_changed(finished: Project) -> None:
    assert "Nothing to be done" in finished.run(STUDY).succeeded().text


@pytest.mark.parametrize("part", ["networks", "panel", "report"])
def test_a_part_of_a_run_can_be_asked_for(finished: Project, root: Path, part: str) -> None:
    asked = ["make", "--no-print-directory", "-n", part, f"STUDY={STUDY}", "VENV=elsewhere"]
    told = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=True)
    command = next(line for line in told.stdout.splitlines() if "/snakemake " in line)
    words = command.split()[1:]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", *words],
        cwd=finished.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Nothing to be done" in done.stdout + done.stderr
    assert done.returncode == 0


def test_a_multiverse_is_built_on_demand_and_then_shown(finished: Project, tmp_path: Path) -> None:
    project = twin(finished, tmp_path)
    before = pl.read_csv(project.results(STUDY) / "verdicts" / "verdicts.csv")
    assert before["grid_share"].null_count() == before.height
    project.run(STUDY, f"results/{STUDY}/figures/multiverse_A04.svg").succeeded()
    project.run(STUDY).succeeded()
    results = project.results(STUDY)
    rows = pl.read_parquet(results / "multiverse" / "A04.parquet")
    told = json.loads((results / "multiverse" / "A04.json").read_text("utf-8"))
    assert rows.height == told["counts"]["run"] == 60
    varied = [name for name in told["choices"] if name not in told["idle"]]
    built = [name for name in varied if told["choices"][name]["part"] == "construction"]
    assert len(varied) >= 6
    assert len(built) >= 3
    verdicts = pl.read_csv(results / "verdicts" / "verdicts.csv")
    own = verdicts.filter(pl.col("claim_id") == "A04").row(0, named=True)
    assert own["grid_share"] == told["shares"]["same_sign"]
    # the declared specification is the registered model itself
    fitted = pl.read_csv(results / "estimates" / own["model"] / "coefficients.csv")
    slope = fitted.filter(pl.col("term") == "log1p(deg)").row(0, named=True)
    assert rows["estimate"][0] == pytest.approx(slope["estimate"], rel=1e-10)
    assert rows["std_error"][0] == pytest.approx(slope["std_error"], rel=1e-10)
    assert verdicts.drop("grid_share").equals(before.drop("grid_share"))
    page = (results / "report" / "index.html").read_text("utf-8")
    assert 'id="multiverse-A04"' in page
    for kind in ("png", "pdf", "svg"):
        assert (results / "figures" / f"multiverse_A04.{kind}").stat().st_size > 1000


def test_two_runs_one_and_two_cores_and_shuffled_rows_give_equal_hashes(
    finished: Project, root: Path, tmp_path: Path
) -> None:
    other = copy_project(root, tmp_path / "other")
    shuffle_raw(other)
    other.run(STUDY, cores=1).succeeded()
    one, two = manifest(finished), manifest(other)
    assert one["panel"] == two["panel"]
    differing = {name for name, value in one["results"].items() if two["results"][name] != value}
    assert one["results"].keys() == two["results"].keys()
    assert len(one["results"]) > 60
    # The page names the hash of each raw file, whose bytes differ here; nothing else does.
    assert differing == {"report/index.html"}
    assert page_without_raw_hashes(finished) == page_without_raw_hashes(other)


def page_without_raw_hashes(project: Project) -> str:
    text = (project.results(STUDY) / "report" / "index.html").read_text("utf-8")
    for raw in manifest(project)["raw"].values():
        text = text.replace(raw["sha256"], "").replace(raw["sha256"][:12], "")
    return text


def shuffle_raw(project: Project) -> None:
    """Reverse and interleave the rows of every raw file, and renew the hashes of the registry."""
    raw = project.folder / "data" / "raw"
    for path in sorted((raw / "demo").glob("*.csv*")):
        opener = lzma.open if path.suffix == ".xz" else open
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            header, *rows = file.read().splitlines()
        with opener(path, "wt", encoding="utf-8", newline="") as file:
            file.write("\n".join([header, *rows[::-2], *rows[-2::-2]]) + "\n")
    assert len(refresh_hashes(project.folder / "config" / "sources.yaml", raw)) >= 8


def test_an_edited_library_module_reruns_just_the_rules_that_use_it(
    finished: Project, tmp_path: Path
) -> None:
    project = twin(finished, tmp_path)
    library = project.folder / "scripts" / "tertius"
    edited = library / "shapes" / "inverted_u.py"
    edited.write_text(edited.read_text("utf-8") + "\n# an edit\n", encoding="utf-8")
    text = project.run(STUDY, "--dry-run").succeeded().text
    assert "judge_claims" in text
    for rule in ("read_sources", "build_ties", "measure_network", "build_panel", "fit_models"):
        assert rule not in text
    edited = library / "ties.py"
    edited.write_text(edited.read_text("utf-8") + "\n# an edit\n", encoding="utf-8")
    text = project.run(STUDY, "--dry-run").succeeded().text
    assert "build_ties" in text
    assert "read_sources" not in text


def test_a_killed_run_goes_on_when_started_again(root: Path, tmp_path: Path) -> None:
    import os
    import signal
    import subprocess
    import sys

    project = copy_project(root, tmp_path / "killed")
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--config", f"study={STUDY}"],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    tables = project.folder / "data" / "processed" / STUDY / "read"
    deadline = time.monotonic() + 120
    while not tables.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not project.results(STUDY).joinpath("report", "index.html").exists()
    project.run(STUDY, "--until", "resolve_identity").succeeded()
    assert pl.read_parquet(tables.parent / "tables" / "patents.parquet").height > 0


@pytest.mark.parametrize(
    ("study", "config", "said"),
    [
        ("demos", {}, "no study is called 'demos' -> did you mean 'demo'"),
        ("drones", {"raw_dir": "nowhere"}, "lens_drones.rda"),
    ],
)
def test_user_errors_are_told_last_and_without_a_traceback(
    finished: Project, tmp_path: Path, study: str, config: dict[str, str], said: str
) -> None:
    project = twin(finished, tmp_path)
    outcome = project.run(study, **config)
    assert outcome.code != 0
    assert "Traceback" not in outcome.text
    assert said in "\n".join(outcome.text.strip().splitlines()[-3:])


def test_a_typo_in_a_study_file_is_told_with_its_key(finished: Project, tmp_path: Path) -> None:
    project = twin(finished, tmp_path)
    path = project.folder / "config" / "studies" / f"{STUDY}.yaml"
    path.write_text(path.read_text("utf-8") + "infernce: {draws: 9}\n", encoding="utf-8")
    outcome = project.run(STUDY)
    assert outcome.code != 0
    assert "unknown key 'infernce' -> did you mean 'inference'?" in outcome.text
    assert "Traceback" not in outcome.text


def test_a_changed_raw_file_is_refused_and_left_alone(finished: Project, tmp_path: Path) -> None:
    project = twin(finished, tmp_path)
    registry = yaml.safe_load((project.folder / "config" / "sources.yaml").read_text("utf-8"))
    raw = project.folder / "data" / "raw" / registry["demo_policies"]["file"]
    changed = raw.read_bytes() + b"\n"
    raw.write_bytes(changed)
    outcome = project.run(STUDY)
    assert outcome.code != 0
    assert registry["demo_policies"]["sha256"] in outcome.text
    assert "Traceback" not in outcome.text
    assert raw.read_bytes() == changed
