"""The codebook of a panel: what every column holds, and how far the study could fill it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tertius.problems import InputError, Problem, did_you_mean
from tertius.tables import STATUSES

KEYS: Mapping[str, tuple[str, str, str]] = {
    "org_id": ("Organisation (or inventor, where that is the unit)", "组织（或发明人）", "id"),
    "year": ("Year t of the covariates", "年份", "year"),
    "in_sample": ("Row belongs to the analysis years and the study's frame", "属于分析样本", "0/1"),
    "ind4": ("Four-digit industry of the register", "四位行业代码", "code"),
    "ownership": ("Ownership of the register", "所有制", "word"),
    "country": ("Country of the register", "国家", "code"),
    "province": ("Province of the register", "省份", "name"),
    "city": ("City of the register", "城市", "name"),
    "region": ("City of the register, or its province", "地区", "name"),
    "type": ("Type of organisation", "组织类型", "word"),
}
"""Columns of a panel that are no variables: English label, Chinese label, unit."""

FIELDS = (
    "column",
    "variable",
    "role",
    "label_en",
    "label_zh",
    "unit",
    "lowest",
    "highest",
    "formula",
    "source",
    "mark",
    "proxy",
    "inputs",
    "undefined",
    "availability",
    *(f"n_{status}" for status in STATUSES),
)


def codebook_rows(
    panel: pl.DataFrame,
    codebook: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Mapping[str, Any]],
    absent: Mapping[str, Sequence[str]],
) -> pl.DataFrame:
    """One row for every column of a panel, in the panel's order.

    Args:
        panel: org_id, year, in_sample, every variable and its status.
        codebook: the entries of config/variables.yaml.
        declared: the study's own variants, name -> {of, network, params}.
        absent: variable -> inputs that it needs and the study does not have.

    Returns:
        A frame with the columns of `FIELDS`; counts of statuses are of panel rows.

    Raises:
        InputError: naming each panel column that no entry explains.
    """
    rows, unknown = [], []
    for column in panel.columns:
        row = _row(panel, column, codebook, declared, absent)
        if row is None:
            unknown.append(Problem(f"panel column {column!r}", "the codebook does not explain it"))
        else:
            rows.append(row)
    if unknown:
        raise InputError(unknown)
    return pl.DataFrame(rows, schema_overrides={"lowest": pl.Float64, "highest": pl.Float64})


def series_rows(codebook: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows in the same form for the columns of the whole networks' series, without counts."""
    return [
        _described(column, column, {**entry, "role": "whole network"}, {"en": "", "zh": ""})
        for column, entry in codebook.items()
    ]


def _row(
    panel: pl.DataFrame,
    column: str,
    codebook: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Mapping[str, Any]],
    absent: Mapping[str, Sequence[str]],
) -> dict[str, Any] | None:
    if column in KEYS:
        english, chinese, unit = KEYS[column]
        return _filled(column=column, role="key", label_en=english, label_zh=chinese, unit=unit)
    name = column.removesuffix("_status")
    stem, lead = _without_lead(name, codebook, declared)
    code = declared[stem]["of"] if stem in declared else stem.split("__")[0]
    if code not in codebook:
        return None
    entry = codebook[code]
    ahead = {"en": f" in t+{lead}", "zh": f"（t+{lead}）"} if lead else {"en": "", "zh": ""}
    row = _described(column, stem, entry, ahead)
    if column.endswith("_status"):
        return row | {"role": "status", "unit": "status", "lowest": None, "highest": None}
    return row | _filling(panel, column, absent.get(stem, ()))


def _without_lead(
    name: str, codebook: Mapping[str, Any], declared: Mapping[str, Any]
) -> tuple[str, int]:
    match = re.fullmatch(r"(.+)_t(\d+)", name)
    if match and name not in codebook and name not in declared:
        return match[1], int(match[2])
    return name, 0


def _filled(**values: Any) -> dict[str, Any]:
    return {field: values.get(field, 0 if field.startswith("n_") else None) for field in FIELDS}


def _described(
    column: str, stem: str, entry: Mapping[str, Any], ahead: Mapping[str, str]
) -> dict[str, Any]:
    return _filled(
        column=column,
        variable=stem,
        role=entry.get("role", "covariate"),
        label_en=entry["label"]["en"] + ahead["en"],
        label_zh=entry["label"]["zh"] + ahead["zh"],
        unit=entry["unit"],
        lowest=entry["range"][0],
        highest=entry["range"][1],
        formula=entry["formula"],
        source=entry["source"],
        mark=entry["mark"],
        proxy="proxy" if entry["mark"] == "P" else "",
        inputs=", ".join(entry.get("inputs", [])),
        undefined=entry["undefined"],
    )


def _filling(panel: pl.DataFrame, column: str, absent: Sequence[str]) -> dict[str, Any]:
    status = f"{column}_status"
    if status in panel.columns:
        counted = panel[status].value_counts()
        counts = {str(word): int(n) for word, n in counted.iter_rows()}
    else:
        empty = panel[column].null_count()
        counts = {"ok": panel.height - empty, "missing_input": empty}
    strange = set(counts) - set(STATUSES)
    if strange:
        fix = did_you_mean(sorted(strange)[0], STATUSES)
        raise InputError([Problem(f"panel column {status!r}", f"unknown {sorted(strange)}", fix)])
    lacking = counts.get("missing_input", 0) == panel.height
    missing = f"missing input: {', '.join(absent)}" if absent else "missing input"
    return {
        "availability": missing if lacking else "available",
        **{f"n_{word}": counts.get(word, 0) for word in STATUSES},
    }
