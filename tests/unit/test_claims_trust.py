"""What stored simulations say of a claim, on its card and in the report."""

from __future__ import annotations

import polars as pl

from tertius.claims.trust import trust_records
from tertius.exhibits.claim_rows import trust_lines

POWER = pl.DataFrame(
    {"claim_id": ["A01", "A04"], "power": [0.25, 0.96], "basis": ["z-ratio", "simulated"],
     "seeds": [24, 24], "truth": ["false", "true"]}
)  # fmt: skip
FAULTS = pl.DataFrame(
    {"claim_id": ["A04", "A04", "A11"], "fault": ["name_splits", "missing_ties", "name_splits"],
     "tolerance": [10, 0, None], "highest": [20, 20, 20], "worlds": [3, 3, 0]}
)  # fmt: skip


def test_records_join_power_and_faults_by_claim() -> None:
    found = trust_records(POWER, FAULTS)
    assert list(found) == ["A01", "A04", "A11"]
    assert found["A04"]["power"] == {"power": 0.96, "basis": "simulated", "seeds": 24}
    assert found["A04"]["fault_tolerance"] == {
        "worlds": 3,
        "percent": {"name_splits": 10, "missing_ties": 0},
    }
    assert found["A01"]["fault_tolerance"] is None
    undecided = {"worlds": 0, "percent": {"name_splits": None}}
    assert found["A11"] == {"power": None, "fault_tolerance": undecided}
    assert trust_records(None, None) == {}


def test_the_report_tells_what_the_card_holds_and_no_more() -> None:
    card = {**trust_records(POWER, FAULTS)["A04"], "multiverse": None}
    assert trust_lines(card) == (
        ("Power", "96.0\u00a0% (simulated, 24 worlds)"),
        ("Survives", "name splits 10 %, missing ties 0 % (3 worlds)"),
    )
    undecided = trust_records(POWER, FAULTS)["A11"]
    assert trust_lines(undecided) == (("Survives", "no world decides it"),)
    varied = {"multiverse": {"same_sign": 0.9404, "specifications": 738}}
    assert trust_lines(varied) == (("Multiverse", "94.0\u00a0% of 738 with this sign"),)
    assert trust_lines({}) == ()
