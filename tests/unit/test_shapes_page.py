"""The page of shape tests tells what the tests say today."""

from __future__ import annotations

from tertius.claims.findings import FINDERS
from tertius.shapes import SHAPE_TESTS, TEST_KEYS
from tests.shape_page import ENTRIES, PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_test_that_a_claim_can_name_is_told() -> None:
    told = {name for entry in ENTRIES for name in entry.claim.split(", ") if name}
    assert told == set(FINDERS)
    assert set(TEST_KEYS) == set(SHAPE_TESTS)
