"""One seed of a world: simulate its raw records, run the workflow to the verdicts, keep these.

Every run has a folder of its own with a copy of the project, in which the world is a study: code
and configuration may change meanwhile, and runs do not disturb one another.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from tertius.sources.registry_hash import refresh_hashes
from tertius.worlds.coverage import read_planted

PARTS = ("Snakefile", "config", "scripts", "workflow", "profiles", "pyproject.toml",
         "requirements.lock")  # fmt: skip
STUDY = "world"
RAW = "data/raw/demo"
RESULTS = f"results/{STUDY}"
VERDICTS = f"{RESULTS}/verdicts/verdicts.csv"
KEPT = ("claim_id", "verdict", "reason_code", "model", "n_obs", "n_firms", "estimate", "std_error",
        "conf_low", "conf_high", "p_value", "p_romano_wolf", "family", "mechanical")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One seed of a declared world.

    Attributes:
        world: name of the declaration.
        firms: size.
        seed: of the simulation and of every draw of the analysis.
        draws: resamples of the clusters.
        fault: put into the records (`tertius.simulate.faults`), or None.
        percent: rate of the fault.
    """

    world: str
    firms: int
    seed: int
    draws: int
    fault: str | None = None
    percent: int = 0

    @property
    def name(self) -> str:
        """World, size and fault, the name of the stored table."""
        whole = f"{self.world}-{self.firms}"
        return whole if self.fault is None else f"{whole}-{self.fault}-{self.percent:02d}"


class RunError(RuntimeError):
    """A step of a run that failed, with what it printed."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What is kept of one seed: verdicts, one row a claim, and what the main model found of the
    plants (`tertius.worlds.coverage`); both with the seed."""

    verdicts: pl.DataFrame
    planted: pl.DataFrame


def judged(root: Path, run: Run, folder: Path) -> Judged:
    """Verdicts and main coefficients of one seed.

    Args:
        root: the project.
        run: world, size, seed and draws.
        folder: what the run works in; emptied first, removed after.

    Returns:
        Verdicts with seed, draws, seconds, the columns `KEPT` of verdicts.csv, and `direction`,
        `family_size`, `effect` and `effect_mde` of its card (the first effect, as a share of the
        expected outcome, and the share that 80 % of samples would show); planted with seed.

    Raises:
        RunError: simulation or workflow failed.
    """
    started = time.perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    lay_out(root, run, folder)
    given: dict[str, Any] = {
        "world": run.world,
        "firms": run.firms,
        "seed": run.seed,
        "preset": 0,
        "out": RAW,
    }
    if run.fault is not None:
        given |= {"fault": run.fault, "rate": run.percent / 100}
    options = [part for name, value in given.items() for part in (f"--{name}", str(value))]
    _call(["scripts/simulate_world.py", *options], folder)
    refresh_hashes(folder / "config" / "sources.yaml", (folder / RAW).parent)
    engine = ["--cores", "1", "--quiet", "all", "--config", f"study={STUDY}"]
    _call(["-m", "snakemake", VERDICTS, *engine], folder)
    rows = read_verdicts(folder).select(
        pl.lit(run.seed).alias("seed"),
        pl.lit(run.draws).alias("draws"),
        pl.lit(round(time.perf_counter() - started, 1)).alias("seconds"),
        pl.all(),
    )
    planted = read_planted(folder, RAW, RESULTS).select(pl.lit(run.seed).alias("seed"), pl.all())
    shutil.rmtree(folder)
    return Judged(rows, planted)


def lay_out(root: Path, run: Run, folder: Path) -> None:
    """Copy the project and declare the world as a study: the demo's settings, and of its networks
    only the focal one, for no claim looks at another."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source = root / part
        if source.is_dir():
            # With the compiled kernels, whose cache looks at the time of the source.
            shutil.copytree(source, folder / part)
        else:
            shutil.copy2(source, folder / part)
    demo = yaml.safe_load((root / "config" / "studies" / "demo.yaml").read_text(encoding="utf-8"))
    study = {
        **demo,
        "networks": {demo["focal"]: demo["networks"][demo["focal"]]},
        "title": {"en": f"World {run.name}", "zh": run.name},
        "seed": run.seed,
        "truth": None,
        "inference": {"draws": run.draws},
    }
    path = folder / "config" / "studies" / f"{STUDY}.yaml"
    path.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")


def read_verdicts(folder: Path) -> pl.DataFrame:
    """The kept columns of a run's verdicts and cards."""
    verdicts = pl.read_csv(folder / VERDICTS, infer_schema_length=None).select(
        pl.col(KEPT[0]), pl.col(KEPT[1:])
    )
    cards = json.loads((folder / VERDICTS).with_name("cards.json").read_text("utf-8"))
    rows = [_of_card(claim, cards[claim]) for claim in verdicts["claim_id"]]
    numbers = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "p_romano_wolf")
    return verdicts.with_columns(pl.col(numbers).cast(pl.Float64)).join(
        pl.DataFrame(rows, schema=CARD), on="claim_id", how="left", maintain_order="left"
    )


CARD = {
    "claim_id": pl.String,
    "direction": pl.String,
    "family_size": pl.Int64,
    "effect": pl.Float64,
    "effect_mde": pl.Float64,
}


def _of_card(claim: str, card: dict[str, Any]) -> dict[str, Any]:
    effects = card.get("effects") or [{}]
    return {
        "claim_id": claim,
        "direction": card.get("direction"),
        "family_size": card.get("family_size"),
        "effect": effects[0].get("share"),
        "effect_mde": effects[0].get("mde"),
    }


def _call(arguments: list[str], folder: Path) -> None:
    """Run Python in a run's folder, on one thread."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "scripts"), "NO_COLOR": "1",
                   "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1",
                   "OPENBLAS_NUM_THREADS": "1"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        told = f"{done.stdout}\n{done.stderr}"[-4000:]
        raise RunError(f"{' '.join(arguments)} in {folder}:\n{told}")
