"""Bulk tables shaped like PatentsView read to Parquet; writes docs/benchmarks/readers.md.

python benchmarks/readers.py [share ...]: by default 1/50 of the full set (8 million patents, 12
million assignee rows, 50 million classes, 100 million citations); the full set is `1`. The set is
made once and kept in build/benchmarks. Every run is a process of its own: zipped files in, typed
tables sorted by key out, with all checks.

python benchmarks/readers.py --panel [share ...]: by default 1/10; the same files through the whole
workflow to the panel of organisations (joint applications in windows of 5 years), in a copy of the
project, with the time and memory of every step.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "scripts")]

import yaml
from measure import PAGES, ROOT, STORE, in_process, machine, peak_mb, store, table

from benchmarks.make_patentsview import make
from tertius.provenance import hash_file

PATENTS = 8_000_000
SEED = 1
STUDY = {
    "title": {"en": "Made patents", "zh": "模拟专利"},
    "seed": SEED,
    "unit": "organisation",
    "sources": ["made"],
    "years": {"raw": [1976, 2025], "analysis": [1985, 2015], "outcomes": [1986, 2018]},
    "networks": {"co_applicant": {"layers": ["co_applicant"], "window": 5}},
    "estimation": {"controls": []},
}
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
    folder = made(share)
    facts = json.loads((folder / "done.json").read_text())
    packed = sum(file.stat().st_size for file in folder.glob("*.zip")) / 1e6
    result = in_process("readers.py", "--read", str(folder))
    store("readers", str(share), {**result, "in": facts["rows"], "megabytes_in": packed})
    print(f"{share}: {result['seconds']:.1f} s, {result['peak']:.0f} MB", flush=True)


def made(share: Fraction) -> Path:
    """The files of a share, made where they are missing."""
    patents = int(PATENTS * share)
    folder = STORE / f"patentsview_{patents}"
    if not (folder / "done.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        start = time.perf_counter()
        rows = make(folder, patents, seed=SEED)
        facts = {"rows": rows, "seconds": time.perf_counter() - start}
        (folder / "done.json").write_text(json.dumps(facts))
    return folder


def measure_panel(share: Fraction) -> None:
    """Run the workflow on the files of a share up to the panel; keep time and memory by step."""
    from tests.project import copy_project

    raw = made(share)
    folder = STORE / "project"
    shutil.rmtree(folder, ignore_errors=True)
    project = copy_project(ROOT, folder)
    config = project.folder / "config"
    (config / "sources.yaml").write_text(yaml.safe_dump({"made": _entry(raw)}))
    for other in (config / "studies").glob("*.yaml"):
        other.unlink()
    (config / "studies" / "made.yaml").write_text(yaml.safe_dump(STUDY))
    start = time.perf_counter()
    project.run("made", "panel", raw_dir=str(STORE)).succeeded()
    seconds = time.perf_counter() - start
    steps = {}
    for file in sorted((project.results("made") / "audit" / "benchmarks").rglob("*.tsv")):
        head, values = (line.split("\t") for line in file.read_text().splitlines()[:2])
        step = dict(zip(head, values, strict=True))
        name = file.stem if file.parent.name == "benchmarks" else f"{file.parent.name} {file.stem}"
        steps[name] = [float(step[key]) for key in ("s", "cpu_time", "max_rss")]
    store("panel", str(share), {"seconds": seconds, "steps": steps})
    print(f"{share}: {seconds:.0f} s to the panel", flush=True)


def _entry(raw: Path) -> dict[str, Any]:
    """The registry's entry of the made files."""
    files = {
        file.name: {"sha256": hash_file(file), "bytes": file.stat().st_size}
        for file in sorted(raw.glob("*.zip"))
    }
    said = dict.fromkeys(("title", "licence", "citation", "access"), "made")
    facts = {"format": "patentsview", "folder": raw.name, "files": files, "version": "1"}
    return {**said, **facts, "redistributable": True}


def panel_page() -> str:
    """The section on whole runs; empty before any was made."""
    file = STORE / "panel.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    parts = ["\n## From the same files to the panel\n" if kept else ""]
    for share in sorted(kept, key=Fraction):
        one = kept[share]
        steps = one["steps"] | {"all": [one["seconds"], *_summed(one["steps"])]}
        rows = [[name, *(f"{value:,.0f}" for value in step)] for name, step in steps.items()]
        parts.append(
            f"\nShare {share} of the full set, 2 cores, load of the machine {one['load']:.0f}:\n\n"
            + table(["step", "seconds", "CPU seconds", "MB at most"], rows)
        )
    return "".join(parts)


def _summed(steps: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """CPU seconds of all steps, and the most memory of one."""
    return sum(step[1] for step in steps.values()), max(step[2] for step in steps.values())


def page() -> str:
    """The page of all sizes measured so far."""
    file = STORE / "readers.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    rows = []
    for share in sorted(kept, key=Fraction):
        one = kept[share]
        read_rows = sum(one["in"].values())
        rows.append(
            [
                share,
                f"{read_rows / 1e6:,.1f}",
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
        "million rows of files",
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
        "repeats and written. The full set has 8 million patents with their applications, 12 "
        "million rows of assignees, 50 million of classes and 100 million of citations. The engine "
        "may hold 4 GB and spills to disk beyond. "
        "Where the load of the machine is above its cores the seconds say little; the CPU seconds "
        "are what the work needs on one core.\n\n"
        f"{table(head, rows)}\n"
        f"Measured on {machine(['duckdb', 'polars', 'pyarrow'])}\n\n"
        "`python benchmarks/readers.py 1` measures the full set (about 20 GB of free disk).\n"
        f"{panel_page()}"
    )


def main() -> None:
    if sys.argv[1:2] == ["--read"]:
        print(json.dumps(read(Path(sys.argv[2]))))
        return
    STORE.mkdir(parents=True, exist_ok=True)
    if sys.argv[1:2] == ["--panel"]:
        for share in sys.argv[2:] or ["1/10"]:
            measure_panel(Fraction(share))
    else:
        for share in sys.argv[1:] or ["1/50"]:
            measure(Fraction(share))
    PAGES.mkdir(parents=True, exist_ok=True)
    (PAGES / "readers.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
