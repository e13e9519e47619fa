"""Monte-Carlo checks of estimators and tests; writes docs/monte_carlo/<family>.{md,csv}.

python -m benchmarks.monte_carlo.harness [--family NAME ...] [--case NAME ...] [--draws N]

A family is a file benchmarks/monte_carlo/<family>.py with ``CASES: tuple[Case, ...]``. A case draws
a world from a generator, estimates, and gives one `Outcome` for each quantity:

    def draw(rng: np.random.Generator) -> dict[str, Outcome]: ...
    CASES = (Case("fe_poisson", draw, (Coverage("b", 0.5), Size("null"), Bias("b", 0.5))),)

Every draw has its own seed, spawned from the case's name, so that results depend neither on the
number of processes nor on other cases. A finished case is kept in build/monte_carlo and not run
again while its code stands. With --draws the pages under docs are left alone.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib
import itertools
import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
if __name__ == "__main__":  # before numpy comes in; a test that imports this keeps its threads
    for _name in _LIMITS:
        os.environ.setdefault(_name, "1")
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [part for part in (str(ROOT), str(ROOT / "scripts")) if part not in sys.path]

import numpy as np
from scipy import stats

from tertius.estimate import NotEstimable

STORE = ROOT / "build" / "monte_carlo"
PAGES = ROOT / "docs" / "monte_carlo"
DRAWS = 2000
MISTAKE = 0.001
"""Chance of a false alarm over all coverage checks of a family."""
SCALAR_SIZE, SCALAR_DRAWS = (0.036, 0.064), 2000
"""Band of a scalar test's size at 5 % and the draws it belongs to."""
CHUNKS = 20


@dataclass(frozen=True)
class Outcome:
    """What one draw says about a quantity; give what its checks need.

    `estimate`; the 95 % interval `low`, `high` (or any set: `covers` whether it holds the planted
    value); `p` of a test of the true null.
    """

    estimate: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    p: float = float("nan")
    covers: bool | None = None


@dataclass(frozen=True)
class Verdict:
    """A check's number, the band it must lie in, and whether it does."""

    value: float
    low: float
    high: float
    passed: bool


@dataclass(frozen=True)
class Coverage:
    """The interval holds the planted value at its level."""

    quantity: str
    planted: float
    level: float = 0.95

    def judge(self, found: Sequence[Outcome], mistake: float) -> Verdict:
        """Inside the exact binomial band."""
        hits = [o.low <= self.planted <= o.high if o.covers is None else o.covers for o in found]
        return _inside(float(np.mean(hits)), _band(self.level, len(found), mistake))


@dataclass(frozen=True)
class Size:
    """A true null is rejected at the level; `composite` tests may reject less often."""

    quantity: str
    level: float = 0.05
    composite: bool = False

    def judge(self, found: Sequence[Outcome], mistake: float) -> Verdict:
        """[3.6, 6.4] % at 5 % and 2,000 draws, else the exact binomial band."""
        exact = len(found) != SCALAR_DRAWS or self.level != 0.05
        low, high = _band(self.level, len(found), mistake) if exact else SCALAR_SIZE
        rate = float(np.mean([o.p < self.level for o in found]))
        return _inside(rate, (0.0 if self.composite else low, high))


@dataclass(frozen=True)
class Rate:
    """A rejection or coverage rate that theory puts elsewhere: between `low` and `high`.

    `of` is ``coverage`` (of `planted`) or ``rejection`` (p below `level`).
    """

    quantity: str
    low: float
    high: float
    of: str = "rejection"
    planted: float = float("nan")
    level: float = 0.05

    def judge(self, found: Sequence[Outcome], mistake: float) -> Verdict:
        """Inside [low, high], widened by the binomial band of each end."""
        if self.of == "coverage":
            hits = [
                o.low <= self.planted <= o.high if o.covers is None else o.covers for o in found
            ]
        else:
            hits = [o.p < self.level for o in found]
        ends = _band(self.low, len(found), mistake)[0], _band(self.high, len(found), mistake)[1]
        return _inside(float(np.mean(hits)), ends)


