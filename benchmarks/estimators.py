"""Estimators against pyfixest and linearmodels; writes docs/benchmarks/estimators.md.

python benchmarks/estimators.py [section ...]: ols, poisson, hhg; all of them by default. Each
section keeps its numbers in build/benchmarks and renews the page.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

# One thread for every library: pyfixest's own threads are set by RAYON_NUM_THREADS.
for _name in ("OMP", "OPENBLAS", "NUMBA", "RAYON"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")
sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "scripts")]

import numpy as np
import pandas as pd
import polars as pl
from measure import PAGES, alternate, digits, least_and_median, machine, store, table

from tertius.estimate import ESTIMATORS, build_design, estimate_model, estimator_function
from tertius.estimate.design import Design
from tertius.estimate.fe_ols import fit_sample
from tertius.estimate.fe_poisson import absorbed_poisson, cluster_scores
from tertius.estimate.sample import Sample, renumber
from tertius.estimate.two_way import lone_rows, make_effects
from tertius.inference.covariance import cluster_covariance
from tertius.model_spec import ModelSpec, resolve_spec

FIRMS, YEARS, SHARE_KEPT, REGRESSORS = 20_000, 15, 0.9, 10
NAMES = [f"x{j}" for j in range(REGRESSORS)]
BOTH = ("org_id", "year")
ROUNDS, SLOW_ROUNDS = 7, 3


def simulated_panel() -> pd.DataFrame:
    """20,000 firms x 15 years, a tenth of the rows missing; real and count outcome."""
    rng = np.random.default_rng(1)
    firm, year = np.repeat(np.arange(FIRMS), YEARS), np.tile(np.arange(YEARS), FIRMS)
    keep = rng.random(firm.size) < SHARE_KEPT
    firm, year = firm[keep], year[keep]
    level = rng.normal(size=FIRMS)[firm]
    x = rng.normal(size=(firm.size, REGRESSORS)) + 0.5 * level[:, None]
    index = x @ np.linspace(-0.1, 0.2, REGRESSORS) + 0.5 * level + 0.02 * year - 0.3
    columns: dict[str, Any] = {"firm": firm, "year": year}
    columns |= {name: x[:, j] for j, name in enumerate(NAMES)}
    columns["y"] = index + rng.normal(size=firm.size)
    columns["count"] = rng.poisson(np.exp(index)).astype(float)
    return pd.DataFrame(columns)


def project_panel(data: pd.DataFrame) -> pl.DataFrame:
    """The same rows as the pipeline stores a panel, with a status beside every variable."""
    frame = pl.from_pandas(data).with_columns(
        pl.col("firm").cast(pl.String).str.zfill(5).alias("org_id"),
        pl.col("year").cast(pl.Int32),
        pl.lit(True).alias("in_sample"),
    )
    return frame.with_columns(pl.lit("ok").alias(f"{c}_status") for c in (*NAMES, "y", "count"))


def spec_of(estimator: str, outcome: str) -> ModelSpec:
    return resolve_spec(
        "speed",
        {"outcome": outcome, "lead": 0, "estimator": estimator, "terms": NAMES, "winsor": None},
    )


def runs_of(estimator: str, outcome: str) -> tuple[dict[str, Callable[[], Any]], Design]:
    """Our runs and those of pyfixest; all cluster by firm and give the same numbers."""
    import pyfixest as pf

    data = simulated_panel()
    panel, spec = project_panel(data), spec_of(estimator, outcome)
    design = build_design(panel, spec)
    fitter = pf.feols if estimator == "fe_ols" else pf.fepois
    formula = f"{outcome} ~ {' + '.join(NAMES)} | firm + year"

    def theirs() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fitter(
                formula, data, vcov={"CRV1": "firm"}, copy_data=False, store_data=False, lean=True
            )

    ours = estimator_function(ESTIMATORS[spec.estimator])
    runs = {
        "ours, the same from the same table": from_table(data, estimator, outcome),
        "ours, the whole estimate from a ready design": lambda: ours(design),
        "ours, the whole estimate from the stored panel": lambda: estimate_model(panel, spec),
        "pyfixest": theirs,
    }
    mine, other = ours(design), theirs()
    slopes, covariance = runs["ours, the same from the same table"]()
    assert np.allclose(slopes, mine.coefficients, rtol=1e-9, atol=1e-12)
    assert np.allclose(np.corrcoef(np.diag(covariance), mine.std_errors**2), 1, atol=1e-9)
    assert np.allclose(mine.coefficients, other.coef().to_numpy(), rtol=1e-5, atol=1e-8)
    assert np.allclose(mine.std_errors, other.se().to_numpy(), rtol=1e-4)
    return runs, design


def table_sample(data: pd.DataFrame, outcome: str, *, counts: bool) -> Sample:
    """What the others do before they estimate: columns, codes, rows without information."""
    x, y = data[NAMES].to_numpy(), data[outcome].to_numpy()
    firm, year = (pd.factorize(data[name], sort=True)[0] for name in ("firm", "year"))
    keep = np.ones(len(y), dtype=bool)
    if counts:
        keep = np.bincount(firm, weights=y)[firm] > 0
    keep &= ~lone_rows([firm, year], keep)
    if not keep.all():
        x, y, firm, year = x[keep], y[keep], renumber(firm[keep])[0], renumber(year[keep])[0]
    names = tuple(str(code) for code in range(int(firm.max()) + 1))
    return Sample(keep, y, x, make_effects(firm, year, BOTH), firm, names, (), {})


def from_table(data: pd.DataFrame, estimator: str, outcome: str) -> Callable[[], Any]:
    """Coefficients and clustered covariance from the numeric table that the others start from."""
    counts = estimator == "fe_poisson"

    def run() -> Any:
        sample = table_sample(data, outcome, counts=counts)
        if not counts:
            fit, scores = fit_sample(sample)
            return fit.coefficients, cluster_covariance(scores @ fit.bread, 1.0)
        fit = absorbed_poisson(sample.x, sample.y, sample.effects)
        influence = (cluster_scores(fit, sample) @ fit.bread)[:, :REGRESSORS] / fit.scale
        return fit.coefficients[:REGRESSORS] / fit.scale, cluster_covariance(influence, 1.0)

    return run


def ols_section() -> dict[str, Any]:
    from linearmodels import PanelOLS

    runs, design = runs_of("fe_ols", "y")
    indexed = simulated_panel().set_index(["firm", "year"])

    def panel_ols() -> Any:
        model = PanelOLS(indexed["y"], indexed[NAMES], entity_effects=True, time_effects=True)
        return model.fit(cov_type="clustered", cluster_entity=True)

    runs["linearmodels PanelOLS"] = panel_ols
    rounds = {name: SLOW_ROUNDS if "PanelOLS" in name else ROUNDS for name in runs}
    return {"seconds": alternate(runs, rounds), "rows": len(design.y)}


def poisson_section() -> dict[str, Any]:
    runs, design = runs_of("fe_poisson", "count")
    return {"seconds": alternate(runs, dict.fromkeys(runs, ROUNDS)), "rows": len(design.y)}


def hhg_section() -> dict[str, Any]:
    """Conditional negative binomial on its authors' patents and R&D data."""
    from tests.reference.test_econometrics import LOGR, patents

    raw = {"outcome": "patents", "lead": 0, "terms": LOGR, "winsor": None}
    spec = resolve_spec("hhg", {**raw, "estimator": "hhg_nb"})
    design = build_design(patents(), spec)
    ours = estimator_function(ESTIMATORS[spec.estimator])
    panel = patents()
    runs = {
        "ours, the whole estimate from a ready design": lambda: ours(design),
        "ours, the whole estimate from the stored panel": lambda: estimate_model(panel, spec),
    }
    for run in runs.values():
        run()
    seconds = alternate(runs, dict.fromkeys(runs, 3 * ROUNDS))
    return {"seconds": seconds, "rows": len(design.y)}


