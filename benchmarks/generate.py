"""Simulated inputs of the benchmarks: co-affiliation graphs and tables of applicants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius.measures import Graph

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


def co_affiliation_graph(n: int, seed: int = 1) -> Graph:
    """Ties of n organisations through joint records, with a heavy tail of activity.

    Two thirds of the organisations form the giant pool: 1.25 records an organisation, of 2 to 5
    members. A record's first member is drawn by activity (Zipf, exponent 0.82) or evenly; the
    others come from its community of about 60 (55 %, the active ones first) or from the whole pool
    by activity. The rest form groups of 2 to 6, and a few stay alone. A record counts a Zipf (2.2)
    number of times. Mean degree about 5.4, largest component about 62 %.
    """
    rng = np.random.default_rng([seed, n])
    bounds, members, times = _records(n, rng)
    sizes = np.diff(bounds)
    a, b, weight = [], [], []
    for k in np.unique(sizes):
        rows = members[bounds[:-1][sizes == k][:, None] + np.arange(k)]
        for i in range(k):
            for j in range(i + 1, k):
                a.append(rows[:, i])
                b.append(rows[:, j])
                weight.append(times[sizes == k])
    return Graph.from_edges(
        np.concatenate(a), np.concatenate(b), np.concatenate(weight), np.arange(n)
    )


def _records(n: int, rng: np.random.Generator) -> tuple[Ints, Ints, Reals]:
    """Records as (bounds, members, times)."""
    pool = int(0.66 * n)
    places = rng.permutation(n)
    sizes, members = _pool_records(pool, rng)
    rest = rng.permutation(np.arange(pool, n))[int(0.05 * (n - pool)) :]
    groups = rng.choice([2, 3, 4, 5, 6], rest.size, p=[0.55, 0.22, 0.12, 0.07, 0.04])
    groups = groups[: np.searchsorted(np.cumsum(groups), rest.size, side="right")]
    times = np.r_[
        np.minimum(rng.zipf(2.2, sizes.size), 300), np.minimum(rng.zipf(2.2, groups.size), 100)
    ]
    members = np.r_[members, rest[: groups.sum()]]
    return np.r_[0, np.cumsum(np.r_[sizes, groups])], places[members], times.astype(float)


def _pool_records(pool: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Sizes and members of the giant pool's records; members are ranks of activity."""
    activity = np.cumsum((np.arange(1, pool + 1) + 3.0) ** -0.82)
    activity /= activity[-1]
    n_communities = max(1, pool // 60)
    community = rng.integers(0, n_communities, pool)
    by_community = np.lexsort((np.arange(pool), community))
    starts = np.searchsorted(community[by_community], np.arange(n_communities + 1))
    sizes = rng.choice([2, 3, 4, 5], int(1.25 * pool / 0.66), p=[0.70, 0.19, 0.075, 0.035])
    by_activity = np.searchsorted(activity, rng.random(sizes.size))
    evenly = rng.integers(0, pool, sizes.size)
    first = np.where(rng.random(sizes.size) < 0.5, by_activity, evenly)
    total = int(sizes.sum())
    home = np.repeat(community[first], sizes)
    width = np.maximum(starts[home + 1] - starts[home], 1)
    near = starts[home] + (width * rng.random(total) ** 2).astype(np.int64)
    members = np.where(
        rng.random(total) < 0.55,
        by_community[np.minimum(near, pool - 1)],
        np.searchsorted(activity, rng.random(total)),
    )
    members[np.cumsum(sizes) - sizes] = first
    return sizes, members


def applicant_rows(
    rows: int, years: int = 20, seed: int = 1
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Unsorted rows (record, year, node): 1.81 rows a record, of 1 to 12 members.

    Two records in 100,000 have 60 to 400 members. Members are drawn by activity (Zipf, 0.82) or,
    60 % of them, near the record's first member, so that partners repeat. Records grow over time.
    """
    rng = np.random.default_rng([seed, rows])
    shares = [0.52, 0.30, 0.10, 0.045, 0.02, 0.009, 0.004, 0.002]
    sizes = rng.choice([1, 2, 3, 4, 5, 6, 8, 12], int(rows / 1.75) + 1000, p=shares)
    large = rng.random(sizes.size) < 2e-5
    sizes[large] = rng.integers(60, 400, int(large.sum()))
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), rows))]
    nodes = max(2000, rows // 25)
    activity = np.cumsum((np.arange(1, nodes + 1) + 3.0) ** -0.82)
    activity /= activity[-1]
    total = int(sizes.sum())
    node = np.searchsorted(activity, rng.random(total)).astype(np.int32)
    first = np.repeat(node[np.cumsum(sizes) - sizes], sizes)
    step = rng.geometric(0.08, total).astype(np.int32) - 1
    node = np.where(rng.random(total) < 0.6, (first + step) % nodes, node).astype(np.int32)
    del first, step
    record = np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)
    year = (2000 + years * np.sqrt(rng.random(sizes.size))).astype(np.int32)[record]
    order = rng.permutation(total)
    return record[order], year[order], node[order]


def firm_panel(
    firms: int = 20_000, years: int = 15, columns: int = 10, missing: float = 0.1, seed: int = 1
) -> tuple[Reals, Reals, Reals, Ints, Ints]:
    """(x, y, counts, firm, year) of an unbalanced panel, rows by firm.

    Regressors vary between and within firms and share a trend; y has uneven errors, and counts are
    overdispersed Poisson. Firms without any count are left out.
    """
    rng = np.random.default_rng([seed, firms, years, columns])
    firm, year = np.repeat(np.arange(firms), years), np.tile(np.arange(years), firms)
    keep = rng.random(firm.size) >= missing
    firm, year = firm[keep], year[keep]
    x = rng.normal(size=(firm.size, columns)) + rng.normal(size=(firms, columns))[firm]
    x += 0.1 * year[:, None]
    level = rng.normal(size=firms)
    noise = rng.normal(size=firm.size) * (1 + 0.5 * np.abs(x[:, 0]))
    y = x @ np.linspace(0.3, -0.3, columns) + level[firm] + 0.2 * year + noise
    index = 0.2 * x[:, 0] - 0.1 * x[:, 1] + 0.5 * level[firm] + 0.02 * year
    counts = rng.poisson(np.exp(index) * rng.gamma(2, 0.5, firm.size)).astype(np.float64)
    alive = np.bincount(firm, weights=counts, minlength=firms)[firm] > 0
    firm = np.unique(firm[alive], return_inverse=True)[1].astype(np.int64)
    return x[alive], y[alive], counts[alive], firm, year[alive].astype(np.int64)
