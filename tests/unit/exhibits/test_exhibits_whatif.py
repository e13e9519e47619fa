"""Removals and contributions of partners in the report."""

from __future__ import annotations

import polars as pl

from tertius.exhibits.whatif import SHOWN, whatif_block


def measures(kept: float) -> dict[str, float]:
    return {f"{m}{end}": kept for m in ("giant_share", "retained", "recovered")
            for end in ("", "_low", "_high")}  # fmt: skip


def tables(partners: int) -> dict[str, pl.DataFrame]:
    curves = [
        {"strategy": s, "share": x, "n_removed": 9, **measures(1.0 - k * x)}
        for s, k in (("random", 1.0), ("betweenness", 2.0))
        for x in (0.0, 0.05, 0.1)
    ]
    groups = [
        {"kind": "country", "group": g, "n_removed": 5, **measures(v)}
        for g, v in (("DE", 0.9), ("CN", 0.1))
    ]
    firms = [
        {"node": f"f{k}", "degree": 2, "reach": 9, "retained_random": 0.8,
         "retained_random_low": 0.7, "retained_random_high": 0.9, "recovered_random": 0.5,
         "retained_betweenness": k / 10, "worst_group": "DE", "retained_worst": 0.1}
        for k in (3, 1)
    ]  # fmt: skip
    worth = [
        {"node": "f1", "partner": f"p{k:02d}", "degree": partners, "holes_with": 0.5,
         "holes_without": 0.4, "contribution": k / 10 - 0.2, "conf_low": k / 10 - 0.25,
         "conf_high": k / 10 - 0.15}
        for k in range(partners)
    ]  # fmt: skip
    return {"curves": pl.DataFrame(curves), "groups": pl.DataFrame(groups),
            "firms": pl.DataFrame(firms), "partners": pl.DataFrame(worth)}  # fmt: skip


def test_sentences_tell_the_second_share_and_count_one_sided_intervals() -> None:
    block = whatif_block(tables(5), "data:")
    first, second, third = block.sentences
    assert "10.0\u00a0% of the nodes fall out at random" in first
    assert "keep 90.0\u00a0%" in first
    assert "by betweenness, the others keep 80.0\u00a0%" in second
    assert "expects 2 to add to the outcome and 2 to take from it" in third


def test_worst_come_first_and_long_lists_show_both_ends() -> None:
    groups, firms, partners = whatif_block(tables(40), "data:").grids
    assert [row[0] for row in groups.rows] == ["country: CN", "country: DE"]
    assert [row[0] for row in firms.rows] == ["f1", "f3"]
    names = [row[1] for row in partners.rows]
    assert names == [f"p{k:02d}" for k in (*range(SHOWN), *range(40 - SHOWN, 40))]


def test_without_a_position_model_no_partner_is_told() -> None:
    some = tables(1)
    block = whatif_block({**some, "partners": some["partners"].clear()}, "data:")
    assert len(block.sentences) == 2
    assert len(block.grids) == 2
