"""Redundancy of access: node-disjoint paths to knowledge sources, classes that survive a loss."""

from __future__ import annotations

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from tertius.kernels import kernel
from tertius.measures._flow import disjoint_paths
from tertius.variables.class_windows import Ints, Reals, class_window, pattern, tied
from tertius.variables.combine import in_frame, yearly
from tertius.variables.frames import Rule, coverage, settle
from tertius.variables.inputs import Inputs
from tertius.variables.knowledge import window_rules
from tertius.variables.records import Level, rows


@kernel
def _providers(
    egos: Ints, ptr: Ints, idx: Ints, class_ptr: Ints, classes: Ints, n_classes: int, out: Reals
) -> None:
    n_units = ptr.size - 1
    near = np.zeros(n_units, np.bool_)
    count = np.zeros(n_classes, np.int64)
    last = np.full(n_classes, -1, np.int64)
    seen = np.empty(n_classes, np.int64)
    stamp = 0
    for e in range(egos.size):
        i = egos[e]
        n = ptr[i + 1] - ptr[i]
        if n == 0:
            continue
        near[i] = True
        for k in range(ptr[i], ptr[i + 1]):
            near[idx[k]] = True
        found = 0
        for k in range(ptr[i], ptr[i + 1]):
            j = idx[k]
            stamp += 1
            for q in range(ptr[j], ptr[j + 1] + 1):
                v = j if q == ptr[j + 1] else idx[q]
                if v != j and near[v]:
                    continue
                for m in range(class_ptr[v], class_ptr[v + 1]):
                    c = classes[m]
                    if last[c] == stamp:
                        continue
                    last[c] = stamp
                    if count[c] == 0:
                        seen[found] = c
                        found += 1
                    count[c] += 1
        if found:
            out[e] = _mean_retention(count, seen[:found], n)
        for f in range(found):
            count[seen[f]] = 0
        near[i] = False
        for k in range(ptr[i], ptr[i + 1]):
            near[idx[k]] = False


@kernel
def _mean_retention(count: Ints, seen: Ints, n: int) -> float:
    """1 - P(all u providers among k of n lost) = 1 - C(n-u, k-u)/C(n, k), meaned over c and k."""
    most = (n + 1) // 2
    total = 0.0
    for k in range(1, most + 1):
        lost = 0.0
        for f in range(seen.size):
            u = count[seen[f]]
            if u <= k:
                chance = 1.0
                for s in range(u):
                    chance *= (k - s) / (n - s)
                lost += chance
        total += 1.0 - lost / seen.size
    return total / most


def expected_retention(egos: Ints, links: sp.csr_array, holds: sp.csr_array) -> Reals:
    """Expected share of the classes within two steps that stay in reach when partners are lost.

    Mean over the loss of 1, ..., ceil(n/2) of the n partners at random, exactly: a class is lost
    when all partners that hold it or lead to a holder, who is no partner, are lost. NaN without
    partners or classes.

    Args:
        egos: units.
        links: units x units, partners.
        holds: units x classes, what each unit has.
    """
    out = np.full(egos.size, np.nan)
    _providers(
        egos.astype(np.int64),
        links.indptr.astype(np.int64),
        links.indices.astype(np.int64),
        holds.indptr.astype(np.int64),
        holds.indices.astype(np.int64),
        holds.shape[1],
        out,
    )
    return out


def _sample_of_year(inputs: Inputs, year: int) -> Ints:
    """Units of the frame that live in the year."""
    framed = in_frame(inputs).filter("framed").select("org")
    found = rows(inputs).filter(pl.col("year") == year).join(framed, on="org", how="semi")
    return found["org"].sort().cast(pl.Int64).to_numpy()


def _sample_rules(inputs: Inputs, network: str, window: int) -> list[Rule]:
    return [
        *coverage(inputs, network),
        *window_rules(inputs, window),
        (pl.col("n").is_null(), "missing_input"),
        (pl.col("n") == 0, "undefined_isolate"),
        (pl.col("v").is_null(), "undefined_nopat"),
    ]


