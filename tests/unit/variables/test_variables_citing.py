"""The compiled loops against plain Python on random records, and on their edges."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.variables import citing as loops
from tertius.variables.dyad_classes import common_entries, compare, reached_counts
from tertius.variables.exploration import family_novelty, set_numbers
from tertius.variables.frames import SHARE_UNIT, placed
from tertius.variables.records import holdings, organisation_codes

YEARS = range(2000, 2008)
NAMES = "ABCDE"


def _records(rng, new_patent):
    """Patents of one or two holders, with classes, citations of earlier ones and of outsiders."""
    n = 40
    years = np.sort(rng.integers(YEARS[0], YEARS[-1] + 1, n))
    pids = [f"p{k:02d}" for k in range(n)]
    held = {p: " ".join(rng.choice(list(NAMES), rng.integers(1, 3), replace=False)) for p in pids}
    symbols = ["H04L1/00", "H04W1/00", "G06F1/00", "A61K1/00"]
    classes = {
        p: " ".join(rng.choice(symbols, rng.integers(1, 4), replace=False)) for p in pids[:-3]
    }
    cites = {
        (pids[k], pids[j])
        for k in range(1, n)
        for j in rng.integers(0, k, 4)
        if years[j] < years[k]
    }
    cites |= {(p, f"x{rng.integers(0, 6)}") for p in pids if rng.random() < 0.4}
    tied = {
        (int(y), *sorted(rng.choice(list(NAMES), 2, replace=False)), 1) for y in YEARS for _ in "ab"
    }
    patents = [new_patent(p, int(y)) for p, y in zip(pids, years, strict=True)]
    return patents, held, classes, sorted(cites), sorted(tied)


@pytest.fixture(params=range(4))
def world(request, make, new_patent):
    patents, held, classes, cites, tied = _records(np.random.default_rng(request.param), new_patent)
    inputs = make(
        years=YEARS, units=NAMES, raw=(YEARS[0], YEARS[-1]), patents=patents, held=held,
        classes=classes, cites=cites, tied=tied,
    )  # fmt: skip
    year = {p["pid"]: p["year"] for p in patents}
    owners = {p: set(names.split()) for p, names in held.items()}
    count = Counter((o, year[a], b) for a, b in cites for o in owners[a])
    near = defaultdict(set)
    for y, a, b, _ in tied:
        near[a, y].add(b)
        near[b, y].add(a)
    return inputs, {"year": year, "owners": owners, "count": count, "near": near, "cites": cites,
                    "classes": {p: c.split() for p, c in classes.items()}}  # fmt: skip


def _named(inputs, frame: pl.DataFrame, column: str) -> dict:
    """{(org_id, year): value} of a frame with org and year."""
    named = frame.join(organisation_codes(inputs), on="org")
    return {(o, y): v for o, y, v in named.select("org_id", "year", column).iter_rows()}


def _expected(plain, value) -> dict:
    """{(org, year): sum over the cited of n * value(org, year, cited)} without zeros."""
    sums: Counter = Counter()
    for (org, year, cited), n in plain["count"].items():
        sums[org, year] += n * value(org, year, cited)
    return {key: v for key, v in sums.items() if v}


def _positive(found: dict) -> dict:
    return {key: v for key, v in found.items() if v}


def _past(plain, org, year, cited, years=3):
    return sum(plain["count"].get((org, y, cited), 0) for y in range(year - years, year))


def test_citations_count_for_every_holder(world):
    inputs, plain = world
    c = loops.citing(inputs)
    found = _named(inputs, c.sums(n=c.n), "n")
    assert found == _expected(plain, lambda *_: 1)
    assert (np.diff(c.ptr) > 0).all()


def test_whose_families_are_cited(world):
    inputs, plain = world
    c, marks = loops.citing(inputs), loops.network_origins(inputs, "net")

    def mark(org, year, cited):
        owners = plain["owners"].get(cited, set())
        if org in owners:
            return loops.OWN
        return loops.PARTNERS if owners & plain["near"][org, year] else loops.EXTERNAL

    for kind in (loops.OWN, loops.PARTNERS, loops.EXTERNAL):
        found = _named(inputs, c.sums(n=c.n * (marks == kind)), "n")
        assert _positive(found) == _expected(plain, lambda *k, kind=kind: mark(*k) == kind)


def test_past_use_is_a_look_back_of_some_years(world):
    inputs, plain = world
    c = loops.citing(inputs)
    weighed = c.n.astype(np.int64) * loops.past_use(inputs, 3)
    assert _positive(_named(inputs, c.sums(v=weighed), "v")) == _expected(
        plain, lambda *key: _past(plain, *key)
    )

    def known(org, year, cited):
        made = plain["year"].get(cited, 0) if org in plain["owners"].get(cited, ()) else 0
        return _past(plain, org, year, cited) > 0 or 1 <= year - made <= 3

    marked = loops.known_before(inputs, 3)
    assert _positive(_named(inputs, c.sums(n=c.n * marked), "n")) == _expected(plain, known)
    cited_known = {
        (o, a) for a, b in plain["cites"] for o in plain["owners"][a]
        if known(o, plain["year"][a], b)
    }  # fmt: skip
    held = loops.marked_holdings(inputs, marked)
    assert held.size == holdings(inputs).height
    assert held.sum() == len(cited_known) > 0


def test_new_external_holders(world):
    inputs, plain = world
    cited, external = defaultdict(set), defaultdict(set)
    for org, year, b in plain["count"]:
        owners = plain["owners"].get(b, set())
        cited[org, year] |= owners - {org}
        if org not in owners and not owners & plain["near"][org, year]:
            external[org, year] |= owners
    expected = {
        (org, year): len(new)
        for (org, year), far in external.items()
        if (new := far - set().union(*(cited[org, y] for y in range(year - 3, year))))
    }
    assert _positive(_named(inputs, loops.new_holders(inputs, "net", 3), "new")) == expected


def test_classes_of_external_families(world):
    inputs, plain = world
    shares: dict = defaultdict(Counter)
    for (org, year, b), n in plain["count"].items():
        owners = plain["owners"].get(b, set())
        codes = {code[:4] for code in plain["classes"].get(b, ())}
        if org not in owners and not owners & plain["near"][org, year]:
            for code in codes:
                shares[org, year][code] += n / len(codes)
    expected = {key: sum(v * v for v in vector.values()) for key, vector in shares.items()}
    found = _named(inputs, loops.cited_classes(inputs, "net", 4), "squares")
    assert found == pytest.approx({key: v for key, v in expected.items() if v}, rel=1e-12)


def test_ages_of_cited_families(world):
    inputs, plain = world
    ages: dict = defaultdict(list)
    for (org, year, b), n in plain["count"].items():
        if b in plain["year"]:
            ages[org, year] += [year - plain["year"][b]] * n
    middle = loops.citation_ages(inputs).with_columns(m=(pl.col("low") + pl.col("high")) / 2)
    assert _named(inputs, middle, "m") == {key: np.median(v) for key, v in ages.items()}


def test_a_family_is_new_by_the_classes_of_the_years_before(world):
    inputs, plain = world
    used = defaultdict(set)
    for p, codes in plain["classes"].items():
        for org in plain["owners"][p]:
            used[org, plain["year"][p]] |= {code[:4] for code in codes}
    expected: Counter = Counter()
    for p, codes in plain["classes"].items():
        for org in plain["owners"][p]:
            year = plain["year"][p]
            before = set().union(*(used[org, y] for y in range(year - 3, year)))
            expected[org, year] += bool({code[:4] for code in codes} - before)
    found = family_novelty(inputs, 3).group_by("org", "year").agg(pl.col("new").sum())
    assert _positive(_named(inputs, found, "new")) == {k: v for k, v in expected.items() if v}


def test_pairs_of_short_lists_and_numbers_of_equal_lists():
    lists = [[], [3], [1, 2, 5], [1, 2, 5], [1, 2], list(range(9))]
    ptr = np.cumsum([0, *map(len, lists)])
    items = np.array([x for one in lists for x in one], dtype=np.uint32)
    unit, pair = loops.all_pairs(ptr, items, 5, 10)
    expected = [(f, a * 10 + b) for f in range(5) for a, b in combinations(lists[f], 2)]
    assert list(zip(unit.tolist(), pair.tolist(), strict=True)) == expected
    numbers = set_numbers(loops.Lists(ptr, items)).tolist()
    assert numbers[0] == -1
    assert numbers[2] == numbers[3]
    assert len(set(numbers)) == 5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_comparisons_are_those_of_dense_vectors(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, (6, 7)) * (rng.random((6, 7)) < 0.5)
    a, b = np.array([0, 1, 2, 3]), np.array([1, 2, 4, 5])
    taken = np.minimum(counts[a], counts[b]) * (rng.random((4, 7)) < 0.3)
    wide = np.array([0, 0, 1, 1, 1, 2, 3], dtype=np.int32)
    found = compare(sp.csr_array(counts * SHARE_UNIT), sp.csr_array(taken * SHARE_UNIT), a, b, wide)
    for p in range(4):
        x, y = counts[a[p]] - taken[p], counts[b[p]] - taken[p]
        if not x.any() or not y.any():
            assert all(np.isnan(found[name][p]) for name in found)
            continue
        s, t = x / x.sum(), y / y.sum()
        groups = np.eye(4)[wide]
        overlap = np.minimum(s, t).sum()
        expected = {
            "cosine": x @ y / np.sqrt((x @ x) * (y @ y)),
            "overlap": overlap,
            "euclid": np.sqrt(((s - t) ** 2).sum()),
            "complement": np.minimum(s @ groups, t @ groups).sum() - overlap,
        }
        for name, value in expected.items():
            assert found[name][p] == pytest.approx(value, abs=1e-12), name


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_classes_within_reach_are_those_of_sets(seed):
    rng = np.random.default_rng(seed)
    ties = np.triu(rng.random((7, 7)) < 0.3, 1)
    ties = ties | ties.T
    holds = rng.random((7, 5)) < 0.4
    found = reached_counts(
        sp.csr_array(ties.astype(np.int64)), sp.csr_array(holds.astype(np.int64))
    )
    own = [set(np.flatnonzero(row)) for row in holds]
    near = [np.flatnonzero(row).tolist() for row in ties]
    for u in range(7):
        offered = Counter(c for v in near[u] for c in own[v] - own[u])
        two = set(offered) | {c for v in near[u] for w in near[v] for c in own[w]} - own[u]
        assert found["reach"][u] == len(offered)
        assert found["unique"][u] == sum(n == 1 for n in offered.values())
        assert found["reach_two"][u] == len(two)
        assert found["held"][u] == len(own[u])
    a, b = np.array([0, 2, 6]), np.array([1, 2, 3])
    both = common_entries(sp.csr_array(holds * 1), sp.csr_array(holds * 1), a, b)
    assert both.tolist() == [len(own[i] & own[j]) for i, j in zip(a, b, strict=True)]


def test_two_values_of_one_unit_and_year_are_an_error(make):
    inputs = make(years=[2005], units="FG")
    code = organisation_codes(inputs)["org"][0]
    twice = pl.DataFrame({"org": [code, code], "year": [2005, 2005], "v": [1, 2]})
    with pytest.raises(ValueError, match="several rows of one unit and year"):
        placed(inputs, twice)
    later = pl.DataFrame({"org": [code, code], "year": [2006, 2006], "v": [1, 2]})
    assert placed(inputs, later)["v"].null_count() == 2


def test_no_citations_are_no_rows(make, new_patent):
    inputs = make(
        years=[2005], units="F", patents=[new_patent("p", 2005)], held={"p": "F"},
        classes={"p": "H04L1/00"}, cites=[("p", "p")],
    )  # fmt: skip
    assert holdings(inputs).height == 1
    c = loops.citing(inputs)
    assert c.sums(n=c.n).height == 0
    assert loops.cited_holders(inputs, "net").height == 0
    assert not loops.marked_holdings(inputs, loops.known_before(inputs, 5)).any()
