"""Partner matching by a platform against search among a few contacts, simulated on real firms."""

from __future__ import annotations

import numpy as np

from tertius.arrays import FloatArray, IntArray
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.result import Diagnostic, Estimate, Fit, assemble_estimate
from tertius.estimate.sample import cluster_sums, make_sample

MOST = 400
"""Firms of a year beyond which that many are drawn, so that pairs stay few."""


def fit_agent_matching(design: Design) -> Estimate:
    """Mean gain of a platform over search, with errors clustered over the firms as agents.

    The value of a pair is the distance of the firms on the terms, each standardised within the
    year: complements lie far apart. In search a firm asks `contacts` firms drawn at random and
    takes the best that has a place; the platform serves pairs from the most valuable down
    (greedy matching, a half of the best sum at least). Nothing is estimated: the numbers follow
    from the rules on the attributes of the study's firms.

    Raises:
        NotEstimable: no year has more firms than a firm has contacts, or no term varies.
    """
    spec = design.spec
    sample = make_sample(design, np.zeros(len(design.y), dtype=np.int8), ())
    x = design.x[:, : len(spec.terms)]
    gain = np.zeros(len(sample.y))
    seen = np.zeros(len(sample.y))
    contacts, places = int(spec.option("contacts")), int(spec.option("places"))
    draws = int(spec.option("draws"))
    for year in np.unique(design.year):
        rng = np.random.default_rng([int(spec.option("seed")), int(year)])
        rows = np.flatnonzero(design.year == year)
        rows = np.sort(rng.permutation(rows)[:MOST])
        if len(rows) <= contacts + 1:
            continue
        value = pair_values(x[rows])
        if not value[np.isfinite(value)].std() > 0:
            continue
        best = platform(value, places)
        found = np.mean([search(value, contacts, places, rng) for _ in range(draws)], axis=0)
        gain[rows], seen[rows] = best - found, 1.0
    if not seen.any():
        what = "no year has firms that differ and are more than a firm's contacts"
        raise NotEstimable("no_variation", spec.name, what)
    mean = float(gain.sum() / seen.sum())
    influence = cluster_sums(((gain - mean) * seen / seen.sum())[:, None], sample)
    text = f"{int(seen.sum())} agents, {draws} searches a year among {contacts} contacts"
    return assemble_estimate(
        design,
        Fit(
            sample=sample,
            coefficients=np.array([mean]),
            influence=influence,
            fitted=np.full(len(sample.y), np.nan),
            columns=np.arange(0),
            collinear=np.arange(0),
            statistics={},
            terms=("gain",),
            warnings=("a simulation: the outcome of the model plays no part",),
            diagnostics={"simulation": Diagnostic(text, value=mean)},
        ),
    )


def pair_values(x: FloatArray) -> FloatArray:
    """(n, n) distances on standardised columns in standard deviations; the diagonal is -inf."""
    spread = x.std(axis=0)
    z = (x - x.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    apart = np.sqrt(np.maximum(((z[:, None, :] - z[None, :, :]) ** 2).sum(axis=2), 0.0))
    off = ~np.eye(len(x), dtype=bool)
    size = float(apart[off].std())
    value: FloatArray = apart / size if size > 0 else np.zeros_like(apart)
    np.fill_diagonal(value, -np.inf)
    return value


def platform(value: FloatArray, places: int) -> FloatArray:
    """(n,) value that each firm gets where pairs are served from the most valuable down."""
    n = len(value)
    one, two = np.triu_indices(n, 1)
    order = np.argsort(-value[one, two], kind="stable")
    left, got = np.full(n, places), np.zeros(n)
    for k in order.tolist():
        i, j = int(one[k]), int(two[k])
        if left[i] and left[j]:
            left[[i, j]] -= 1
            got[[i, j]] += value[i, j]
            if (left > 0).sum() < 2:
                break
    return got / places


def search(value: FloatArray, contacts: int, places: int, rng: np.random.Generator) -> FloatArray:
    """(n,) value that each firm gets where firms ask a few contacts in random order."""
    n = len(value)
    left, got = np.full(n, places), np.zeros(n)
    turns: IntArray = rng.permutation(np.repeat(np.arange(n), places))
    for i in turns.tolist():
        if not left[i]:
            continue
        asked = rng.choice(n, size=contacts, replace=False)
        asked = asked[(asked != i) & (left[asked] > 0)]
        if not len(asked):
            continue
        j = int(asked[np.argmax(value[i, asked])])
        left[[i, j]] -= 1
        got[[i, j]] += value[i, j]
    return got / places
