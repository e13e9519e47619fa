"""Alliances as records: parties, days, form, functions, clauses; and the ties they make."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

UNKNOWN_SPAN = 5
"""Calendar years on whose last day a deal of unknown end counts as active, its first included."""
STILL_OPEN = dt.date(9000, 1, 1).toordinal()
"""End of a deal that has not ended yet."""
EQUITY_FORMS = ("equity_jv", "minority_equity")


@dataclass(frozen=True)
class Deal:
    """One alliance: ordinals of its days (`ended` 0 where the record has no end date).

    `initiator` is the party that proposed it (-1: nobody is recorded), `clauses` what its contract
    provides for.
    """

    announced: int
    ended: int
    members: tuple[int, ...]
    form: str
    functions: tuple[str, ...]
    clauses: tuple[str, ...] = ()
    initiator: int = -1

    def active(self, year: int) -> bool:
        """In force on 31 December of `year`; without an end date for `UNKNOWN_SPAN` years."""
        day = dt.date(year, 12, 31).toordinal()
        if self.announced > day:
            return False
        if self.ended:
            return self.ended > day
        return year < self.year + UNKNOWN_SPAN

    @property
    def year(self) -> int:
        """Year of the announcement."""
        return dt.date.fromordinal(self.announced).year

    @property
    def equity(self) -> bool:
        """Whether it involves equity."""
        return self.form in EQUITY_FORMS

    @property
    def formal(self) -> bool:
        """Whether it involves equity or contract clauses."""
        return self.equity or bool(self.clauses)


def state_of(deals: Sequence[Deal], n: int, year: int) -> sp.csr_array:
    """Weighted ties on 31 December: 1/(k - 1) from each active deal of k parties; (n, n)."""
    rows, columns, weights = [], [], []
    for deal in deals:
        if deal.active(year):
            k = len(deal.members)
            for a in deal.members:
                for b in deal.members:
                    if a != b:
                        rows.append(a)
                        columns.append(b)
                        weights.append(1.0 / (k - 1))
    cells = (np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64))
    return sp.csr_array(sp.coo_array((np.array(weights, dtype=np.float64), cells), shape=(n, n)))