def _frame(egos: Ints, links: sp.csr_array, values: Reals, year: int) -> pl.DataFrame:
    n = np.diff(links.indptr)[egos]
    table = {"org": egos.astype(np.uint32), "n": n, "v": values}
    return pl.DataFrame(table).with_columns(
        pl.lit(year, pl.Int32).alias("year"), pl.col("v").fill_nan(None)
    )


def resilience(inputs: Inputs, *, network: str, window: int = 5, level: Level = 4) -> pl.DataFrame:
    """Expected share of the classes within two steps that survive the loss of partners; in [0, 1].

    See `expected_retention`; classes of the patents in W. Units outside the frame are not measured:
    missing_input; no partner: undefined_isolate; no class within reach: undefined_nopat. Ours,
    after random removal in Albert, Jeong and Barabasi (2000).
    """

    def build(year: int) -> pl.DataFrame:
        links = tied(inputs, network, year)
        holds = pattern(class_window(inputs, year, window, level).vectors)
        egos = _sample_of_year(inputs, year)
        return _frame(egos, links, expected_retention(egos, links, holds), year)

    values = inputs.once(("resilience", network, window, level), lambda: yearly(inputs, build))
    return settle(inputs, values, pl.col("v"), _sample_rules(inputs, network, window))


def disjoint_access(
    inputs: Inputs,
    *,
    network: str,
    window: int = 5,
    top: float = 0.1,
    steps: int = 3,
    most: int = 5,
) -> pl.DataFrame:
    """Mean number of node-disjoint paths to the knowledge sources nearby; >= 0.

    Sources: organisations within `steps` steps, no partners, among the top tenth of the year by
    patents in W; of more than `most` those with most patents. Units outside the frame:
    missing_input; no partner: undefined_isolate; no source within reach: 0. Menger (1927).
    """

    def build(year: int) -> pl.DataFrame:
        links = tied(inputs, network, year)
        counts = class_window(inputs, year, window).counts
        egos = _sample_of_year(inputs, year)
        values = _mean_paths(egos, links, counts, top, steps, most)
        return _frame(egos, links, values, year)

    key = ("disjoint_access", network, window, top, steps, most)
    values = inputs.once(key, lambda: yearly(inputs, build))
    return settle(inputs, values, pl.col("v"), _sample_rules(inputs, network, window))


def _mean_paths(
    egos: Ints, links: sp.csr_array, counts: Ints, top: float, steps: int, most: int
) -> Reals:
    holders = np.sort(counts[counts > 0])[::-1]
    cut = holders[max(int(np.ceil(top * holders.size)) - 1, 0)] if holders.size else 0
    strong: NDArray[np.bool_] = (counts >= cut) & (counts > 0)
    indptr, indices = links.indptr.astype(np.int64), links.indices.astype(np.int32)
    out = np.full(egos.size, np.nan)
    depth, queue = np.full(indptr.size - 1, -1, np.int64), np.empty(indptr.size - 1, np.int64)
    for at, ego in enumerate(egos.tolist()):
        if indptr[ego] == indptr[ego + 1]:
            continue
        ends = _beyond_partners(indptr, indices, ego, steps, strong, depth, queue)
        ends = ends[np.lexsort((ends, -counts[ends]))][:most]
        found = disjoint_paths(indptr, indices, ego, ends)
        out[at] = found.mean() if found.size else 0.0
    return out


@kernel
def _beyond_partners(
    indptr: Ints,
    indices: NDArray[np.int32],
    ego: int,
    steps: int,
    strong: NDArray[np.bool_],
    depth: Ints,
    queue: Ints,
) -> Ints:
    """Strong units at 2..steps steps; depth is -1 everywhere, before and after."""
    depth[ego] = 0
    queue[0] = ego
    head, tail, found = 0, 1, 0
    while head < tail:
        u = queue[head]
        head += 1
        found += depth[u] > 1 and strong[u]
        if depth[u] == steps:
            continue
        for k in range(indptr[u], indptr[u + 1]):
            v = indices[k]
            if depth[v] < 0:
                depth[v] = depth[u] + 1
                queue[tail] = v
                tail += 1
    out = np.empty(found, np.int64)
    for k in range(tail - 1, -1, -1):
        u = queue[k]
        if depth[u] > 1 and strong[u]:
            found -= 1
            out[found] = u
        depth[u] = -1
    return out
