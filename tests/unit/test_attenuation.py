"""What faults of the records do to estimates and verdicts."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from tertius.exhibits.figures.attenuation import attenuation_plot
from tertius.simulate.faults import FAULTS
from tertius.worlds.attenuation import attenuations, ratio_of_means, tolerances
from tertius.worlds.fault_page import WORDS, fault_section
from tertius.worlds.run import Run


def judged(words: str, estimates: list[float | None], claim: str = "A04") -> pl.DataFrame:
    """Verdicts of seeds 1..n from letters: s, c, i."""
    full = {"s": "supported", "c": "contradicted", "i": "inconclusive"}
    return pl.DataFrame(
        {
            "seed": list(range(1, len(words) + 1)),
            "claim_id": claim,
            "verdict": [full[letter] for letter in words],
            "estimate": pl.Series(estimates, dtype=pl.Float64),
        }
    )


CLEAN = judged("sssssi", [1.0, 2.0, 3.0, 4.0, 5.0, 0.5])


def test_decided_worlds_keep_their_verdict_or_not() -> None:
    worse = judged("ssicss", [0.5, 1.0, 1.5, 2.0, 2.5, 0.25])
    row = attenuations(CLEAN, {("name_splits", 5): worse}).row(0, named=True)
    assert (row["seeds"], row["decided"]) == (6, 5)
    assert row["kept"] == pytest.approx(3 / 5)  # seeds 1, 2, 5; seed 6 was not decided
    assert row["slope"] == pytest.approx(0.5)
    assert row["slope_se"] == pytest.approx(0.0, abs=1e-12)


def test_seeds_of_one_side_only_are_left_out() -> None:
    row = attenuations(CLEAN, {("name_splits", 5): judged("s", [9.0])}).row(0, named=True)
    assert row["seeds"] == 1
    assert row["slope"] == pytest.approx(9.0)
    assert math.isnan(row["slope_se"])


def test_the_error_of_a_ratio_is_that_of_many_samples() -> None:
    rng = np.random.default_rng(3)
    pairs = [
        (under := rng.normal(2, 1, 40), 0.7 * under + rng.normal(0, 0.5, 40)) for _ in range(999)
    ]
    found = np.array([ratio_of_means(over, under) for under, over in pairs])
    assert found[:, 0].mean() == pytest.approx(0.7, abs=0.01)
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.1)
    assert all(math.isnan(x) for x in ratio_of_means(np.array([]), np.array([])))


def table(kept: dict[int, str]) -> pl.DataFrame:
    tables = {("missing_ties", p): judged(w, [1.0] * len(w)) for p, w in kept.items()}
    return attenuations(CLEAN, tables)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ({5: "sssssi", 10: "ssssis", 20: "ssiiii"}, 10),
        ({5: "iiiiii", 10: "ssssss", 20: "ssssss"}, 0),  # what fails early is not mended later
        ({5: "ssssss", 10: "ssssss", 20: "sssssi"}, 20),
    ],
)
def test_tolerance_is_the_last_rate_that_keeps_enough_verdicts(kept, expected) -> None:
    found = tolerances(table(kept))
    assert found.rows() == [("A04", "missing_ties", expected, 20, 5)]


def test_what_no_world_decides_has_no_tolerance() -> None:
    never = attenuations(judged("ii", [0.1, 0.2]), {("missing_ties", 5): judged("is", [0.1, 0.3])})
    assert never["kept"].is_nan().all()
    assert tolerances(never)["tolerance"].to_list() == [None]


def test_the_page_shows_tolerance_and_what_remains() -> None:
    found = table({5: "sssssi", 10: "sssiii"})
    text = fault_section(found, tolerances(found), ["A04", "A11"], {"A04": "true"})
    assert "| A04 | true | 5 % (0.39) |" in text  # 6 of 15.5
    assert "| A11 |  | not decided |" in text
    assert "6 seeds. Of all verdicts" in text
    assert "| missing alliances | 100 % of 5 | 60 % of 5 |" in text


def test_every_fault_has_a_title_and_a_table_of_its_own() -> None:
    assert set(WORDS) == set(FAULTS)
    names = {Run("demo", 100, 1, 9, f, p).name for f in FAULTS for p in (5, 10)}
    assert len(names) == 2 * len(FAULTS)
    assert Run("demo", 100, 1, 9, "missing_ties", 5).name == "demo-100-missing_ties-05"


def test_the_figure_has_a_panel_a_fault_and_a_line_a_claim() -> None:
    tables = {(fault, p): judged("ssssss", [1.0] * 6) for fault in FAULTS for p in (5, 10, 20)}
    figure = attenuation_plot(attenuations(CLEAN, tables), ["A04"], WORDS)
    shown = [axis for axis in figure.axes if axis.get_title(loc="left")]
    assert [axis.get_title(loc="left") for axis in shown] == [WORDS[f] for f in FAULTS]
    heights = shown[0].containers[0].lines[0].get_ydata()
    assert heights == pytest.approx([1.0, *[6 / 15.5] * 3])
    with pytest.raises(ValueError, match="claims"):
        attenuation_plot(attenuations(CLEAN, tables), ["B01"], WORDS)
