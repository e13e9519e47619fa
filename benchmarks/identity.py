"""Identity: accuracy on labelled names and speed; writes docs/benchmarks/identity.md.

python benchmarks/identity.py [names ...]: by default 100,000 and 1,000,000 simulated names; each
number of names runs in a process of its own. Accuracy is that of one run of the matcher over all
names of tests/data/identity/pairs.csv at once, with nothing but the names; a pair counts as merged
when both names became one organisation.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / part) for part in ("", "scripts")]

import numpy as np
import polars as pl

from benchmarks.measure import PAGES, in_process, machine, peak_mb, table
from tertius.identity import Reader, TypeReader, match_names
from tertius.registry.lexicon import Lexicon, load_lexicon

LABELS = ROOT / "tests" / "data" / "identity"
NAMES = (100_000, 1_000_000)
VARIANTS = 0.2
SEED = 20250807
Z = 1.959963984540054
FORMS = ("Co., Ltd.", "Inc.", "Corp.", "GmbH", "Ltd", "S.A.", "S.p.A.", "LLC", "AB", "BV", "")
WORD_LIST = (
    "Technologies,Electronics,Systems,Energy,Pharma,Materials,Robotics,Motors,Software,Networks,"
    "Instruments,Chemical,Optics,Aerospace,Devices,Medical,Engineering,Logistics"
)
SYLLABLE_LIST = (
    "ba,ke,lo,mi,nu,ra,se,ti,vo,za,dri,gla,kro,ple,stu,tra,fen,gol,har,jun,mor,nav,pel,quin,ros,"
    "sil,tor,ven,wil,yan,zen,ko,da,fi,lu,me,pa,ri,so,ta,ur,be,ci,du,el"
)

WORDS, SYLLABLES = WORD_LIST.split(","), SYLLABLE_LIST.split(",")


def lexicon(aliases: bool = True) -> Lexicon:
    found = load_lexicon(ROOT / "config" / "identity")
    if aliases:
        return found
    from dataclasses import replace

    return replace(found, aliases=(), decisions=())


def judged(words: Lexicon) -> pl.DataFrame:
    """The labelled pairs with `merged`: whether the matcher put both names together."""
    pairs = pl.read_csv(LABELS / "pairs.csv")
    names = sorted({*pairs["name_a"], *pairs["name_b"]})
    found = match_names(dict.fromkeys(names, 1), [], Reader(words)).found
    same = [found[a].group == found[b].group for a, b in pairs.select("name_a", "name_b").rows()]
    return pairs.with_columns(pl.Series("merged", same), (pl.col("label") == "same").alias("truth"))


def wilson(hits: int, n: int) -> str:
    """Share with its 95 % interval (Wilson 1927)."""
    if n == 0:
        return "-"
    p = hits / n
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return f"{p:.3f} [{middle - half:.3f}, {middle + half:.3f}]"


def row(label: str, pairs: pl.DataFrame) -> list[str]:
    hit = pairs.filter(pl.col("merged") & pl.col("truth")).height
    merged, same = int(pairs["merged"].sum()), int(pairs["truth"].sum())
    return [label, str(pairs.height), str(same), wilson(hit, merged), wilson(hit, same)]


def accuracy(pairs: pl.DataFrame, bare: pl.DataFrame) -> list[list[str]]:
    held = pairs.filter(pl.col("half") == "held")
    rows = [
        row("**held half**", held),
        row("tuning half", pairs.filter(pl.col("half") == "tuning")),
    ]
    rows.append(row("held, aliases and overrides empty", bare.filter(pl.col("half") == "held")))
    for column in ("hard", "origin", "language", "type"):
        for value in sorted(held[column].unique().to_list()):
            rows.append(row(f"held, {column} {value}", held.filter(pl.col(column) == value)))
    return rows


def types() -> list[list[str]]:
    labels = pl.read_csv(LABELS / "types.csv")
    reader = TypeReader(Reader(lexicon()))
    told = labels.with_columns(pl.Series("told", [reader.type_of(n) for n in labels["name"]]))
    held = told.filter(pl.col("half") == "held")
    rows = []
    for label, part in [
        ("**held half**", held),
        ("tuning half", told.filter(pl.col("half") == "tuning")),
        *(
            (f"held, {kind}", held.filter(pl.col("type") == kind))
            for kind in sorted(held["type"].unique())
        ),
    ]:
        right = int((part["type"] == part["told"]).sum())
        rows.append([label, str(part.height), wilson(right, part.height)])
    return rows


def simulated(n: int) -> list[str]:
    """Names of companies, a fifth of them another spelling of an earlier one."""
    rng = np.random.default_rng(SEED)
    fresh = n - int(n * VARIANTS)
    parts = rng.integers(len(SYLLABLES), size=(fresh, 4))
    words, forms = rng.integers(len(WORDS), size=fresh), rng.integers(len(FORMS), size=fresh)
    names = [
        f"{''.join(SYLLABLES[i] for i in four).capitalize()} {WORDS[w]} {FORMS[f]}".strip()
        for four, w, f in zip(parts.tolist(), words.tolist(), forms.tolist(), strict=True)
    ]
    for k in rng.integers(fresh, size=n - fresh).tolist():
        names.append(variant(names[k], int(rng.integers(4)), int(rng.integers(1, 4))))
    return names


def variant(name: str, kind: int, place: int) -> str:
    if kind == 0:
        return name.upper()
    if kind == 1:
        return name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    if kind == 2:
        return name.replace("Technologies", "Tech").replace(".", "").replace(",", "")
    return name.rsplit(" ", 1)[0]


def timed(n: int) -> None:
    """Print seconds, peak megabytes and groups of one run, as JSON."""
    names = dict.fromkeys(simulated(n), 1)
    start, cpu = time.perf_counter(), time.process_time()
    found = match_names(names, [], Reader(lexicon()))
    seconds = time.perf_counter() - start
    result = {"names": len(names), "seconds": seconds, "cpu": time.process_time() - cpu}
    result["groups"] = len({match.group for match in found.found.values()})
    print(json.dumps({**result, "mb": peak_mb()}))


def main(sizes: list[int]) -> None:
    pairs, bare = judged(lexicon()), judged(lexicon(aliases=False))
    speeds = []
    for n in sizes:
        run = in_process("identity.py", "--timed", str(n))
        seconds = f"{run['seconds']:.1f} ({run['cpu']:.1f})"
        speeds.append([f"{run['names']:,}", f"{run['groups']:,}", seconds, f"{run['mb']:,.0f}"])
    text = "\n\n".join(
        [
            "# Organisation identity: accuracy and speed",
            "Written by `make bench` (benchmarks/identity.py). 2,000 labelled pairs of names "
            "(tests/data/identity, half tuning and half held by the hash of the id; labels were "
            "committed before the matcher was written). All names go through the matcher in one "
            "run, with nothing but the names; shares with 95 % Wilson intervals. Rules and tables "
            "follow the errors of the tuning half and what is known of names in general, not the "
            "pairs of the held half. Where a group is small, one pair moves its share by several "
            "hundredths: read the intervals.",
            table(["pairs", "n", "same", "precision", "recall"], accuracy(pairs, bare)),
            "Types, from the name alone:",
            table(["names", "n", "right"], types()),
            f"Speed on simulated names, a fifth of them misspelt, recased or with another form "
            f"(one process each, MB = its peak). Machine: {machine(['polars', 'rapidfuzz'])} "
            f"Load average at the end: {os.getloadavg()[0]:.1f}.",
            table(["distinct names", "organisations", "s (of the processor)", "MB"], speeds),
        ]
    )
    (PAGES / "identity.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--timed"]:
        timed(int(sys.argv[2]))
    else:
        main([int(x) for x in sys.argv[1:]] or list(NAMES))
