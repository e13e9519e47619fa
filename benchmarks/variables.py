"""Time and memory of all variables on generated studies of growing size; docs/benchmarks page.

    python benchmarks/variables.py            all sizes of `SIZES`
    python benchmarks/variables.py 500 2000   these numbers of organisations

The largest size has 50,000 organisations, 20 years, 5 million patents, 20 million class rows and 40
million citations (benchmarks/study.py). Tables are written by one process and read and derived from
by another, whose time and memory are counted.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any

import yaml
from measure import PAGES, ROOT, STORE, in_process, machine, peak_mb, store, table

sys.path.insert(0, str(ROOT / "scripts"))

from study import SAMPLE, read_study, write_study

from tertius.variables import derive

SIZES = (500, 2_000, 8_000, 50_000)
APART = ("npath", "resil", "modularity", "modspec")
"""Variables of the analysis sample: paths, losses and communities of every single unit."""
STUDIES = STORE / "studies"
MEMORY = {
    "_RJEM_MALLOC_CONF": "background_thread:true,dirty_decay_ms:200,muzzy_decay_ms:0",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "262144",
    "MALLOC_TRIM_THRESHOLD_": "262144",
    "POLARS_MAX_THREADS": "2",
}
"""Freed memory goes back to the system soon; two threads, as there are cores."""


def run(organisations: int, apart: bool) -> dict[str, Any]:
    """Seconds from the first table read to the whole frame, and of every variable; memory."""
    book = yaml.safe_load((ROOT / "config" / "variables.yaml").read_text(encoding="utf-8"))
    wanted = {code: entry for code, entry in book.items() if (code in APART) == apart}
    seconds: dict[str, float] = {}
    start = last = time.perf_counter()

    def done(name: str) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[name], last = now - last, now
        print(f"{name} {seconds[name]:.1f} s, {peak_mb():,.0f} MB", file=sys.stderr, flush=True)

    inputs = read_study(STUDIES / str(organisations), ("startup",) if apart else ("firm",))
    wide = derive(inputs, wanted, done=done)
    lacking = [c for c in wanted if wide[f"{c}_status"].unique().to_list() == ["missing_input"]]
    if lacking:
        raise ValueError(f"variables without inputs: {', '.join(lacking)}")
    return {
        "s": time.perf_counter() - start,
        "mb": peak_mb(),
        "rows": wide.height,
        "patents": inputs.tables["patents"].height,
        "classes": inputs.tables["patent_classes"].height,
        "citations": inputs.tables["citations"].height,
        "seconds": seconds,
    }


def measured(size: int) -> dict[str, Any]:
    """Both runs on a study of this size, each in its own process; the study goes afterwards."""
    if not (STUDIES / str(size) / "tables").exists():
        in_process("variables.py", "--write", str(size))
    result = in_process("variables.py", "--run", str(size))
    result["apart"] = in_process("variables.py", "--apart", str(size))["seconds"]
    shutil.rmtree(STUDIES / str(size))
    return result


def write_page(kept: Mapping[str, Any]) -> None:
    """docs/benchmarks/variables.md from the numbers of all sizes so far."""
    sizes = sorted(map(int, kept))
    base = kept[str(sizes[0])]["s"] / (sizes[0] * math.log(sizes[0]))
    rows = []
    for size in sizes:
        one = kept[str(size)]
        counts = (one["rows"], one["patents"], one["classes"], one["citations"])
        growth = one["s"] / (size * math.log(size)) / base
        rows.append(
            [
                f"{size:,}", *(f"{n:,}" for n in counts), str(len(one["seconds"])),
                f"{one['s']:,.0f}", f"{growth:.2f}", f"{one['mb']:,.0f}",
                f"{sum(one['apart'].values()):,.0f}" if "apart" in one else "not run",
                str(one["load"]),
            ]
        )  # fmt: skip
    head = [
        "units", "unit-years", "patents", "class rows", "citations", "variables", "s",
        "s / (n ln n)", "MB", "s apart", "load",
    ]  # fmt: skip
    last = kept[str(sizes[-1])]
    slow = sorted(last["seconds"].items(), key=lambda pair: -pair[1])[:15]
    PAGES.mkdir(parents=True, exist_ok=True)
    (PAGES / "variables.md").write_text(
        "# Variables: time and memory\n\nWritten by benchmarks/variables.py on generated studies "
        "of 20 years (benchmarks/study.py) that have every typed table. s: from the first table "
        "read to the whole frame of all variables, one process a size; s / (n ln n): by size, "
        "relative to the smallest; MB (of 2^20 bytes): peak of the process, data included. Apart, "
        f"on an analysis sample of about {SAMPLE} units: {', '.join(APART)}. "
        f"Machine: {machine(['numpy', 'numba', 'polars', 'scipy'])}\n\n"
        + table(head, rows)
        + f"\nThe slowest at {sizes[-1]:,} units (what a variable shares with others counts for "
        "the first of them):\n\n"
        + table(["variable", "s"], [[name, f"{s:,.1f}"] for name, s in slow])
        + _apart(kept[str(max((n for n in sizes if "apart" in kept[str(n)]), default=sizes[0]))]),
        encoding="utf-8",
    )


def _apart(one: Mapping[str, Any]) -> str:
    """The variables that were timed apart; empty where they were not."""
    if "apart" not in one:
        return ""
    rows = [[name, f"{s:,.1f}"] for name, s in one["apart"].items()]
    return f"\nApart, {len(one['apart'])} variables:\n\n" + table(["variable", "s"], rows)


def main(arguments: list[str]) -> None:
    """One step in this process, or every size in processes of their own and the page."""
    if arguments[:1] == ["--write"]:
        write_study(STUDIES / arguments[1], int(arguments[1]))
        print("{}")
    elif arguments[:1] in (["--run"], ["--apart"]):
        print(json.dumps(run(int(arguments[1]), arguments[0] == "--apart")))
    else:
        os.environ |= MEMORY
        for size in map(int, arguments or SIZES):
            write_page(store("variables", str(size), measured(size)))


if __name__ == "__main__":
    main(sys.argv[1:])
