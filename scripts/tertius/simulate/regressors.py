"""The planted regressors, in plain formulas of their own: nothing of the library's measures.

Every function returns values with NaN where undefined and uses records dated by 31 December of
the year only.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from .deals import Deal
from .settings import Flags, Floats, Ints

_DECIMALS = 10
"""Regressors are rounded so that the last bits of a matrix product decide nothing."""


def degree(state: sp.csr_array) -> Floats:
    """Number of partners of each organisation, shape (n,); 0 for isolates."""
    return np.asarray((state.toarray() > 0.0).sum(axis=1), dtype=np.float64)


def structural_holes(state: sp.csr_array) -> Floats:
    """1 - constraint of Burt (1992, eq. 2.4) on the whole weighted network; NaN for isolates.

    With proportions p_ij = a_ij / sum_k a_ik the constraint of i is the sum over its partners j of
    (p_ij + sum_q p_iq p_qj)^2. Not bounded to [0, 1]: a closed triad gives -1/8.
    """
    strength = np.asarray(state.sum(axis=1)).ravel()
    p = sp.csr_array(sp.diags_array(1.0 / np.where(strength > 0.0, strength, 1.0)) @ state)
    both = p + (p @ p).multiply(state > 0.0)
    constraint = np.asarray(both.multiply(both).sum(axis=1)).ravel()
    return np.where(strength > 0.0, np.round(1.0 - constraint, _DECIMALS), np.nan)


def pair_diversity(totals: Floats, squares: Floats, counts: Ints) -> Floats:
    """Chance that two different items fall into different classes, classes shared in fractions.

    1 - (|sum of share vectors|^2 - sum of squared shares) / (N (N - 1)): Hall's (2005) unbiased
    Blau index for items that divide over several classes. NaN below two items.

    Args:
        totals: summed share vectors, shape (n, classes).
        squares: summed squared shares, shape (n,).
        counts: number of items N, shape (n,).
    """
    pairs = counts * (counts - 1.0)
    same = ((totals**2).sum(axis=1) - squares) / np.where(pairs > 0.0, pairs, 1.0)
    return np.where(pairs > 0.0, np.round(1.0 - same, _DECIMALS), np.nan)


def partner_diversity(state: sp.csr_array, owners: sp.csr_array, shares: sp.csr_array) -> Floats:
    """Class diversity of the pooled patents of all partners, without patents shared with oneself.

    Args:
        state: ties on 31 December, (n, n).
        owners: applicants of the patents of the last five priority years, 0/1, (patents, n).
        shares: class shares of these patents, rows sum to 1, (patents, classes).

    Returns:
        Diversity (`pair_diversity`), shape (n,); NaN without two such patents.
    """
    tied = (state > 0.0).astype(np.float64)
    reached = ((owners @ tied) > 0.0).astype(np.float64)
    pooled = sp.csr_array(reached - reached.multiply(owners)).T.tocsr()
    squares = np.asarray(shares.multiply(shares).sum(axis=1)).ravel()
    counts = np.asarray(pooled.sum(axis=1)).ravel().round().astype(np.int64)
    return pair_diversity((pooled @ shares).toarray(), pooled @ squares, counts)


def search_breadth(
    state: sp.csr_array,
    owners: sp.csr_array,
    citing: Ints,
    cited: Ints,
    own_rows: Ints,
    shares: sp.csr_array,
) -> Floats:
    """Class diversity of the external patents cited in a year, over citation instances.

    External: none of the cited patent's applicants is the firm or one of its partners on
    31 December of the year.

    Args:
        state: ties on 31 December, (n, n).
        owners: applicants of all patents, 0/1, (patents, n).
        citing: rows of the citing patents, one an instance.
        cited: rows of the cited patents, one an instance.
        own_rows: rows of the patents of the year.
        shares: class shares of all patents, (patents, classes).

    Returns:
        Diversity (`pair_diversity`), shape (n,); NaN below two external citations.
    """
    mine = owners.tocsr()[own_rows].T.tocsr()
    position = np.full(owners.shape[0], -1, dtype=np.int64)
    position[own_rows] = np.arange(len(own_rows))
    size = (len(own_rows), owners.shape[0])
    cites = sp.csr_array((np.ones(len(citing)), (position[citing], cited)), shape=size)
    instances = (mine @ cites).tocsr()
    near = ((owners @ (state > 0.0).astype(np.float64) + owners) > 0.0).astype(np.float64)
    external = instances - instances.multiply(near.T.tocsr())
    external = sp.csr_array(external)
    squares = np.asarray(shares.multiply(shares).sum(axis=1)).ravel()
    counts = np.asarray(external.sum(axis=1)).ravel().round().astype(np.int64)
    return pair_diversity((external @ shares).toarray(), external @ squares, counts)


def function_balance(deals: list[Deal], n: int, year: int) -> Floats:
    """1 - |explore - exploit| / (explore + exploit) over the functions of active deals.

    A deal with research but neither manufacture nor marketing counts 1 to explore, one with
    manufacture or marketing but no research 1 to exploit, one with both a half to each, others
    nothing. NaN where both sums are 0.
    """
    explore, exploit = np.zeros(n), np.zeros(n)
    for deal in deals:
        if not deal.active(year):
            continue
        research = "RD" in deal.functions
        market = "manufacture" in deal.functions or "marketing" in deal.functions
        each = 0.5 if research and market else 1.0
        for member in deal.members:
            explore[member] += each * research
            exploit[member] += each * market
    total = explore + exploit
    balance = 1.0 - np.abs(explore - exploit) / np.where(total > 0.0, total, 1.0)
    return np.where(total > 0.0, np.round(balance, _DECIMALS), np.nan)


def partner_died(before: sp.csr_array, dissolved_now: Flags) -> Floats:
    """1 where a partner of 31 December of the year before dissolved in the year, else 0."""
    ties = (before > 0.0).astype(np.float64)
    return np.asarray((ties @ dissolved_now.astype(np.float64)) > 0.0, dtype=np.float64)
