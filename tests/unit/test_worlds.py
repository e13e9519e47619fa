"""Worlds: declared, run seed by seed, stored, and the power that follows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tertius.problems import InputError
from tertius.registry import load_study
from tertius.simulate import coefficients, settings_for
from tertius.worlds.declared import world_names, world_settings
from tertius.worlds.power import BY_RATIO, BY_SIZE, SIMULATED, claim_powers
from tertius.worlds.power_page import power_section, summary_of
from tertius.worlds.run import KEPT, STUDY, VERDICTS, Judged, Run, lay_out, read_verdicts
from tertius.worlds.store import add, missing, run_all, stored

ROOT = Path(__file__).resolve().parents[2]


def declare(folder: Path, **worlds: str) -> Path:
    (folder / "config" / "worlds").mkdir(parents=True)
    for name, text in worlds.items():
        (folder / "config" / "worlds" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_three_worlds_are_declared_and_the_demo_is_the_default_one():
    assert world_names(ROOT) == ["demo", "null", "second"]
    assert world_settings(ROOT, "demo", 300) == settings_for(300)
    null = world_settings(ROOT, "null", 300)
    assert set(coefficients(null.outcome).values()) == {0.0}
    second, demo = world_settings(ROOT, "second", 300), settings_for(300)
    differ = {plan for plan, value in asdict(second).items() if value != asdict(demo)[plan]}
    # other effects, other networks, other noise
    assert {"outcome", "formation", "patents"} <= differ


def test_settings_of_a_world_change_only_what_is_written(tmp_path):
    root = declare(tmp_path, mine="settings: {outcome: {sh: 0.5}, share_born_inside: 0.3}\n")
    made, usual = world_settings(root, "mine", 100), settings_for(100)
    assert (made.outcome.sh, made.share_born_inside) == (0.5, 0.3)
    assert made.outcome.log1p_deg == usual.outcome.log1p_deg
    assert made.hazard == usual.hazard


def test_all_problems_of_a_declaration_are_told_at_once(tmp_path):
    text = "slopes: none\nsetings: {}\nsettings: {outcome: {shh: 1}, hazard: 3, n_cities: {a: 1}}\n"
    root = declare(tmp_path, mine=text)
    with pytest.raises(InputError) as caught:
        world_settings(root, "mine", 100)
    told = str(caught.value)
    for word in ("setings", "slopes", "shh", "hazard", "n_cities"):
        assert word in told
    with pytest.raises(InputError, match="mine"):
        world_settings(root, "minne", 100)


def test_a_run_is_a_study_of_its_own_that_extends_the_demo(tmp_path):
    lay_out(ROOT, Run("second", 500, 7, 99), tmp_path / "run")
    study = load_study(tmp_path / "run", STUDY)
    assert study.seed == 7
    assert study.section("inference")["draws"] == 99
    assert study.section("truth") is None
    assert set(study.networks) == {study.focal}
    assert study.section("models") == load_study(ROOT, "demo").section("models")
    assert set(study.sources) == set(load_study(ROOT, "demo").sources)
    source = Path("scripts") / "tertius" / "kernels.py"
    times = [(root / source).stat().st_mtime_ns for root in (ROOT, tmp_path / "run")]
    assert times[0] == times[1]  # compiled kernels are taken up again by the time of their source


def card(direction: str, share: float | None) -> dict:
    effects = [] if share is None else [{"share": share, "mde": 0.1}]
    return {"direction": direction, "family_size": 3, "effects": effects}


def test_verdicts_of_a_run_keep_numbers_and_the_first_effect(tmp_path):
    path = tmp_path / VERDICTS
    path.parent.mkdir(parents=True)
    rows = [dict.fromkeys(KEPT) | {"claim_id": c, "verdict": "supported",
            "estimate": 0.5, "std_error": 0.1} for c in ("A01", "A02")]  # fmt: skip
    pl.DataFrame(rows).write_csv(path)
    cards = {"A01": card("expected", 0.2), "A02": card("neither", None)}
    path.with_name("cards.json").write_text(json.dumps(cards), encoding="utf-8")
    told = read_verdicts(tmp_path)
    assert told["claim_id"].to_list() == ["A01", "A02"]
    assert told["effect"].to_list() == [0.2, None]
    assert told["family_size"].to_list() == [3, 3]
    assert told["std_error"].to_list() == [0.1, 0.1]


def rows_of(run: Run) -> Judged:
    verdicts = pl.DataFrame(
        {"seed": [run.seed] * 2, "seconds": [1.0, 1.0], "claim_id": ["B02", "A01"],
         "verdict": ["supported", "inconclusive"]}
    )  # fmt: skip
    return Judged(verdicts, pl.DataFrame({"seed": [run.seed], "term": ["sh"], "estimate": [0.5]}))


def test_finished_seeds_are_not_run_again_and_a_failure_keeps_what_is_done(tmp_path):
    runs, asked, lines = [Run("demo", 100, s, 9) for s in (1, 2, 3)], [], []

    def judge(root: Path, run: Run, folder: Path) -> Judged:
        asked.append(run.seed)
        if run.seed == 3 and len(asked) < 4:
            raise RuntimeError("out of memory")
        return rows_of(run)

    with pytest.raises(RuntimeError, match="memory"):
        run_all(tmp_path, runs, tmp_path / "kept", workers=1, tell=lines.append, judge=judge)
    assert asked == [1, 2, 3]
    assert [run.seed for run in missing(runs, tmp_path / "kept")] == [3]
    run_all(tmp_path, runs, tmp_path / "kept", workers=1, tell=lines.append, judge=judge)
    assert asked == [1, 2, 3, 3]
    table = stored(tmp_path / "kept", "demo-100")
    assert table["seed"].to_list() == [1, 1, 2, 2, 3, 3]
    assert table["claim_id"].to_list() == ["A01", "B02"] * 3
    assert stored(tmp_path / "kept", "demo-100-planted")["seed"].to_list() == [1, 2, 3]
    assert lines[0] == "0 of 3 seeds are stored already"
    assert "2 of 3" in "".join(lines)


def test_order_of_finishing_leaves_no_trace(tmp_path):
    one, two = (rows_of(Run("demo", 100, s, 9)) for s in (1, 2))
    for folder, order in (("a", (one, two)), ("b", (two, one))):
        for rows in order:
            add(rows, tmp_path / folder, "demo-100")
    first, second = (tmp_path / f / "demo-100.parquet" for f in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_a_seed_that_was_half_stored_is_stored_once(tmp_path):
    found = rows_of(Run("demo", 100, 1, 9))
    add(found, tmp_path, "demo-100")
    (tmp_path / "demo-100.parquet").unlink()
    add(found, tmp_path, "demo-100")
    assert stored(tmp_path, "demo-100-planted").height == 1


def seeds(claim: str, words: list[str], z: float, effect: float | None, se: float) -> pl.DataFrame:
    """Rows whose test has a z-ratio, an effect on the log scale and its standard error."""
    n = len(words)
    return pl.DataFrame(
        {
            "claim_id": [claim] * n,
            "verdict": words,
            "estimate": [z] * n,
            "p_value": [float(2 * stats.norm.sf(abs(z)))] * n,
            "family_size": [1] * n,
            "n_firms": [900] * n,
            "effect": [None if effect is None else float(np.expm1(effect))] * n,
            "effect_mde": [None if effect is None else float(np.expm1(2.8 * se))] * n,
        },
        schema_overrides={"effect": pl.Float64, "effect_mde": pl.Float64},
    )


def powers_of(frames: list[pl.DataFrame], truths: dict, shapes: dict) -> dict[str, dict]:
    table = claim_powers(pl.concat(frames), truths, shapes, 0.05)
    return {row["claim_id"]: row for row in table.iter_rows(named=True)}


def test_power_of_what_is_planted_is_the_share_of_right_verdicts():
    words = ["supported", "supported", "supported", "inconclusive"]
    told = powers_of(
        [seeds("T", words, 3.0, 0.3, 0.1), seeds("O", ["contradicted"] * 4, -5.0, -0.5, 0.1)],
        {"T": "true", "O": "opposite"}, {"T": "positive", "O": "positive"},
    )  # fmt: skip
    assert (told["T"]["power"], told["T"]["right"], told["T"]["basis"]) == (0.75, 0.75, SIMULATED)
    assert (told["O"]["power"], told["O"]["mean_z"]) == (1.0, pytest.approx(-5.0))


def test_power_of_a_false_claim_is_that_against_effects_of_its_shape():
    true = ["supported"] * 2
    frames = [
        seeds("T", true, 3.0, 0.3, 0.1), seeds("U", true, 5.0, 0.5, 0.1),
        seeds("O", ["contradicted"] * 2, -4.0, -0.4, 0.1),
        seeds("M", true, 2.0, None, 0.1),
        seeds("F", ["inconclusive"] * 2, 0.1, 0.01, 0.16),
        seeds("G", ["inconclusive"] * 2, 0.1, None, 0.1),
    ]  # fmt: skip
    truths = {"T": "true", "U": "true", "O": "opposite", "M": "true", "F": "false", "G": "false"}
    shapes = dict.fromkeys("TUOF", "positive") | {"M": "mediation", "G": "mediation"}
    told = powers_of(frames, truths, shapes)
    # the median planted effect is .4, its z-ratio with the claim's own error .4 / .16 = 2.5
    assert told["F"]["basis"] == BY_SIZE
    assert told["F"]["power"] == pytest.approx(stats.norm.sf(1.959964 - 2.5), abs=1e-4)
    assert told["G"]["basis"] == BY_RATIO
    assert told["G"]["power"] == pytest.approx(stats.norm.sf(1.959964 - 2.0), abs=1e-4)
    assert told["F"]["right"] == 1.0


def test_a_larger_family_takes_power():
    frames = [seeds("T", ["supported"] * 2, 3.0, 0.3, 0.1)]
    small = seeds("F", ["inconclusive"] * 2, 0.0, 0.0, 0.1)
    truths, shapes = {"T": "true", "F": "false"}, {"T": "positive", "F": "positive"}
    alone = powers_of([*frames, small], truths, shapes)["F"]["power"]
    crowd = small.with_columns(family_size=pl.lit(20, pl.Int64))
    among = powers_of([*frames, crowd], truths, shapes)["F"]["power"]
    assert among == pytest.approx(stats.norm.sf(stats.norm.isf(0.025 / 20) - 3.0), abs=1e-4)
    assert among < alone


def test_the_page_counts_what_is_powered_and_explains_misses():
    powers = claim_powers(
        pl.concat([seeds("T", ["supported"] * 2, 3.0, 0.3, 0.1),
                   seeds("W", ["inconclusive"] * 2, 1.0, 0.1, 0.1)]),
        {"T": "true", "W": "true"}, {"T": "positive", "W": "positive"}, 0.05,
    ).with_columns(
        verdict=pl.Series(["supported", "inconclusive"]), matches=pl.Series([True, False]),
        testability=pl.lit("archival"),
    )  # fmt: skip
    assert summary_of(powers) == {
        "claims": 2, "judged": 2, "powered": 1, "right": 1, "not_true": 0, "not_testable": 0,
    }  # fmt: skip
    surveyed = summary_of(powers.with_columns(testability=pl.lit("survey")))
    assert (surveyed["judged"], surveyed["powered"]) == (0, 0)
    runs = pl.DataFrame({"seed": [1, 2], "draws": [99, 99], "seconds": [10.0, 10.0]})
    page = power_section(powers, {"W": "too small"}, runs)
    assert "| W | true | positive | 0.00 |" in page
    assert "**inconclusive** | too small |" in page
    assert "2 seeds, 99 resamples" in page
