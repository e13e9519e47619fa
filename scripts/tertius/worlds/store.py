"""Stored verdicts of worlds: one table a world and size, to which finished seeds are added."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import polars as pl

from tertius.tables import write_parquet
from tertius.worlds.run import Run, judged


def stored(folder: Path, name: str) -> pl.DataFrame | None:
    """Verdicts of a world's finished seeds, or None before the first."""
    path = folder / f"{name}.parquet"
    return pl.read_parquet(path) if path.is_file() else None


def missing(runs: Iterable[Run], folder: Path) -> list[Run]:
    """Runs that are not stored yet."""
    held: dict[str, set[int]] = {}
    for run in runs:
        if run.name not in held:
            table = stored(folder, run.name)
            held[run.name] = set() if table is None else set(table["seed"].to_list())
    return [run for run in runs if run.seed not in held[run.name]]


def add(rows: pl.DataFrame, folder: Path, name: str) -> None:
    """Add the verdicts of one seed to the table of its world."""
    before = stored(folder, name)
    folder.mkdir(parents=True, exist_ok=True)
    table = rows if before is None else pl.concat([before, rows])
    write_parquet(table.sort("seed", "claim_id"), folder / f"{name}.parquet")


def run_all(
    root: Path,
    runs: Sequence[Run],
    folder: Path,
    *,
    workers: int,
    tell: Callable[[str], None],
    judge: Callable[[Path, Run, Path], pl.DataFrame] = judged,
) -> None:
    """Run what is missing and store each seed as it ends, so that a stopped run goes on later.

    Args:
        root: the project.
        runs: what should be there at the end.
        folder: of the stored tables.
        workers: runs at a time, each on one core.
        tell: takes a line about each run that ended.
        judge: gives the verdicts of a run.
    """
    todo = missing(runs, folder)
    tell(f"{len(runs) - len(todo)} of {len(runs)} seeds are stored already")
    places = {run: root / "build" / "worlds" / run.name / str(run.seed) for run in todo}
    with ThreadPoolExecutor(workers) as pool:
        jobs = {pool.submit(judge, root, run, places[run]): run for run in todo}
        for job in as_completed(jobs):
            if job.exception() is not None:
                pool.shutdown(wait=False, cancel_futures=True)
            run, rows = jobs[job], job.result()
            add(rows, folder, run.name)
            words = dict(rows["verdict"].value_counts().sort("verdict").iter_rows())
            tell(f"{run.name} seed {run.seed}: {rows['seconds'][0]:.0f} s, {words}")
