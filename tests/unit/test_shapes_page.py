"""The page of shape tests tells what the tests say today."""

from __future__ import annotations

from tertius.claims.findings import JUDGED
from tertius.claims.shape_table import SHAPES
from tests.shape_page import ENTRIES, PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_test_that_a_claim_can_name_is_told() -> None:
    told = {name for entry in ENTRIES for name in entry.claim.split(", ") if name}
    assert told == set(JUDGED) - {"all_of"}
    assert set(SHAPES) == set(JUDGED)
