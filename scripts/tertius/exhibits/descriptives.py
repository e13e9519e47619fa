"""Descriptive statistics and correlations of the variables of a model, on its own sample."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from tertius.exhibits.labels import STATUS_WORDS, Labels
from tertius.exhibits.style import count, fixed, real
from tertius.exhibits.table import Cell, Row, Table, decimal_cell

Floats = npt.NDArray[np.float64]
HEADS = ("Defined", "Undefined", "Mean", "SD", "SD within", "Min", "Median", "Max")


def sample_rows(panel: pl.DataFrame, sample: pl.DataFrame) -> pl.DataFrame:
    """Panel rows of an estimation sample, sorted by organisation and year.

    Raises:
        ValueError: the panel lacks a row of the sample.
    """
    rows = panel.join(sample, on=["org_id", "year"], how="semi").sort("org_id", "year")
    if rows.height != sample.height:
        raise ValueError(f"the panel holds {rows.height} of the sample's {sample.height} rows")
    return rows


def defined_values(rows: pl.DataFrame, code: str) -> Floats:
    """(n,) values of a variable, NaN where its status is not ok or it is null."""
    values = rows[code].cast(pl.Float64).fill_null(math.nan).to_numpy().copy()
    if f"{code}_status" in rows.columns:
        values[(rows[f"{code}_status"] != "ok").to_numpy()] = math.nan
    return np.asarray(values, dtype=np.float64)


def sd_within(values: Floats, firms: npt.NDArray[np.int64]) -> float:
    """Standard deviation around firm means, divisor n - 1 (Stata's xtsum); NaN below two values."""
    ok = np.isfinite(values)
    if ok.sum() < 2:
        return math.nan
    x, firm = values[ok], firms[ok]
    sums, sizes = np.bincount(firm, weights=x), np.maximum(np.bincount(firm), 1)
    spread = x - (sums / sizes)[firm]
    return math.sqrt(float((spread**2).sum()) / (len(x) - 1))


def correlations(columns: Sequence[Floats]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Pairwise Pearson correlations (k, k) over rows where both are defined, and their numbers.

    NaN where fewer than three rows are defined or one side does not vary.
    """
    size = len(columns)
    matrix, numbers = np.full((size, size), math.nan), np.zeros((size, size), dtype=np.int64)
    for i in range(size):
        for j in range(i + 1):
            both = np.isfinite(columns[i]) & np.isfinite(columns[j])
            numbers[i, j] = numbers[j, i] = both.sum()
            x, y = columns[i][both], columns[j][both]
            if len(x) >= 3 and np.ptp(x) > 0 and np.ptp(y) > 0:
                x, y = x - x.mean(), y - y.mean()
                # plain sums: a matrix product differs in its last bits with the number of threads
                r = float((x * y).sum()) / math.sqrt(float((x**2).sum()) * float((y**2).sum()))
                matrix[i, j] = matrix[j, i] = r
    return matrix, numbers


def descriptives_table(
    identity: tuple[str, str, str],
    rows: pl.DataFrame,
    codes: Sequence[str],
    labels: Labels,
    sample_name: str,
) -> Table:
    """Number defined, mean, sd, sd within firms, extremes and median of each variable.

    Args:
        identity: id, English title, Chinese title.
        rows: panel rows of the sample, sorted by organisation and year.
        codes: panel columns, in order.
        labels: names of the variables.
        sample_name: model whose sample this is.
    """
    firms = rows["org_id"].rle_id().to_numpy().astype(np.int64)
    body = []
    for number, code in enumerate(codes, 1):
        values = defined_values(rows, code)
        body.append(Row(f"{number}. {labels.variable(code)}", _statistics(values, firms)))
    return Table(
        *identity,
        stub="Variable",
        heads=(HEADS,),
        rows=tuple(body),
        notes=_notes(rows, codes, labels, sample_name),
    )


def _statistics(values: Floats, firms: npt.NDArray[np.int64]) -> tuple[Cell, ...]:
    ok = values[np.isfinite(values)]
    counts = [float(len(ok)), float(len(values) - len(ok))]
    cells = [decimal_cell(n, count(n)) for n in counts]
    if len(ok) == 0:
        return (*cells, *(Cell("\u2013") for _ in HEADS[2:]))
    sd = float(ok.std(ddof=1)) if len(ok) > 1 else math.nan
    median = float(np.median(ok))
    numbers = (ok.mean(), sd, sd_within(values, firms), ok.min(), median, ok.max())
    return (*cells, *(decimal_cell(float(x), real(float(x))) for x in numbers))


def correlation_table(
    identity: tuple[str, str, str],
    rows: pl.DataFrame,
    codes: Sequence[str],
    labels: Labels,
    sample_name: str,
) -> Table:
    """Lower triangle of pairwise correlations; arguments as in `descriptives_table`."""
    matrix, numbers = correlations([defined_values(rows, code) for code in codes])
    body = []
    for i, code in enumerate(codes):
        cells = [decimal_cell(float(r), fixed(float(r), 2)) for r in matrix[i, : i + 1]]
        blanks = [Cell() for _ in codes[i + 1 :]]
        body.append(Row(f"{i + 1}. {labels.variable(code)}", (*cells, *blanks)))
    pairs = numbers[np.tril_indices(len(codes))]
    spread = f"between {count(pairs.min())} and {count(pairs.max())}" if len(pairs) else "0"
    return Table(
        *identity,
        stub="Variable",
        heads=(tuple(f"({number})" for number in range(1, len(codes) + 1)),),
        rows=tuple(body),
        notes=(
            f"Pearson correlations on the sample of model {sample_name}, each over the rows "
            f"where both variables are defined ({spread} rows).",
        ),
    )


def status_counts(rows: pl.DataFrame, codes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Rows by status of each variable; a variable without a status column is ok where not null."""
    counted: dict[str, dict[str, int]] = {}
    for code in codes:
        name = f"{code}_status"
        if name in rows.columns:
            table = rows.group_by(name).len().sort(name)
            counted[code] = {str(s): int(n) for s, n in table.iter_rows()}
        else:
            missing = rows[code].null_count()
            counted[code] = {"ok": rows.height - missing, "missing_input": missing}
    return counted


def _notes(
    rows: pl.DataFrame, codes: Sequence[str], labels: Labels, sample_name: str
) -> tuple[str, ...]:
    firms, total, unit = rows["org_id"].n_unique(), rows.height, labels.unit
    notes = [
        f"Sample of model {sample_name}: {count(total)} {unit}-years of {count(firms)} {unit}s. "
        "Raw values before winsorising; statistics over defined values only. SD within: around "
        f"{unit} means."
    ]
    reasons = []
    for code, counted in status_counts(rows, codes).items():
        why = [
            f"{STATUS_WORDS.get(s, s)} {count(n)}" for s, n in counted.items() if s != "ok" and n
        ]
        if why:
            reasons.append(f"{labels.variable(code)}: {', '.join(why)}")
    if reasons:
        notes.append("Undefined values, never read as zero: " + "; ".join(reasons) + ".")
    proxies = labels.proxies_among(codes)
    if proxies:
        named = "; ".join(labels.variable(code) for code in proxies)
        notes.append(f"Proxies of this project, without a canonical source: {named}.")
    return tuple(notes)
