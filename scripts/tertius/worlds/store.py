"""Stored verdicts of worlds: one table a world and size, to which finished seeds are added."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import polars as pl

from tertius.tables import write_parquet
from tertius.worlds.run import Judged, Run, judged


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


def add(found: Judged, folder: Path, name: str) -> None:
    """Add what is kept of one seed to the tables of its world, the verdicts last."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = ((f"{name}-planted", found.planted, "term"), (name, found.verdicts, "claim_id"))
    for table, rows, key in kept:
        before = stored(folder, table)
        # What a run that was killed in between had stored of the seed is replaced.
        seeds = found.verdicts["seed"].unique().implode()
        others = [] if before is None else [before.filter(~pl.col("seed").is_in(seeds))]
        every = pl.concat([*others, rows])
        write_parquet(every.sort("seed", key, maintain_order=True), folder / f"{table}.parquet")


def run_all(
    root: Path,
    runs: Sequence[Run],
    folder: Path,
    *,
    workers: int,
    tell: Callable[[str], None],
    judge: Callable[[Path, Run, Path], Judged] = judged,
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
            run, found = jobs[job], job.result()
            add(found, folder, run.name)
            words = dict(found.verdicts["verdict"].value_counts().sort("verdict").iter_rows())
            seconds = found.verdicts["seconds"][0]
            tell(f"{run.name} seed {run.seed}: {seconds:.0f} s, {words}")