@dataclass(frozen=True)
class Bias:
    """The mean estimate is the planted value, up to Monte-Carlo error and a stated `allowed` bias.

    The value reported is the mean estimate less the planted value.
    """

    quantity: str
    planted: float
    allowed: float = 0.0

    def judge(self, found: Sequence[Outcome], mistake: float) -> Verdict:
        """Within the normal band of a mean over the draws."""
        error = np.array([o.estimate for o in found]) - self.planted
        width = float(stats.norm.isf(mistake / 2) * error.std(ddof=1) / np.sqrt(len(error)))
        return _inside(float(error.mean()), (-self.allowed - width, self.allowed + width))


Check = Coverage | Size | Rate | Bias


@dataclass(frozen=True)
class Case:
    """A world, its estimator and its checks; `draws` 2,000, or 500 where each draw bootstraps.

    `failures` is the share of draws in which the estimator may refuse (`NotEstimable`).
    """

    name: str
    draw: Callable[[np.random.Generator], Mapping[str, Outcome]]
    checks: tuple[Check, ...]
    draws: int = DRAWS
    note: str = ""
    failures: float = 0.0


def _band(rate: float, draws: int, mistake: float) -> tuple[float, float]:
    """Exact binomial band that a right procedure leaves with probability `mistake` at most."""
    law = stats.binom(draws, rate)
    return float(law.ppf(mistake / 2)) / draws, float(law.isf(mistake / 2)) / draws


def _inside(value: float, band: tuple[float, float]) -> Verdict:
    return Verdict(value, *band, band[0] <= value <= band[1])


def generator(case: str, draw: int) -> np.random.Generator:
    """The generator of one draw of a case."""
    seed = np.random.SeedSequence(zlib.crc32(case.encode()), spawn_key=(draw,))
    return np.random.default_rng(seed)


def cases_of(family: str) -> tuple[Case, ...]:
    """Cases of a family's file."""
    found: tuple[Case, ...] = importlib.import_module(f"benchmarks.monte_carlo.{family}").CASES
    return found


def run_draws(
    family: str, name: str, first: int, last: int
) -> list[dict[str, dict[str, Any]] | None]:
    """Outcomes of draws first..last-1; None where the estimator refused."""
    case = next(c for c in cases_of(family) if c.name == name)
    return draws_of(case, first, last)


def draws_of(case: Case, first: int, last: int) -> list[dict[str, dict[str, Any]] | None]:
    """As `run_draws`, of a case at hand."""
    found: list[dict[str, dict[str, Any]] | None] = []
    for draw in range(first, last):
        try:
            outcomes = case.draw(generator(case.name, draw))
        except NotEstimable:
            found.append(None)
            continue
        found.append({key: asdict(outcome) for key, outcome in outcomes.items()})
    return found


def judge_case(
    case: Case, found: Sequence[Mapping[str, Mapping[str, Any]] | None], n_checks: int
) -> list[dict[str, Any]]:
    """One row a check: its number, its band, whether it passed; refusals as a check of their own.

    Args:
        case: declares the checks. found: outcomes by draw, None where refused. n_checks: of the
        whole family, over which the chance of a false alarm is shared.
    """
    done = [outcome for outcome in found if outcome is not None]
    refused = len(found) - len(done)
    rows: list[dict[str, Any]] = []
    for check in case.checks:
        outcomes = [Outcome(**outcome[check.quantity]) for outcome in done]
        verdict = check.judge(outcomes, MISTAKE / n_checks)
        rows.append(
            {
                "case": case.name,
                "check": type(check).__name__.lower(),
                "quantity": check.quantity,
                "planted": getattr(check, "planted", float("nan")),
                "draws": len(done),
                "refused": refused,
                "value": verdict.value,
                "low": verdict.low,
                "high": verdict.high,
                "passed": verdict.passed and refused <= case.failures * len(found),
                "sd": float(np.std([o.estimate for o in outcomes])),
            }
        )
    return rows


