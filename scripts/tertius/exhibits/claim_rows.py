"""From the verdict table and the claim registry to the rows that the report prints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tertius.exhibits.content import Bilingual, ClaimRow, Grid, Link, Section
from tertius.exhibits.labels import section_label
from tertius.exhibits.style import (
    VERDICT_WORDS,
    VERDICTS,
    count,
    interval,
    minus,
    probability,
    real,
    share,
)

FLAG_WORDS = {
    "proxy": "a proxy of this project carries the claim",
    "mechanical": "cause and outcome are built from the same ties or records",
    "inferred": "the shape is inferred, the paper does not state it",
    "exploratory": "the paper puts it forward as exploration, not as a hypothesis",
    "prescription": "the paper advises; judged is what the advice supposes",
    "one_case": "the paper rests it on one case study",
}
PAPERS = {
    "zhang2025": "Paper A: Zhang & Zhang (2025)",
    "shao2023": "Paper B: Shao, Liu & Yin (2023)",
}
NO_ADJUSTED_P = 2.0


def claim_rows(
    verdicts: pl.DataFrame,
    claims: Mapping[str, Mapping[str, Any]],
    models: Sequence[str],
    cards: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[ClaimRow, ...]:
    """One row a claim, sorted by id; numbers as texts.

    Args:
        verdicts: the columns of verdicts.csv.
        claims: id -> registry entry with statement, testability, note, rivals and flags.
        models: those with an estimate, which a claim may link to.
        cards: claim cards, for what is said of multiverse, power and faults.

    Raises:
        KeyError: a verdict on a claim that the registry does not hold.
    """
    rows = verdicts.sort("claim_id").iter_rows(named=True)
    told = cards or {}
    return tuple(
        _row(row, claims[row["claim_id"]], models, trust_lines(told.get(row["claim_id"], {})))
        for row in rows
    )


def trust_lines(card: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Heads and texts on multiverse, power and faults; what a card does not hold is left out."""
    lines = []
    if varied := card.get("multiverse"):
        text = f"{share(varied['same_sign'])} of {varied['specifications']} with this sign"
        lines.append(("Multiverse", text))
    if power := card.get("power"):
        text = f"{share(power['power'])} ({power['basis']}, {power['seeds']} worlds)"
        lines.append(("Power", text))
    if faults := card.get("fault_tolerance"):
        rates = faults["percent"].items()
        kept = ", ".join(f"{f.replace('_', ' ')} {p} %" for f, p in rates if p is not None)
        text = f"{kept} ({faults['worlds']} worlds)" if kept else "no world decides it"
        lines.append(("Survives", text))
    return tuple(lines)


def _row(
    row: Mapping[str, Any],
    claim: Mapping[str, Any],
    models: Sequence[str],
    trust: tuple[tuple[str, str], ...],
) -> ClaimRow:
    model = row["model"]
    link = Link(str(model), f"#model-{model}") if model in models else None
    adjusted = _number(row["p_romano_wolf"])
    return ClaimRow(
        id=row["claim_id"],
        paper=str(row["paper"]),
        section=", ".join(claim.get("sections") or [str(row["section"])]),
        place=section_label(str(row["section"])),
        statement=Bilingual.of(claim["statement"]),
        shape=str(row["shape"]).replace("_", " "),
        testability=str(claim.get("testability", "")).replace("_", " "),
        verdict=str(row["verdict"]),
        reason=minus(str(row["reason"] or "")),
        reason_code=str(row["reason_code"] or "").replace("_", " "),
        model=link,
        quantity=str(row["quantity"] or ""),
        n_obs=count(_number(row["n_obs"])),
        n_firms=count(_number(row["n_firms"])),
        estimate=minus(real(_number(row["estimate"]))),
        interval=minus(interval(_number(row["conf_low"]), _number(row["conf_high"]))),
        p_value=probability(_number(row["p_value"])),
        p_adjusted=probability(adjusted),
        q_value=probability(_number(row["q_bh"])),
        detectable=real(_number(row["mde"])),
        family=str(row["family"] or "").replace(" x ", " \u00d7 "),
        trust=trust,
        flags=tuple(
            (name.replace("_", " "), words)
            for name, words in FLAG_WORDS.items()
            if _true(row.get(name)) or _true(claim.get(name))
        ),
        note=str(claim.get("note") or ""),
        rivals=tuple(claim.get("rivals") or ()),
        sort_p=NO_ADJUSTED_P if adjusted is None else adjusted,
    )


def _number(value: Any) -> float | None:
    """A finite number, or None for an empty cell, a text or a number that is not finite."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _true(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "1", "yes")


def verdict_counts(rows: Sequence[ClaimRow]) -> tuple[tuple[str, int], ...]:
    """Number of claims with each verdict, in the order of the verdicts."""
    return tuple((word, sum(row.verdict == word for row in rows)) for word in VERDICTS)


def overview(rows: Sequence[ClaimRow]) -> tuple[Section, ...]:
    """Claims by paper and by their place in it, places in order."""
    papers = list(dict.fromkeys(row.paper for row in sorted(rows, key=lambda row: row.id)))
    sections = []
    for paper in papers:
        own = [row for row in rows if row.paper == paper]
        places = sorted({row.place for row in own}, key=lambda p: (not p[:1].isdigit(), p))
        grouped = tuple((p, tuple(row for row in own if row.place == p)) for p in places)
        sections.append(Section(PAPERS.get(paper, paper), grouped))
    return tuple(sections)


def families_grid(rows: Sequence[ClaimRow]) -> Grid:
    """Families of joint tests: how many claims each holds and how they came out."""
    tested = [row for row in rows if row.family]
    names = sorted({row.family for row in tested})
    body = []
    for name in names:
        own = [row for row in tested if row.family == name]
        counts = [sum(row.verdict == word for row in own) for word in VERDICTS]
        ids = ", ".join(row.id for row in own)
        body.append((name, str(len(own)), *(str(n) for n in counts), ids))
    return Grid(
        title="Families of joint tests",
        heads=("Family", "Claims", *(VERDICT_WORDS[word].capitalize() for word in VERDICTS), "Ids"),
        rows=tuple(body),
        numeric=frozenset({1, 2, 3, 4, 5}),
        note="Romano-Wolf and Benjamini-Hochberg adjust within a family: section of the paper by "
        "class of outcome; claims that share a test family stand together.",
    )
