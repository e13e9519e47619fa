"""Three waves: x before m, m before y, and x and m from different records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet


def shared_records_check(
    records: Mapping[str, Mapping[tuple[str, int], AbstractSet[str]]],
) -> Callable[[str, str], bool]:
    """A check for `mediation_test`: whether two variables use one record in some row.

    Args:
        records: variable -> (org_id, year) -> ids of the records its value was built from.

    Returns:
        (x, m) -> True where the sets of a row meet. A variable without provenance counts as
        sharing, since nothing shows that it does not.
    """

    def shares(x: str, m: str) -> bool:
        if x not in records or m not in records:
            return True
        first, second = records[x], records[m]
        return any(not first[row].isdisjoint(second[row]) for row in first.keys() & second.keys())

    return shares