def section_text(title: str, found: dict[str, Any]) -> str:
    seconds = found["seconds"]
    peers = [name for name in seconds if not name.startswith("ours")]
    rows = []
    for name, times in seconds.items():
        ratios = ["" if name in peers else f"{min(seconds[p]) / min(times):.1f}" for p in peers]
        rows.append((name, least_and_median(times), *ratios))
    head = ("", "s (least / median)", *(f"{peer} over it" for peer in peers))
    return f"## {title} ({found['rows']:,} rows)\n\n" + table(head, rows)


TITLES = {
    "ols": "Least squares, firm and year effects, errors clustered by firm",
    "poisson": "Poisson, firm and year effects, errors clustered by firm",
    "hhg": "Conditional negative binomial on the patents and R&D data",
}
SECTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "ols": ols_section,
    "poisson": poisson_section,
    "hhg": hhg_section,
}


def write_page(found: dict[str, Any]) -> None:
    PAGES.mkdir(parents=True, exist_ok=True)
    loads = sorted(section["load"] for section in found.values())
    parts = [
        "# Estimators: time\n\nWritten by `make bench` (benchmarks/estimators.py). "
        f"{FIRMS:,} simulated firms x {YEARS} years, a tenth of the rows missing, {REGRESSORS} "
        "regressors. All start from one numeric table, use one thread and give the same "
        "coefficients and clustered errors: pyfixest by `feols` and `fepois` (lean, no data "
        "stored), linearmodels by `PanelOLS(...).fit` (data indexed beforehand), the first line of "
        "ours by the functions behind `estimate_model` (columns, codes, rows without information, "
        "estimate, covariance). The whole estimate adds fitted values, influences and the "
        "statistics of every variable; from the stored panel (text identifiers, a status beside "
        "every variable) it also adds the checks of rows, the ledger and the search for missteps. "
        "Ratios are of least times. Machine: "
        f"{machine(['numpy', 'numba', 'polars', 'pyfixest', 'linearmodels'])} Load average at the "
        f"end of the sections: {digits(loads[0])} to {digits(loads[-1])}.\n"
    ]
    parts += [section_text(TITLES[name], found[name]) for name in SECTIONS if name in found]
    (PAGES / "estimators.md").write_text("\n".join(parts), encoding="utf-8")


def main(arguments: list[str]) -> None:
    for name in arguments or list(SECTIONS):
        write_page(store("estimators", name, SECTIONS[name]()))


if __name__ == "__main__":
    main(sys.argv[1:])
