"""Simulate worlds and judge their claims; finished seeds are stored and not run again."""

import argparse
from pathlib import Path

from tertius.simulate.faults import FAULTS
from tertius.worlds.declared import world_names
from tertius.worlds.run import Run
from tertius.worlds.store import run_all

ROOT = Path(__file__).resolve().parents[1]


def main(
    *,
    worlds: list[str],
    firms: int,
    seeds: int,
    draws: int,
    workers: int,
    folder: Path,
    faults: list[str],
    percents: list[int],
) -> None:
    """Seeds 1.. of every world, world by world within a seed, so that a part is a fair part.

    With faults, every seed runs without one and with each at each rate.
    """
    faults = list(FAULTS) if "all" in faults else faults
    kinds = [(None, 0), *((fault, percent) for fault in faults for percent in percents)]
    runs = [
        Run(world, firms, seed, draws, fault, percent)
        for seed in range(1, seeds + 1)
        for world in worlds
        for fault, percent in kinds
    ]
    run_all(ROOT, runs, folder, workers=workers, tell=lambda line: print(line, flush=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", nargs="+", default=world_names(ROOT))
    parser.add_argument("--firms", type=int, required=True)
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--draws", type=int, default=199)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "worlds")
    parser.add_argument("--faults", nargs="*", default=[], choices=["all", *FAULTS])
    parser.add_argument("--percents", nargs="+", type=int, default=[5, 10, 20])
    main(**vars(parser.parse_args()))
