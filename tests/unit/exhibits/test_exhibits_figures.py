"""Figures: equal bytes, what is drawn, and words for those who cannot see it."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest

from tertius.exhibits.build_figures import (
    FigureData,
    build_figure,
    model_curve,
    truth_comparison,
    verdict_tiles,
)
from tertius.exhibits.config import Exhibit
from tertius.exhibits.figures.inverted_u import quadratic_curve
from tertius.exhibits.figures.layout import force_layout
from tertius.exhibits.figures.network import network_picture, picture_years
from tertius.exhibits.labels import section_label
from tertius.exhibits.results import ModelResults
from tertius.exhibits.style import figure_bytes
from tertius.exhibits.truth import Plant

TITLE = {"en": "T"}
EXHIBITS = {
    "coefficients": {"models": ("position", "synergy"), "rows": ("log1p(deg)", "sh")},
    "inverted_u": {"model": "technology_diversity_pat", "x": "tdiv"},
    "network": {},
    "attrition": {"models": ("position", "synergy")},
    "truth": {"model": "truth"},
    "verdicts": {},
}


@pytest.fixture(scope="module")
def data(world: Any) -> FigureData:
    return FigureData(
        results=world.results,
        panel=world.panel,
        ties={"alliance": world.ties},
        types=dict(world.organisations.select("org_id", "type").iter_rows()),
        verdicts=world.verdicts,
        labels=world.labels,
        focal="alliance",
        years=(1999, 2006),
        seed=3,
        plant=Plant({"log1p(deg)": 0.45, "tdiv^2": -8.0}, {}),
    )


def exhibit(kind: str, **changes: Any) -> Exhibit:
    settings: dict[str, Any] = {**EXHIBITS[kind], **changes}
    return Exhibit(f"figure_{kind}", kind, TITLE, {}, ("png", "pdf", "svg"), **settings)


@pytest.mark.parametrize("kind", sorted(EXHIBITS))
def test_two_drawings_are_equal_bytes(data: FigureData, kind: str) -> None:
    drawn = [build_figure(exhibit(kind), data) for _ in range(2)]
    for form, start in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        # the second drawing is saved under a user's own settings, which must not show
        first = figure_bytes(drawn[0].figure, form)
        with mpl.rc_context({"font.size": 20, "axes.grid": True, "svg.hashsalt": None}):
            second = figure_bytes(drawn[1].figure, form)
        assert first == second
        assert first.startswith(start)
        assert b"CreationDate" not in first
        assert b"<dc:date>" not in first


@pytest.mark.parametrize("kind", sorted(EXHIBITS))
def test_every_figure_has_words(data: FigureData, kind: str) -> None:
    assert len(build_figure(exhibit(kind), data).alt) > 40


def test_words_hold_the_numbers(data: FigureData, world: Any) -> None:
    known = world.results.estimated["position"].row("log1p(deg)")
    alt = build_figure(exhibit("coefficients"), data).alt
    assert f"in position: {known['estimate']:.3f}" in alt
    words = world.verdicts["verdict"].to_list()
    said = build_figure(exhibit("verdicts"), data).alt
    assert f"164 claims by paper and section: {words.count('supported')} supported" in said


@pytest.mark.parametrize("kind", ["coefficients", "inverted_u", "attrition", "truth"])
def test_a_refused_model_gives_a_figure_that_says_so(data: FigureData, kind: str) -> None:
    refused = dict.fromkeys(exhibit(kind).needed_models, "tdiv is missing")
    empty = FigureData(**{**vars(data), "results": ModelResults({}, refused)})
    drawn = build_figure(exhibit(kind), empty)
    assert "tdiv is missing" in drawn.alt
    assert figure_bytes(drawn.figure, "png").startswith(b"\x89PNG")


def test_turning_point_is_that_of_the_coefficients(world: Any) -> None:
    model = world.results.estimated["technology_diversity_pat"]
    curve, level = model_curve(model, "tdiv", world.panel)
    (b1, b2), _ = model.block(("tdiv", "tdiv^2"))
    centre = model.fit["variables"]["tdiv"]["centre"]
    assert level == 0.95
    assert curve.turning == pytest.approx(centre - b1 / (2 * b2))
    assert curve.x[np.argmax(curve.effect)] == pytest.approx(curve.turning, abs=0.01)
    assert curve.fieller is not None
    assert curve.fieller[0] < curve.turning < curve.fieller[1]
    assert len(curve.values) == model.fit["variables"]["tdiv"]["n_ok"]


def test_curve_and_band_by_hand() -> None:
    v = np.array([[0.04, 0.0], [0.0, 0.01]])
    turning = (1.0, None, "")
    curve = quadratic_curve(
        np.array([2.0, -1.0]), v, np.array([0.0, 4.0]), 0.0, 0.0, False, turning, 2.0
    )
    # at x = 2 from x = 0: 2 * 2 - 4 = 0, variance 4 * .04 + 16 * .01 = .32
    assert curve.effect[100] == pytest.approx(0.0)
    assert curve.high[100] == pytest.approx(2.0 * np.sqrt(0.32))
    assert curve.effect[0] == curve.low[0] == 0.0
    ratio = quadratic_curve(
        np.array([2.0, -1.0]), v, np.array([0.0, 4.0]), 0.0, 0.0, True, turning, 2.0
    )
    assert ratio.effect == pytest.approx(np.exp(curve.effect))


def test_picture_does_not_depend_on_the_order_of_ties(world: Any) -> None:
    years = (1999, 2003, 2006)
    first = network_picture(world.ties, {}, years, 3)
    second = network_picture(world.ties.sample(fraction=1, shuffle=True, seed=1), {}, years, 3)
    assert first == second


def test_another_seed_is_another_layout(world: Any) -> None:
    one, two = (network_picture(world.ties, {}, (2003,), seed) for seed in (1, 2))
    assert one.positions.keys() == two.positions.keys()
    assert one.positions != two.positions


def test_picture_keeps_to_its_caps_and_counts_all(world: Any) -> None:
    year = 2006
    picture = network_picture(world.ties, {}, (year,), 3, max_nodes=20, max_ties=10)
    window = picture.windows[0]
    own = world.ties.filter(pl.col("year") == year)
    assert len(window.ties) == 10
    assert window.n_ties == own.height
    assert window.n_nodes == len(set(own["a"]) | set(own["b"]))
    assert set(picture.positions) == most_connected(own, 20)


def most_connected(ties: pl.DataFrame, number: int) -> set[str]:
    ends = [*ties["a"], *ties["b"]]
    return set(sorted(set(ends), key=lambda node: (-ends.count(node), node))[:number])


def test_separate_parts_stay_near_and_apart() -> None:
    # two teams of five without a tie between them
    team = [(a, b) for a in range(5) for b in range(a)]
    edges = np.array(team + [(a + 5, b + 5) for a, b in team])
    at = force_layout(10, edges, 1)
    radii = np.sqrt((at**2).sum(axis=1))
    assert radii.max() == pytest.approx(1.0)
    centres = at[:5].mean(axis=0), at[5:].mean(axis=0)
    spread = max(np.abs(at[:5] - centres[0]).max(), np.abs(at[5:] - centres[1]).max())
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread
    assert (force_layout(10, edges, 1) == at).all()
    assert force_layout(0, np.zeros((0, 2), dtype=int), 1).shape == (0, 2)


def test_an_empty_network_is_drawn_as_empty(data: FigureData, world: Any) -> None:
    none = FigureData(**{**vars(data), "ties": {"alliance": world.ties.head(0)}})
    drawn = build_figure(exhibit("network"), none)
    assert figure_bytes(drawn.figure, "svg").startswith(b"<?xml")


def test_years_of_the_picture() -> None:
    assert picture_years(range(1999, 2012)) == (1999, 2005, 2011)
    assert picture_years([2014, 2015]) == (2014, 2015)
    assert picture_years([]) == ()


def test_tiles_hold_every_claim_once(world: Any) -> None:
    tiles = verdict_tiles(world.verdicts)
    assert list(tiles) == ["zhang2025", "shao2023"]
    sizes = {paper: sum(map(len, places.values())) for paper, places in tiles.items()}
    assert sizes == {"zhang2025": 71, "shao2023": 93}


def test_places_of_claims_in_latin_letters() -> None:
    assert section_label("Abs,§2,§2.1,§5") == "2.1"
    assert section_label("三(二)1") == "3.2.1"
    assert section_label("摘要,一,二") == "1"
    assert section_label("四(一),图5") == "4.1"
    assert section_label("Abs") == "Abstract"


def test_comparison_uses_the_centres_of_the_model(world: Any) -> None:
    model = world.results.estimated["truth"]
    centre = model.fit["variables"]["tdiv"]["centre"]
    found = truth_comparison(model, Plant({"tdiv": 0.0, "tdiv^2": -8.0}, {"tdiv": 0.78}))
    planted = {row.term: row.planted for row in found.rows}
    assert planted["tdiv"] == pytest.approx(2 * -8.0 * (centre - 0.78))
    assert planted["tdiv^2"] == -8.0
