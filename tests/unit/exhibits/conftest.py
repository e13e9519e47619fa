"""A small made-up study with every file that exhibits read; its numbers mean nothing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from tertius.exhibits.labels import Labels
from tertius.exhibits.results import ModelResults, read_models
from tertius.model_spec import base_variables, parse_term

ROOT = Path(__file__).resolve().parents[3]
YEARS = range(1999, 2007)
CONTROLS = ("ln_assets", "ln_age", "lev", "roa", "rd_int")
TYPES = ("firm", "firm", "firm", "firm", "university", "institute")
VERDICTS = ("supported", "contradicted", "inconclusive", "not_testable", "not_testable")


@dataclass(frozen=True)
class World:
    """Where the files lie, and what they are made from."""

    folder: Path
    models: Mapping[str, Mapping[str, Any]]
    claims: Mapping[str, Mapping[str, Any]]
    codebook: Mapping[str, Mapping[str, Any]]

    @property
    def estimates(self) -> Path:
        return self.folder / "results" / "estimates"

    @cached_property
    def results(self) -> ModelResults:
        return read_models(self.estimates)

    @cached_property
    def panel(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "data" / "panel.parquet")

    @cached_property
    def ties(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "data" / "ties" / "alliance.parquet")

    @cached_property
    def organisations(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "data" / "tables" / "organisations.parquet")

    @cached_property
    def verdicts(self) -> pl.DataFrame:
        return pl.read_csv(self.folder / "results" / "verdicts" / "verdicts.csv")

    @cached_property
    def labels(self) -> Labels:
        return Labels.from_codebook(self.codebook)


def claim_files() -> tuple[dict[str, Any], dict[str, Any]]:
    """Models and claims of both papers, each claim with its paper."""
    models: dict[str, Any] = {}
    claims: dict[str, Any] = {}
    for path in sorted((ROOT / "config" / "claims").glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        models |= content["models"]
        for name, claim in content["claims"].items():
            claims[name] = {**claim, "paper": content["paper"]}
    study = yaml.safe_load((ROOT / "config" / "studies" / "demo.yaml").read_text(encoding="utf-8"))
    return models | study["models"], claims


def shown_models() -> set[str]:
    """Models that any exhibit of the project shows."""
    exhibits = yaml.safe_load((ROOT / "config" / "exhibits.yaml").read_text(encoding="utf-8"))
    listed = [m for settings in exhibits.values() for m in settings.get("models", [])]
    return {*listed, *(s["model"] for s in exhibits.values() if "model" in s)}


def make_codebook(codes: list[str]) -> dict[str, dict[str, Any]]:
    words = {
        "deg": ("Degree centrality", "度中心性"),
        "sh": ("Structural holes (1 - constraint)", "结构洞"),
        "psize": ("Portfolio size", "联盟组合规模"),
        "pdiv": ("Partner diversity", "伙伴多样性"),
        "tdiv": ("Technological diversity of the portfolio", "技术多元性"),
        "pat": ("Patents", "专利数"),
        "sbreadth": ("Breadth of search", "搜寻宽度"),
        "sdepth": ("Depth of search", "搜寻深度"),
        "ln_assets": ("Assets (log)", "总资产对数"),
        "turb_z": ("Industry turbulence (z)", "产业动荡性"),
    }
    return {
        code: {
            "label": dict(zip(("en", "zh"), words.get(code, (code, code)), strict=True)),
            "unit": "count",
            "range": [0, None],
            "formula": f"{code}_i = sum_j x_ij < {code} & more",
            "source": "Freeman (1979)",
            "mark": "P" if code in ("tdiv", "acap") else "V",
            "inputs": ["ties"],
            "undefined": "isolate: undefined",
        }
        for code in codes
    }


def make_panel(codes: list[str], rng: np.random.Generator) -> pl.DataFrame:
    firms = [f"F{k:03d}" for k in range(120)]
    keys = [(firm, year) for firm in firms for year in YEARS]
    size = len(keys)
    columns: dict[str, Any] = {
        "org_id": [key[0] for key in keys],
        "year": pl.Series([key[1] for key in keys], dtype=pl.Int32),
        "in_sample": [True] * size,
    }
    for code in codes:
        level = np.repeat(rng.gamma(2.0, 1.0, len(firms)), len(YEARS))
        values = level * rng.gamma(4.0, 0.25, size)
        if code in ("sh", "tdiv", "pdiv", "edens", "eff", "amb_bal", "pdiv_type", "pdiv_ind"):
            values = values / (1.0 + values)
        if code in ("deg", "psize", "pat") or code.startswith(("brk5", "cwpat")):
            values = np.floor(3 * values)
        alone = rng.random(size) < (0.15 if code in ("sh", "tdiv", "pdiv", "edens") else 0.0)
        shown = [None if gone else float(v) for v, gone in zip(values, alone, strict=True)]
        columns[code] = shown
        columns[f"{code}_status"] = ["undefined_isolate" if gone else "ok" for gone in alone]
        if code in ("pat", "brk5", "cwpat", "pat_excl", "sbreadth", "sdepth", "psize"):
            for lead in (1, 2, 3):
                columns[f"{code}_t{lead}"] = rng.poisson(3.0, size).astype(float)
                columns[f"{code}_t{lead}_status"] = ["ok"] * size
    return pl.DataFrame(columns)


def write_model(
    folder: Path, name: str, raw: Mapping[str, Any], panel: pl.DataFrame, rng: np.random.Generator
) -> None:
    terms = [parse_term(term).label for term in raw["terms"]]
    listed = raw.get("controls", "default")
    controls = list(CONTROLS) if listed == "default" else list(listed)
    labels = [*terms, *controls, "undefined(sh=undefined_isolate)"]
    estimates = np.array([_effect(label, rng) for label in labels])
    ratio = [4.0 if "^2" in label else rng.uniform(1.0, 6.0) for label in labels]
    spread = np.abs(estimates) / np.array(ratio)
    mix = np.eye(len(labels)) + 0.1
    scale = np.sqrt(np.diag(mix @ mix.T))
    covariance = (mix @ mix.T) / np.outer(scale, scale) * np.outer(spread, spread)
    z = estimates / spread
    p = np.exp(-0.717 * np.abs(z) - 0.416 * z**2)
    folder.mkdir(parents=True)
    pl.DataFrame(
        {
            "term": labels,
            "estimate": estimates,
            "std_error": spread,
            "statistic": z,
            "p_value": p,
            "conf_low": estimates - 1.98 * spread,
            "conf_high": estimates + 1.98 * spread,
        }
    ).write_csv(folder / "coefficients.csv")
    matrix = {label: covariance[:, j] for j, label in enumerate(labels)}
    pl.DataFrame({"term": labels, **matrix}).write_csv(folder / "covariance.csv")
    sample = panel.filter(pl.col("year") < YEARS[-1]).select("org_id", "year")
    sample.write_csv(folder / "sample.csv")
    outcome = f"{raw['outcome']}_t{raw['lead']}"
    fit = _fit(name, raw, outcome, sample, panel, [*terms, *controls])
    (folder / "fit.json").write_text(json.dumps(fit), encoding="utf-8")
    spec = {"name": name, "outcome": raw["outcome"], "lead": raw["lead"], "terms": terms,
            "estimator": raw["estimator"], "controls": controls, "confidence": 0.95}  # fmt: skip
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")


def _effect(label: str, rng: np.random.Generator) -> float:
    known = {"log1p(deg)": 0.45, "sh": 1.5, "log1p(deg):sh": 1.2, "tdiv^2": -8.0, "tdiv": 0.4}
    return known.get(label, -0.25 if "^2" in label else 0.2) + 0.05 * float(rng.normal())


def _fit(
    name: str,
    raw: Mapping[str, Any],
    outcome: str,
    sample: pl.DataFrame,
    panel: pl.DataFrame,
    labels: list[str],
) -> dict[str, Any]:
    rows = panel.join(sample, on=["org_id", "year"], how="semi")
    variables = {}
    for factor in {f for label in labels for f in parse_term(label).factors}:
        x = rows[factor.variable].drop_nulls().to_numpy()
        x = np.log1p(x) if factor.transform == "log1p" else x
        variables[factor.base] = {
            "variable": factor.variable,
            "transform": factor.transform,
            "mean": float(x.mean()),
            "sd_within": float(x.std()) / 2,
            "centre": float(x.mean()),
            "winsor_low": None,
            "winsor_high": None,
            "n_ok": len(x),
            "n_undefined": rows.height - len(x),
        }
    n, firms = sample.height, sample["org_id"].n_unique()
    steps = [("risk set", n + 400, firms + 30), ("years with outcomes", n + 120, firms + 12),
             ("firms with any outcome", n, firms)]  # fmt: skip
    return {
        "model": name, "estimator": raw["estimator"],
        "estimator_label": "FE Poisson" if raw["estimator"] == "fe_poisson" else "FE OLS",
        "link": "log" if raw["estimator"] == "fe_poisson" else "identity",
        "outcome": outcome, "n_obs": n,
        "n_firms": firms, "n_years": 7, "n_clusters": firms, "effects": ["org_id", "year"],
        "cluster": "org_id", "dof": firms - 1.0, "mean_outcome": 2.9731,
        "se_convention": "clustered by org_id, G/(G-1) x (N-1)/(N-K)",
        "ledger": [{"step": s, "rows": r, "firms": f} for s, r, f in steps],
        "dropped": {"all_zero_firms": 12}, "variables": variables, "pseudo_r2": 0.2144,
        "iterations": 5, "collinear_dropped": [], "unavailable": {}, "warnings": [],
    }  # fmt: skip


def make_ties(rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    nodes = [f"F{k:03d}" for k in range(120)] + [f"U{k:02d}" for k in range(30)]
    types = [TYPES[k % len(TYPES)] if n[0] == "F" else "university" for k, n in enumerate(nodes)]
    pull = rng.pareto(1.6, len(nodes)) + 0.3
    pairs: dict[tuple[str, str], tuple[int, int]] = {}
    for year in YEARS:
        for _ in range(45):
            a, b = rng.choice(len(nodes), 2, replace=False, p=pull / pull.sum())
            key = (min(nodes[a], nodes[b]), max(nodes[a], nodes[b]))
            pairs[key] = (year, year + int(rng.integers(2, 6)))
    rows = [
        {"year": year, "a": a, "b": b, "weight_count": 1.0, "weight_newman": 1.0,
         "weight_fraction": 1.0, "n_records": 1}
        for year in YEARS
        for (a, b), (start, end) in sorted(pairs.items())
        if start <= year <= end
    ]  # fmt: skip
    ties = pl.DataFrame(rows).with_columns(pl.col("year").cast(pl.Int32))
    return ties, pl.DataFrame({"org_id": nodes, "name": nodes, "type": types})


def make_verdicts(claims: Mapping[str, Any], rng: np.random.Generator) -> pl.DataFrame:
    rows = []
    for number, (name, claim) in enumerate(sorted(claims.items())):
        model = claim.get("test", {}).get("model")
        verdict = VERDICTS[number % 3] if model else "not_testable"
        value = float(rng.normal()) if model else None
        rows.append(
            {
                "claim_id": name,
                "paper": claim["paper"],
                "section": ",".join(claim["sections"]),
                "shape": claim["shape"],
                "verdict": verdict,
                "reason_code": "no_spec" if not model else "sign_and_p",
                "reason": "no spec yet" if not model else "0.41 < 1 & adjusted p = 0.012",
                "model": model,
                "quantity": "coefficient" if model else None,
                "n_obs": 840 if model else None,
                "n_firms": 120 if model else None,
                "estimate": value,
                "std_error": 0.2 if model else None,
                "conf_low": value - 0.4 if value is not None else None,
                "conf_high": value + 0.4 if value is not None else None,
                "p_value": 0.0004 if model else None,
                "p_romano_wolf": 0.012 if model else None,
                "q_bh": 0.02 if model else None,
                "mde": 0.56 if model else None,
                "proxy": number % 7 == 0,
                "family": f"{claim['sections'][-1]} x patents" if model else None,
                "grid_share": None,
                "mechanical": bool(claim.get("mechanical", False)),
                "inferred": bool(claim.get("inferred", False)),
                "exploratory": bool(claim.get("exploratory", False)),
            }
        )
    return pl.DataFrame(rows)


def write_world(folder: Path) -> World:
    rng = np.random.default_rng(7)
    models, claims = claim_files()
    on_firms = [model for model in models.values() if "frame" not in model]
    terms = [term for model in on_firms for term in model.get("terms", ())]
    listed = [m["controls"] for m in on_firms if isinstance(m.get("controls"), list)]
    terms += [term for controls in listed for term in controls]
    outcomes = {model["outcome"] for model in on_firms}
    codes = sorted({*base_variables(terms), *outcomes, *CONTROLS})
    panel = make_panel(codes, rng)
    for name in ("data/ties", "data/tables", "data/measures", "results/verdicts", "data/ledger"):
        (folder / name).mkdir(parents=True)
    panel.write_parquet(folder / "data" / "panel.parquet")
    for name in sorted(shown_models()):
        # a seed of its own, so that one model more leaves the others as they are
        own = np.random.default_rng(zlib.crc32(name.encode()))
        write_model(folder / "results" / "estimates" / name, name, models[name], panel, own)
    ties, organisations = make_ties(rng)
    ties.write_parquet(folder / "data" / "ties" / "alliance.parquet")
    organisations.write_parquet(folder / "data" / "tables" / "organisations.parquet")
    facts = ties.group_by("year").agg(edges=pl.len().cast(pl.Int64)).sort("year")
    facts.with_columns(
        nodes=pl.lit(150),
        isolates=pl.lit(41),
        density=pl.col("edges") / 11175,
        mean_degree=2 * pl.col("edges") / 150,
        components=pl.lit(45),
        giant_share=pl.lit(0.68),
    ).write_parquet(folder / "data" / "measures" / "alliance_facts.parquet")
    make_verdicts(claims, rng).write_csv(folder / "results" / "verdicts" / "verdicts.csv")
    ledger = {"skipped": [{"record": "R1", "parties": 61, "cap": 50}], "n_records": 900}
    (folder / "data" / "ledger" / "ties_alliance.json").write_text(json.dumps(ledger))
    return World(folder, models, claims, make_codebook(codes))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return write_world(tmp_path_factory.mktemp("study"))
