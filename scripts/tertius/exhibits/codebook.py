"""The codebook as a page: every panel column in English and Chinese, searchable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tertius.exhibits.labels import STATUS_WORDS
from tertius.exhibits.report import templates
from tertius.exhibits.style import count, real

TEXTS = ("column", "role", "label_en", "label_zh", "unit", "formula", "source", "mark", "proxy")


def render_codebook(rows: Sequence[Mapping[str, Any]], title: Mapping[str, str]) -> str:
    """The page of a codebook.

    Args:
        rows: one a panel column, with column, role, label_en, label_zh, unit, lowest, highest,
            formula, source, mark, proxy, inputs, undefined and the counts n_<status>.
        title: of the study, {en, zh}.
    """
    shown = [_row(row) for row in rows]
    roles = sorted({row["role"] for row in shown if row["role"]})
    template = templates().get_template("codebook.html.j2")
    return template.render(rows=shown, roles=roles, title={"en": "", "zh": "", **title})


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    texts = {key: str(row.get(key) or "") for key in (*TEXTS, "inputs", "undefined")}
    low, high = row.get("lowest"), row.get("highest")
    bounds = "" if low is None and high is None else f"{_end(low, '-')} to {_end(high, '')}"
    counts = [
        (words, count(row[f"n_{status}"]))
        for status, words in STATUS_WORDS.items()
        if row.get(f"n_{status}")
    ]
    return {**texts, "range": bounds, "counts": counts}


def _end(value: float | None, sign: str) -> str:
    if value is None:
        return ("\u2212" if sign else "") + "\u221e"
    text = real(value)
    return text.rstrip("0").rstrip(".").replace("-", "\u2212") if "." in text else text