def code_hash(family: str) -> str:
    """Hash of the family's file, this one and the library's estimators and tests."""
    here = Path(__file__).parent
    library = ROOT / "scripts" / "tertius"
    rooms = ("catalogue", "estimate", "inference", "shapes")
    files = [here / f"{family}.py", Path(__file__)]
    files += sorted(file for room in rooms for file in (library / room).glob("*.py"))
    text = "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def outcomes_of(family: str, case: Case, draws: int, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Outcomes of a case from its store, or by running it in the pool."""
    file = STORE / family / f"{case.name}.json"
    stamp = {"draws": draws, "code": code_hash(family)}
    if file.exists():
        kept: dict[str, Any] = json.loads(file.read_text())
        if {key: kept.get(key) for key in stamp} == stamp:
            return kept
    start = time.perf_counter()
    ends = np.linspace(0, draws, min(CHUNKS, draws) + 1).astype(int).tolist()
    jobs = [pool.submit(run_draws, family, case.name, a, b) for a, b in itertools.pairwise(ends)]
    found = [outcome for job in jobs for outcome in job.result()]
    result = {**stamp, "seconds": time.perf_counter() - start, "outcomes": found}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result))
    return result


def run_family(
    family: str, pool: ProcessPoolExecutor, draws: int | None, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Judged rows of a family; its page is written when all of it ran with all draws."""
    cases = cases_of(family)
    n_checks = sum(len(case.checks) for case in cases)
    rows: list[dict[str, Any]] = []
    for case in cases:
        if names and case.name not in names:
            continue
        result = outcomes_of(family, case, min(draws or case.draws, case.draws), pool)
        rows += judge_case(case, result["outcomes"], n_checks)
        print(f"{family}.{case.name}: {result['seconds']:.1f} s", flush=True)
        for row in rows[-len(case.checks) :]:
            print("   ", _line(row), flush=True)
    if draws is None and not names:
        write_page(family, cases, rows)
    return rows


def _line(row: Mapping[str, Any]) -> str:
    word = "ok  " if row["passed"] else "FAIL"
    return (
        f"{word} {row['check']} {row['quantity']}: {row['value']:.4f} "
        f"in [{row['low']:.4f}, {row['high']:.4f}], refused {row['refused']}"
    )


def write_page(family: str, cases: Sequence[Case], rows: Sequence[Mapping[str, Any]]) -> None:
    """The stored report of a family."""
    PAGES.mkdir(parents=True, exist_ok=True)
    with (PAGES / f"{family}.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows
        )
    (PAGES / f"{family}.md").write_text(page_text(family, cases, rows), encoding="utf-8")


def page_text(family: str, cases: Sequence[Case], rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown of a family: one table, and the notes of its cases."""
    lines = [
        f"# Monte Carlo: {family}",
        "",
        f"Written by `make monte-carlo FAMILY={family}`. Coverage of 95 % intervals lies inside "
        f"exact binomial bands at {MISTAKE} over the number of checks; scalar tests at 5 % reject "
        "a true null in 3.6 to 6.4 % of 2,000 draws (exact band for other numbers), composite "
        "tests in no more than that; a bias is nothing beyond its own Monte-Carlo error and what "
        "is stated.",
        "",
        "| case | check | quantity | planted | draws | refused | found | band | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        planted = "" if np.isnan(row["planted"]) else f"{row['planted']:g}"
        lines.append(
            f"| {row['case']} | {row['check']} | {row['quantity']} | {planted} | {row['draws']} "
            f"| {row['refused']} | {row['value']:.4f} | {row['low']:.4f} to {row['high']:.4f} "
            f"| {'ok' if row['passed'] else '**fails**'} |"
        )
    notes = [f"- **{case.name}**: {case.note}" for case in cases if case.note]
    return "\n".join([*lines, "", *notes]).rstrip() + "\n"


def families() -> list[str]:
    """Names of the families, sorted."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(f.stem for f in files if f.stem not in ("__init__", "harness", "worlds"))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Monte-Carlo checks of the estimators")
    parser.add_argument("--family", nargs="*", default=[])
    parser.add_argument("--case", nargs="*", default=[])
    parser.add_argument("--draws", type=int)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(asked.processes) as pool:
        for family in asked.family or families():
            rows += run_family(family, pool, asked.draws, asked.case)
    failed = [row for row in rows if not row["passed"]]
    print(f"{len(rows)} checks, {len(failed)} outside their bands")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
