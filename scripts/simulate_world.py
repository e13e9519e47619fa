"""Simulate a world and write its raw records: the demo study, or one of another size or seed."""

import argparse
import time
from pathlib import Path

from tertius.simulate import simulate_world, write_world
from tertius.simulate.faults import FAULTS, with_fault
from tertius.worlds.declared import world_settings

DEMO_SEED = 20250809
"""The first from 20250807 on in which every main plant is three standard errors wide or more."""
ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "data" / "raw" / "demo"


def main(
    *,
    world: str,
    firms: int,
    out: Path,
    seed: int,
    preset: int,
    fault: str | None = None,
    rate: float = 0.0,
) -> None:
    """Simulate, write, and print what came out."""
    started = time.perf_counter()
    made = simulate_world(world_settings(ROOT, world, firms), seed)
    recorded = made if fault is None else with_fault(made, fault, rate, seed)
    paths = write_world(recorded, out, preset)
    realised = made.truth["realised"]
    for key in ("firm_years", "mean_count", "share_zero", "share_isolates", "joint_patents"):
        print(f"{key:<20} {realised[key]}")
    print(f"{'regressor':<14}{'undefined':>10}{'mean':>9}{'sd':>9}{'within':>9}{'median':>9}")
    for name, one in realised["regressors"].items():
        keys = ("share_undefined", "mean", "sd", "sd_within_firm", "median")
        print(
            f"{name:<14}" + "".join(f"{one[key]:>{9 + (k == 0)}.3f}" for k, key in enumerate(keys))
        )
    for path in paths:
        print(f"{path.stat().st_size:>10,d}  {path}")
    total = sum(path.stat().st_size for path in paths)
    print(f"{total:>10,d}  bytes in {time.perf_counter() - started:.1f} s")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", default="demo", help="a file of config/worlds")
    parser.add_argument("--firms", type=int, default=1100, help="number of firms (at least 40)")
    parser.add_argument("--out", type=Path, default=DEMO, help="folder to write to")
    parser.add_argument("--seed", type=int, default=DEMO_SEED)
    parser.add_argument("--preset", type=int, default=6, help="compression, 0 (fast) to 9")
    parser.add_argument("--fault", choices=FAULTS, help="a fault of the records")
    parser.add_argument("--rate", type=float, default=0.0, help="of the fault, a share")
    return parser.parse_args()


if __name__ == "__main__":
    main(**vars(arguments()))
