"""Resampling and many specifications against pyfixest and wildboottest.

python benchmarks/inference.py [--firms N] [section ...]: bootstrap, poisson, specs, wild, clusters;
all of them by default. Each section keeps its numbers in build/benchmarks and renews
docs/benchmarks/inference.md; with --firms (a trial at another size) no page is written.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# As in the workflow: one thread of BLAS, blocks of draws on THREADS threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "scripts")]

import numpy as np
import pandas as pd
from measure import PAGES, alternate, digits, least_and_median, machine, store, table

from benchmarks.generate import firm_panel
from tertius.estimate.fe_ols import absorbed_ols
from tertius.estimate.fe_poisson import absorbed_poisson
from tertius.estimate.many_specs import Specification, estimate_specs, gram_sample
from tertius.estimate.two_way import make_effects
from tertius.inference.cluster_bootstrap import bootstrap_ols
from tertius.inference.crv3 import jackknife_ols
from tertius.inference.poisson_bootstrap import bootstrap_poisson
from tertius.inference.score_bootstrap import cluster_weights
from tertius.inference.wild import wild_cluster_bootstrap

THREADS = 2
FIRMS, YEARS, COLUMNS = 20_000, 15, 10
DRAWS = 2000
WILD_DRAWS = 999
TESTED = 1
REFITS, COUNT_REFITS, SPEC_REFITS = 6, 3, 8
BOTH = ("org_id", "year")
NAMES = [f"x{j}" for j in range(COLUMNS)]


def stacked(firm: Any, weights: Any) -> tuple[Any, Any]:
    """Rows of a resample and their new firm codes."""
    starts = np.flatnonzero(np.r_[True, np.diff(firm) > 0])
    sizes = np.diff(np.r_[starts, firm.size])
    drawn = np.repeat(np.arange(starts.size), weights.astype(int))
    rows = np.concatenate([np.arange(starts[g], starts[g] + sizes[g]) for g in drawn])
    return rows, np.repeat(np.arange(drawn.size), sizes[drawn])


def frame_of(x: Any, y: Any, firm: Any, year: Any) -> pd.DataFrame:
    return pd.DataFrame(x, columns=NAMES).assign(y=y, firm=firm, year=year)


def pyfixest_slopes(kind: str, data: pd.DataFrame, terms: Any = None, vcov: Any = "iid") -> Any:
    import pyfixest

    run = pyfixest.feols if kind == "ols" else pyfixest.fepois
    formula = f"y ~ {' + '.join(NAMES if terms is None else terms)} | firm + year"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run(formula, data, vcov=vcov, copy_data=False, store_data=False, lean=True)


def resampled_frames(
    outcome: Any, x: Any, firm: Any, year: Any, seed: int, number: int
) -> list[pd.DataFrame]:
    weights = next(cluster_weights(int(firm.max()) + 1, number, seed))
    frames = []
    for row in weights:
        rows, codes = stacked(firm, row)
        frames.append(frame_of(x[rows], outcome[rows], codes, year[rows]))
    return frames


def bootstrap_section(firms: int) -> dict[str, Any]:
    x, y, _, firm, year = firm_panel(firms, YEARS, COLUMNS)
    effects = make_effects(firm, year, BOTH)
    frames = resampled_frames(y, x, firm, year, 1, REFITS)
    values: dict[str, Any] = {"pyfixest": []}

    def peer() -> None:
        number = len(values["pyfixest"]) % REFITS
        values["pyfixest"].append(pyfixest_slopes("ols", frames[number]).coef().to_numpy())

    def ours(threads: int) -> None:
        values["ours"] = bootstrap_ols(x, y, effects, firm, draws=DRAWS, seed=1, threads=threads)

    pyfixest_slopes("ols", frames[0].head(5000))
    bootstrap_ols(
        x[:2000],
        y[:2000],
        make_effects(firm[:2000], year[:2000], BOTH),
        firm[:2000],
        draws=5,
        seed=1,
    )
    seconds = alternate(
        {"ours": lambda: ours(THREADS), "pyfixest": peer, "ours, 1 thread": lambda: ours(1)},
        {"ours": 4, "ours, 1 thread": 3, "pyfixest": REFITS},
    )
    drawn = values["ours"].draws
    refits = []
    for data in frames:
        codes = data["firm"].to_numpy(), data["year"].to_numpy()
        layout = make_effects(*codes, BOTH)
        refits.append(
            absorbed_ols(data[NAMES].to_numpy(), data["y"].to_numpy(), layout).coefficients
        )
    return {
        "rows": len(y),
        "seconds": seconds,
        "difference": float(np.abs(drawn[:REFITS] - np.array(refits)).max()),
        "pyfixest_difference": float(
            np.abs(drawn[:REFITS] - np.array(values["pyfixest"][:REFITS])).max()
        ),
    }


def poisson_section(firms: int) -> dict[str, Any]:
    x, _, counts, firm, year = firm_panel(firms, YEARS, COLUMNS)
    effects = make_effects(firm, year, BOTH)
    fit = absorbed_poisson(x, counts, effects)
    frames = resampled_frames(counts, x, firm, year, 1, COUNT_REFITS)
    values: dict[str, Any] = {"pyfixest": []}

    def peer() -> None:
        number = len(values["pyfixest"]) % COUNT_REFITS
        values["pyfixest"].append(pyfixest_slopes("poisson", frames[number]).coef().to_numpy())

    def ours(draws: int, converge: bool) -> None:
        values[converge] = bootstrap_poisson(
            fit, counts, effects, firm, draws=draws, seed=1, converge=converge, threads=THREADS
        )

    pyfixest_slopes("poisson", frames[0].head(5000))
    ours(2, True)
    seconds = alternate(
        {
            "one step": lambda: ours(DRAWS, False),
            "pyfixest": peer,
            "converged": lambda: ours(40, True),
        },
        {"one step": 3, "converged": 2, "pyfixest": COUNT_REFITS},
    )
    exact = values[True].bootstrap.draws[:COUNT_REFITS]
    return {
        "rows": len(counts),
        "seconds": seconds,
        "error": float(values[False].error.max()),
        "checked": values[False].checked,
        "difference": float(np.abs(exact - np.array(values["pyfixest"][:COUNT_REFITS])).max()),
    }


def specs_section(firms: int) -> dict[str, Any]:
    x, y, _, firm, year = firm_panel(firms, YEARS, COLUMNS)
    columns, names = np.column_stack([x, y]), (*NAMES, "y")
    specs = [
        Specification("y", ("x0", "x1", *(f"x{2 + i}" for i in range(8) if mask >> i & 1)))
        for mask in range(256)
    ]
    data = frame_of(x, y, firm, year)
    tried = [specs[(37 * i) % 256] for i in range(SPEC_REFITS)]
    values: dict[str, Any] = {"pyfixest": []}

    def peer() -> None:
        spec = tried[len(values["pyfixest"]) % SPEC_REFITS]
        fit = pyfixest_slopes("ols", data, spec.terms, {"CRV1": "firm"})
        values["pyfixest"].append((fit.coef().to_numpy(), fit.se().to_numpy()))

    def ours() -> None:
        sample = gram_sample(columns, names, firm, {"org_id": firm, "year": year})
        values["ours"] = dict(zip(specs, estimate_specs(sample, specs), strict=True))

    pyfixest_slopes("ols", data.head(5000))
    ours()
    seconds = alternate({"ours": ours, "pyfixest": peer}, {"ours": 4, "pyfixest": SPEC_REFITS})
    gaps = []
    for spec, (slopes, errors) in zip(tried, values["pyfixest"], strict=False):
        one = values["ours"][spec]
        gaps += [
            np.abs(one.coefficients / slopes - 1).max(),
            np.abs(one.std_errors / errors - 1).max(),
        ]
    return {"rows": len(y), "seconds": seconds, "difference": float(max(gaps))}


def wild_peer(x: Any, y: Any, effects: Any, firm: Any) -> tuple[str, Callable[[], Any], float]:
    """wildboottest on firm-demeaned columns, or else a loop of refits on a sample of draws."""
    if find_spec("wildboottest"):
        import statsmodels.api as sm
        from wildboottest.wildboottest import wildboottest

        from tertius.inference.cluster_products import explicit_columns

        w = explicit_columns(x, effects)
        design = pd.DataFrame(w, columns=[f"v{j}" for j in range(w.shape[1])])
        outcome = effects.within(y[:, None])[:, 0]
        groups, term = pd.Series(firm), f"v{w.shape[1] - x.shape[1] + TESTED}"

        def peer() -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return wildboottest(
                    sm.OLS(outcome, design),
                    param=term,
                    cluster=groups,
                    B=WILD_DRAWS,
                    seed=1,
                    weights_type="rademacher",
                    impose_null=True,
                    bootstrap_type="11",
                    show=False,
                )

        return "wildboottest", peer, 1.0
    rest = absorbed_ols(np.delete(x, TESTED, axis=1), y, effects)
    rng = np.random.default_rng(1)

    def loop() -> Any:
        for _ in range(10):
            signs = rng.choice([-1.0, 1.0], int(firm.max()) + 1)
            fit = absorbed_ols(x, y - rest.residuals * (1 - signs[firm]), effects)
            scores = np.zeros((int(firm.max()) + 1, x.shape[1]))
            np.add.at(scores, firm, fit.x_within * fit.residuals[:, None])
            (scores @ fit.bread).T @ (scores @ fit.bread)

    return "loop of refits (extrapolated)", loop, WILD_DRAWS / 10


def wild_section(firms: int) -> dict[str, Any]:
    x, y, _, firm, year = firm_panel(200, YEARS, 3)
    effects = make_effects(firm, year, BOTH)
    name, peer, factor = wild_peer(x, y, effects, firm)
    values: dict[str, Any] = {}

    def ours() -> None:
        values["ours"] = wild_cluster_bootstrap(
            x, y, effects, [firm], TESTED, draws=WILD_DRAWS, seed=1
        )

    def theirs() -> None:
        values["peer"] = peer()

    theirs()
    ours()
    seconds = alternate({"ours": ours, "peer": theirs}, {"ours": 15, "peer": 6})
    found = {"rows": len(y), "seconds": seconds, "peer": name, "factor": factor}
    if name == "wildboottest":
        found["p_values"] = [values["ours"].p_value, float(values["peer"]["p-value"].iloc[0])]
    return found


def clusters_section(firms: int) -> dict[str, Any]:
    x, y, _, firm, year = firm_panel(firms, YEARS, COLUMNS)
    effects = make_effects(firm, year, BOTH)
    wild = {"draws": WILD_DRAWS, "seed": 1}
    seconds = alternate(
        {
            "wild, one way": lambda: wild_cluster_bootstrap(x, y, effects, [firm], 0, **wild),
            "wild, firm and year": lambda: wild_cluster_bootstrap(
                x, y, effects, [firm, year], 0, **wild
            ),
            "CRV3": lambda: jackknife_ols(x, y, effects, firm),
        },
        {"wild, one way": 3, "wild, firm and year": 2, "CRV3": 3},
    )
    return {"rows": len(y), "clusters": int(firm.max()) + 1, "seconds": seconds}


def bootstrap_text(found: dict[str, Any]) -> str:
    each = found["seconds"]
    peer = min(each["pyfixest"]) * DRAWS
    rows = [
        [name, least_and_median(each[name]), f"{peer / min(each[name]):.0f}"]
        for name in ("ours", "ours, 1 thread")
    ]
    rows.append(["pyfixest, a refit a draw (extrapolated)", digits(peer), "1"])
    return (
        f"## Exact cluster bootstrap\n\n{DRAWS:,} draws of the {COLUMNS} slopes with firm and year "
        f"effects, {found['rows']:,} rows; products of the firms included. pyfixest refits "
        f"{REFITS} of the same resamples, made beforehand, without standard errors. Largest "
        f"distance to our own refits {found['difference']:.0e}, to pyfixest's "
        f"{found['pyfixest_difference']:.0e}.\n\n"
        + table(["", "s (least / median)", "times faster"], rows)
    )


def poisson_text(found: dict[str, Any]) -> str:
    each = found["seconds"]
    peer = min(each["pyfixest"]) * DRAWS
    one, full = min(each["one step"]), min(each["converged"]) / 40 * DRAWS
    rows = [
        ["one Newton step", digits(one), f"{peer / one:.0f}"],
        ["Newton to convergence, warm start (extrapolated)", digits(full), f"{peer / full:.0f}"],
        ["pyfixest, a refit a draw (extrapolated)", digits(peer), "1"],
    ]
    return (
        f"## Poisson\n\n{DRAWS:,} draws, {found['rows']:,} rows, {THREADS} threads. One step lies "
        f"within {found['error']:.1g} standard errors of the maximum over {found['checked']} "
        f"draws; at convergence the largest distance to pyfixest's slopes (its own tolerance) is "
        f"{found['difference']:.0e}.\n\n" + table(["", "s", "times faster"], rows)
    )


def specs_text(found: dict[str, Any]) -> str:
    ours, peer = found["seconds"]["ours"], found["seconds"]["pyfixest"]
    rows = [
        ["ours", digits(1000 * min(ours) / 256), f"{min(peer) * 256 / min(ours):.0f}"],
        [
            "ours, median",
            digits(1000 * float(np.median(ours)) / 256),
            f"{float(np.median(peer)) * 256 / float(np.median(ours)):.0f}",
        ],
        ["pyfixest", digits(1000 * min(peer)), "1"],
    ]
    return (
        f"## Many specifications\n\n256 subsets of {COLUMNS} regressors on one sample of "
        f"{found['rows']:,} rows, slopes and clustered standard errors, one thread; the time that "
        f"all share is included. pyfixest fits {SPEC_REFITS} of them. Largest relative difference "
        f"{found['difference']:.0e}.\n\n" + table(["", "ms a specification", "times faster"], rows)
    )


def wild_text(found: dict[str, Any]) -> str:
    ours = found["seconds"]["ours"]
    peer = min(found["seconds"]["peer"]) * found["factor"]
    rows = [
        ["ours", digits(1000 * min(ours)), f"{peer / min(ours):.0f}"],
        [found["peer"], digits(1000 * peer), "1"],
    ]
    text = (
        f"## Wild cluster bootstrap\n\n200 clusters, {found['rows']:,} rows, {WILD_DRAWS} draws, "
        "null imposed, Rademacher weights, firm and year effects (the peer gets firm-demeaned "
        "columns and year dummies)."
    )
    if "p_values" in found:
        text += " p values {:.3f} and {:.3f}, each from draws of its own.".format(
            *found["p_values"]
        )
    return text + "\n\n" + table(["", "ms", "times faster"], rows)


def clusters_text(found: dict[str, Any]) -> str:
    rows = [[name, least_and_median(times)] for name, times in found["seconds"].items()]
    return (
        f"## Many clusters\n\n{found['clusters']:,} clusters, {found['rows']:,} rows, {COLUMNS} "
        f"slopes; {WILD_DRAWS} wild draws.\n\n" + table(["", "s (least / median)"], rows)
    )


def write_page(found: dict[str, Any]) -> None:
    loads = sorted(one["load"] for one in found.values())
    parts = [
        "# Resampling and many specifications: time\n\nWritten by `make bench` "
        f"(benchmarks/inference.py) on simulated panels of {FIRMS:,} firms and {YEARS} years, 10 % "
        "of rows missing. Runs alternate; a ratio is the peer's least time over our least time, "
        f"with {THREADS} threads unless said otherwise. A peer that would take minutes runs on a "
        "sample of draws and is marked as extrapolated. "
        f"Machine: {machine(['numpy', 'numba', 'pyfixest'])} Load average at the end of the "
        f"sections: {loads[0]} to {loads[-1]}.\n"
    ]
    parts += [TEXTS[name](found[name]) for name in SECTIONS if name in found]
    PAGES.mkdir(parents=True, exist_ok=True)
    (PAGES / "inference.md").write_text("\n".join(parts), encoding="utf-8")


SECTIONS: dict[str, Callable[[int], dict[str, Any]]] = {
    "bootstrap": bootstrap_section,
    "poisson": poisson_section,
    "specs": specs_section,
    "wild": wild_section,
    "clusters": clusters_section,
}
TEXTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "bootstrap": bootstrap_text,
    "poisson": poisson_text,
    "specs": specs_text,
    "wild": wild_text,
    "clusters": clusters_text,
}


def main(arguments: list[str]) -> None:
    firms = FIRMS
    if arguments[:1] == ["--firms"]:
        firms, arguments = int(arguments[1]), arguments[2:]
    for name in arguments or list(SECTIONS):
        print(f"{name}", flush=True)
        result = SECTIONS[name](firms)
        if firms == FIRMS:
            write_page(store("inference", name, result))
        else:
            print(TEXTS[name](result))


if __name__ == "__main__":
    main(sys.argv[1:])
