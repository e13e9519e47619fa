"""What the benchmarks share: alternating runs, memory of a process, facts, and pages."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "build" / "benchmarks"
PAGES = ROOT / "docs" / "benchmarks"
# Some machines name an OpenBLAS core that slows numpy down.
os.environ.pop("OPENBLAS_CORETYPE", None)


def alternate(
    runs: Mapping[str, Callable[[], Any]], rounds: Mapping[str, int]
) -> dict[str, list[float]]:
    """Seconds of every run, round by round in turn, so that all meet the same load."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for k in range(max(rounds.values())):
        for name, run in runs.items():
            if k < rounds[name]:
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
                print(f"  {name}: {seconds[name][-1]:.3f} s", flush=True)
    return seconds


def least_and_median(seconds: Sequence[float]) -> str:
    """Minimum / median of some seconds."""
    return f"{digits(min(seconds))} / {digits(statistics.median(seconds))}"


def digits(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def peak_mb() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_process(script: str, *arguments: str) -> dict[str, Any]:
    """What a benchmark file prints as its last line (JSON) in a process of its own."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "scripts")])
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / script), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def store(page: str, section: str, result: Any) -> dict[str, Any]:
    """Keep a section's numbers beside those of earlier runs; returns all of the page.

    Beside the numbers: the load of the machine, and whether the run went ahead of other work by a
    real-time priority (chrt -r 1).
    """
    STORE.mkdir(parents=True, exist_ok=True)
    file = STORE / f"{page}.json"
    kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    ahead = os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO)
    kept[section] = {**result, "load": round(os.getloadavg()[0], 1), "ahead": ahead}
    file.write_text(json.dumps(kept, indent=1))
    return kept


def machine(packages: Sequence[str]) -> str:
    """One sentence on the machine and the versions."""
    kind = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        kind = names[0].split(":")[1].strip() if names else kind
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({kind}), {memory:.0f} GiB, {platform.system()}; "
        f"Python {platform.python_version()}, {versions}."
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
