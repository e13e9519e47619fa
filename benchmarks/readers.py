"""Bulk tables shaped like PatentsView read to Parquet; writes docs/benchmarks/readers.md.

python benchmarks/readers.py [share ...]: by default 1/50 of the full set (8 million patents, 12
million assignee rows, 50 million classes, 100 million citations); the full set is `1`. The set is
made once and kept in build/benchmarks. Every run is a process of its own: zipped files in, typed
tables sorted by key out, with all checks.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "scripts")]

from measure import PAGES, ROOT, STORE, in_process, machine, peak_mb, store, table

from benchmarks.make_patentsview import make

PATENTS = 8_000_000
SEED = 1
TABLES = ("patents", "patent_applicants", "patent_classes", "citations", "organisations")


def read(folder: Path) -> dict[str, Any]:
    """Read a folder of files as the workflow does; seconds, memory and rows."""
    import polars as pl

    from tertius.registry import load_formats
    from tertius.sources import bundle

    mapping = load_formats(ROOT)["patentsview"]["mapping"]
    with tempfile.TemporaryDirectory(dir=STORE) as out:
        start = time.perf_counter()
        written, _ = bundle.stream(folder, mapping, Path(out) / "tables", (1976, 2100))
        seconds = time.perf_counter() - start
        rows = {k: pl.scan_parquet(v).select(pl.len()).collect().item() for k, v in written.items()}
        size = sum(file.stat().st_size for file in written.values())
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": peak_mb(),
        "rows": rows,
        "megabytes_out": size / 1e6,
    }


def measure(share: Fraction) -> None:
    """Make the set of a share where it is missing, read it in a process of its own, keep that."""
    patents = int(PATENTS * share)
    folder = STORE / f"patentsview_{patents}"
    if not (folder / "done.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        start = time.perf_counter()
        made = make(folder, patents, seed=SEED)
        facts = {"rows": made, "seconds": time.perf_counter() - start}
        (folder / "done.json").write_text(json.dumps(facts))
    facts = json.loads((folder / "done.json").read_text())
    packed = sum(file.stat().st_size for file in folder.glob("*.zip")) / 1e6
    result = in_process("readers.py", "--read", str(folder))
    store("readers", str(share), {**result, "in": facts["rows"], "megabytes_in": packed})
    print(f"{share}: {result['seconds']:.1f} s, {result['peak']:.0f} MB", flush=True)


def page() -> str:
    """The page of all sizes measured so far."""
    kept = json.loads((STORE / "readers.json").read_text())
    rows = []
    for share in sorted(kept, key=Fraction):
        one = kept[share]
        read_rows = sum(one["in"].values())
        rows.append(
            [
                share,
                *(f"{one['rows'][name]:,}" for name in TABLES),
                f"{one['megabytes_in']:,.0f}",
                f"{one['seconds']:,.1f}",
                f"{one['cpu']:,.1f}",
                f"{read_rows / one['cpu'] / 1e6:.2f}",
                f"{one['load']:.0f}",
                f"{one['peak']:,.0f}",
            ]
        )
    head = [
        "share of the full set",
        *(name.replace("_", " ") for name in TABLES),
        "MB zipped",
        "seconds",
        "CPU seconds",
        "million rows a CPU second",
        "load of the machine",
        "MB at most",
    ]
    return (
        "# Readers: bulk tables to Parquet\n\n"
        "Files shaped like the bulk tables of PatentsView (`benchmarks/make_patentsview.py`, seed "
        f"{SEED}), zipped, are read by `config/formats/patentsview.yaml`: unpacked, brought into "
        "columns, checked cell by cell, joined, cut to the years, sorted by key, cleared of "
        "repeats and written. The engine may hold 4 GB and spills to disk beyond. "
        "Where the load of the machine is above its cores the seconds say little; the CPU seconds "
        "are what the work needs on one core.\n\n"
        f"{table(head, rows)}\n"
        f"Measured on {machine(['duckdb', 'polars', 'pyarrow'])}\n\n"
        "`python benchmarks/readers.py 1` measures the full set (about 20 GB of free disk).\n"
    )


def main() -> None:
    if sys.argv[1:2] == ["--read"]:
        print(json.dumps(read(Path(sys.argv[2]))))
        return
    STORE.mkdir(parents=True, exist_ok=True)
    for share in sys.argv[1:] or ["1/50"]:
        measure(Fraction(share))
    PAGES.mkdir(parents=True, exist_ok=True)
    (PAGES / "readers.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
