"""The typed tables: one schema each, through which every read and write goes.

The tables follow one long, relational layout (a patent, its applicants, its classes, ...), so that
every source becomes the same thing. A study may lack whole tables; a table never lacks a required
column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import cast

import pandera.polars as pa
import polars as pl

from tertius.problems import InputError, Problem, Problems, did_you_mean

ORGANISATION_TYPES = (
    "firm",
    "university",
    "institute",
    "government",
    "hospital",
    "finance",
    "intermediary",
    "startup",
    "user",
    "person",
    "other",
)
PATENT_KINDS = ("invention", "utility", "design")
FUNCTIONS = ("RD", "license", "manufacture", "marketing", "supply", "standard", "other")
POLICY_LEVELS = ("national", "provincial", "city")
POLICY_KINDS = ("industry", "regional", "pilot", "ip", "data", "finance", "embargo")
STATUSES = (
    "ok",
    "undefined_isolate",
    "undefined_single",
    "undefined_component",
    "undefined_nopat",
    "zero_denominator",
    "truncated",
    "missing_input",
)
FIRST_YEAR, LAST_YEAR = 1700, 2100
ACCOUNT_ITEMS = (
    "cash",
    "short_term",
    "fixed_assets",
    "market_value",
    "operating_cost",
    "admin_expense",
    "wages",
    "subsidies",
    "overseas_sales",
    "new_product_sales",
    "technical_staff",
    "top1",
    "institutional",
    "board_size",
    "board_independent",
    "supplier_top5",
    "customer_top5",
    "digital_words",
    "alliance_unit",
)
"""Optional items of the accounts: money, heads, shares in [0, 1], counts, and one 0/1 flag.

top1, institutional, board_independent, supplier_top5 and customer_top5 are shares; alliance_unit is
1 where the firm has a unit for its alliances.
"""
EVENT_KINDS = ("licence", "transfer", "renewal", "standard", "pledge")
STANDARD_KINDS = ("sep", "national", "seat")
CASE_OUTCOMES = ("won", "lost", "settled", "open")
SHOCK_KINDS = ("death", "merger", "entity_list", "sanction", "disaster", "other")
INDUSTRY_GROUPS = ("information_technology", "high_technology", "traditional")


@dataclass(frozen=True)
class Column:
    """One column of a typed table: its type, whether it may be empty, the values it may take.

    `organisation` marks ids of organisations, in whose place the raw records have names.
    """

    dtype: pl.DataType
    required: bool = False
    allowed: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    organisation: bool = False


@dataclass(frozen=True)
class TableSchema:
    """One typed table: its key (rows are unique and sorted by it) and its columns."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, Column] = field(default_factory=dict)

    def empty(self) -> pl.DataFrame:
        """The table with no rows."""
        return pl.DataFrame(schema={name: column.dtype for name, column in self.columns.items()})


def _text(required: bool = False, allowed: tuple[str, ...] = ()) -> Column:
    return Column(pl.String(), required, allowed)


def _organisation(required: bool = False) -> Column:
    return Column(pl.String(), required, organisation=True)


def _real(required: bool = False, lowest: float | None = None) -> Column:
    return Column(pl.Float64(), required, (), lowest)


def _year(required: bool = False) -> Column:
    return Column(pl.Int32(), required, (), FIRST_YEAR, LAST_YEAR)


def _date(required: bool = False) -> Column:
    return Column(pl.Date(), required)


def _count(required: bool = False) -> Column:
    return Column(pl.Int32(), required, (), 0)


def _flag(required: bool = False) -> Column:
    return Column(pl.Boolean(), required)


def _reals(names: tuple[str, ...]) -> dict[str, Column]:
    return {name: _real() for name in names}


def _schema(name: str, key: tuple[str, ...], /, **columns: Column) -> TableSchema:
    return TableSchema(name, key, MappingProxyType(columns))


SCHEMAS: Mapping[str, TableSchema] = MappingProxyType(
    {
        schema.name: schema
        for schema in (
            _schema(
                "patents",
                ("pid",),
                pid=_text(True),
                family_id=_text(),
                prio_date=_date(),
                app_date=_date(),
                pub_date=_date(),
                grant_date=_date(),
                office=_text(),
                kind=_text(False, PATENT_KINDS),
                n_claims=_count(),
                cited_total=_count(),
                status_date=_date(),
                lapse_date=_date(),
                year=_year(True),
            ),
            _schema(
                "patent_applicants",
                ("pid", "org_id"),
                pid=_text(True),
                org_id=_organisation(True),
                seq=_count(True),
                share=_real(True, 0.0),
            ),
            _schema(
                "patent_inventors",
                ("pid", "inv_id"),
                pid=_text(True),
                inv_id=_text(True),
                seq=_count(True),
                org_id=_organisation(),
                region=_text(),
                country=_text(),
            ),
            _schema(
                "patent_classes",
                ("pid", "scheme", "code"),
                pid=_text(True),
                scheme=_text(True, ("IPC", "CPC")),
                code=_text(True),
                is_first=_flag(True),
            ),
            _schema(
                "citations",
                ("citing_pid", "cited_pid"),
                citing_pid=_text(True),
                cited_pid=_text(True),
                npl_text=_text(),
                cat=_text(False, ("applicant", "examiner")),
                date=_date(True),
            ),
            _schema(
                "alliances",
                ("aid",),
                aid=_text(True),
                start_date=_date(True),
                end_date=_date(),
                end_known=_flag(True),
                form=_text(),
                equity_flag=_flag(),
                jv_flag=_flag(),
                contract_flags=_text(),
                source=_text(),
            ),
            _schema(
                "alliance_scopes",
                ("aid", "function"),
                aid=_text(True),
                function=_text(True, FUNCTIONS),
            ),
            _schema(
                "alliance_parties",
                ("aid", "org_id"),
                aid=_text(True),
                org_id=_organisation(True),
                role=_text(),
                amount=_real(),
            ),
            _schema(
                "organisations",
                ("org_id",),
                org_id=_organisation(True),
                name=_text(),
                type=_text(True, ORGANISATION_TYPES),
                ind4=_text(),
                ownership=_text(),
                country=_text(),
                province=_text(),
                city=_text(),
                lat=_real(),
                lon=_real(),
                birth_year=_year(),
                death_year=_year(),
                parent_id=_organisation(),
                parent_from=_year(),
                parent_to=_year(),
            ),
            _schema(
                "firm_years",
                ("org_id", "year"),
                org_id=_organisation(True),
                year=_year(True),
                assets=_real(False, 0.0),
                debt=_real(),
                sales=_real(False, 0.0),
                rd=_real(False, 0.0),
                employees=_real(False, 0.0),
                net_income=_real(),
                **_reals(ACCOUNT_ITEMS),
                patents_reported=_real(False, 0.0),
            ),
            _schema(
                "industry_years",
                ("ind4", "year"),
                ind4=_text(True),
                year=_year(True),
                sales=_real(True, 0.0),
            ),
            _schema(
                "region_years",
                ("region", "year"),
                region=_text(True),
                year=_year(True),
                inst=_real(),
                digital=_real(),
            ),
            _schema(
                "policies",
                ("policy_id",),
                policy_id=_text(True),
                level=_text(True, POLICY_LEVELS),
                kind=_text(True, POLICY_KINDS),
                target_ind=_text(),
                target_region=_text(),
                target_org=_organisation(),
                announce=_date(),
                effective=_date(True),
                end=_date(),
                intensity=_real(),
            ),
            _schema(
                "npl_citations",
                ("citing_pid", "npl_id"),
                citing_pid=_text(True),
                npl_id=_text(True),
                date=_date(True),
            ),
            _schema(
                "patent_events",
                ("pid", "kind", "date"),
                pid=_text(True),
                kind=_text(True, EVENT_KINDS),
                date=_date(True),
            ),
            _schema(
                "trademarks",
                ("tm_id", "org_id"),
                tm_id=_text(True),
                org_id=_organisation(True),
                date=_date(True),
                goods_class=_text(),
            ),
            _schema(
                "products",
                ("product_id", "org_id"),
                product_id=_text(True),
                org_id=_organisation(True),
                launch=_date(True),
                first_ip=_date(),
                segment=_text(),
                homogeneous=_flag(),
            ),
            _schema(
                "sales_ties",
                ("org_id", "partner_id", "year"),
                org_id=_organisation(True),
                partner_id=_organisation(True),
                year=_year(True),
                amount=_real(False, 0.0),
            ),
            _schema(
                "standards",
                ("std_id", "org_id", "kind"),
                std_id=_text(True),
                org_id=_organisation(True),
                kind=_text(True, STANDARD_KINDS),
                date=_date(True),
            ),
            _schema(
                "litigation",
                ("case_id", "org_id"),
                case_id=_text(True),
                org_id=_organisation(True),
                filed=_date(True),
                decided=_date(),
                country=_text(),
                outcome=_text(False, CASE_OUTCOMES),
            ),
            _schema(
                "sanctions",
                ("org_id", "listed"),
                org_id=_organisation(True),
                listed=_date(True),
                delisted=_date(),
                source=_text(),
            ),
            _schema(
                "customs",
                ("org_id", "year", "product"),
                org_id=_organisation(True),
                year=_year(True),
                product=_text(True),
                exports=_real(True, 0.0),
                imported_inputs=_real(False, 0.0),
                upstreamness=_real(False, 0.0),
                homogeneous=_flag(),
                labour_intensive=_flag(),
            ),
            _schema(
                "shocks",
                ("org_id", "date", "kind"),
                org_id=_organisation(True),
                date=_date(True),
                kind=_text(True, SHOCK_KINDS),
            ),
            _schema(
                "choke_classes",
                ("code",),
                code=_text(True),
                since=_date(True),
            ),
            _schema(
                "technology_fields",
                ("field", "code"),
                field=_text(True),
                code=_text(True),
            ),
            _schema(
                "industry_groups",
                ("ind4", "group"),
                ind4=_text(True),
                group=_text(True, INDUSTRY_GROUPS),
            ),
            _schema(
                "industry_links",
                ("supplier", "buyer"),
                supplier=_text(True),
                buyer=_text(True),
                coefficient=_real(True, 0.0),
            ),
            _schema(
                "cultures",
                ("country", "dimension"),
                country=_text(True),
                dimension=_text(True),
                value=_real(True),
            ),
            _schema(
                "multilateral_countries",
                ("country", "since"),
                country=_text(True),
                since=_date(True),
                until=_date(),
            ),
            _schema(
                "survey_firm",
                ("org_id", "wave", "item_id"),
                org_id=_organisation(True),
                wave=_date(True),
                item_id=_text(True),
                value=_real(),
                weight=_real(False, 0.0),
            ),
            _schema(
                "survey_key",
                ("item_id",),
                item_id=_text(True),
                scale=_text(True),
                dimension=_text(),
                reverse=_flag(True),
                lowest=_real(),
                highest=_real(),
            ),
        )
    }
)
"""Every typed table of a study, by name."""


def organisation_columns(name: str) -> tuple[str, ...]:
    """The columns of a typed table that hold ids of organisations."""
    return tuple(k for k, column in SCHEMAS[name].columns.items() if column.organisation)


def validate(table: pl.DataFrame, name: str, origin: str) -> pl.DataFrame:
    """The table with all columns of its schema, in order, of its types, sorted by its key.

    Optional columns that are absent come in as empty ones.

    Args:
        table: the rows.
        name: a key of `SCHEMAS`.
        origin: the file or source to name in messages.

    Raises:
        InputError: every missing or unknown column, wrong type, empty required cell, unknown code,
            value out of range and repeated key, each with the row (counted from 1).
    """
    schema = SCHEMAS[name]
    problems = Problems(list(_column_problems(table, schema, origin)))
    problems.raise_if_any()
    absent = [
        pl.lit(None, dtype=column.dtype).alias(label)
        for label, column in schema.columns.items()
        if label not in table.columns
    ]
    full = table.with_columns(absent).select(schema.columns.keys())
    try:
        typed = full.cast({label: column.dtype for label, column in schema.columns.items()})
    except pl.exceptions.PolarsError as error:
        raise InputError([Problem(f"{origin} [{name}]", str(error).splitlines()[0])]) from error
    problems.extend(_cell_problems(typed, schema, origin))
    problems.extend(_key_problems(typed, schema, origin))
    problems.raise_if_any()
    return typed.sort(schema.key)


def _column_problems(table: pl.DataFrame, schema: TableSchema, origin: str) -> list[Problem]:
    where = f"{origin} [{schema.name}]"
    missing = [
        Problem(where, f"column {label!r} is missing", did_you_mean(label, table.columns))
        for label, column in schema.columns.items()
        if column.required and label not in table.columns
    ]
    unknown = [
        Problem(where, f"column {label!r} is not known", did_you_mean(label, schema.columns))
        for label in table.columns
        if label not in schema.columns
    ]
    return missing + unknown


def _pandera(schema: TableSchema) -> pa.DataFrameSchema:
    columns: dict[str, pa.Column] = {}
    for label, column in schema.columns.items():
        checks: list[pa.Check] = []
        if column.allowed:
            checks.append(pa.Check.isin(list(column.allowed)))
        if column.lowest is not None:
            checks.append(pa.Check.ge(column.lowest))
        if column.highest is not None:
            checks.append(pa.Check.le(column.highest))
        columns[label] = pa.Column(column.dtype, checks, nullable=not column.required)
    return pa.DataFrameSchema(columns, strict=True)


def _cell_problems(table: pl.DataFrame, schema: TableSchema, origin: str) -> list[Problem]:
    try:
        _pandera(schema).validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        return [_cell_problem(case, schema, origin) for case in _cases(error)]
    return []


def _cases(error: pa.errors.SchemaErrors) -> list[dict[str, object]]:
    cases = cast("pl.DataFrame", error.failure_cases)
    return cases.sort("column", "index").to_dicts()


def _cell_problem(case: dict[str, object], schema: TableSchema, origin: str) -> Problem:
    label = str(case["column"])
    column = schema.columns.get(label)
    index = case["index"]
    row = f", row {int(str(index)) + 1}" if index is not None else ""
    where = f"{origin} [{schema.name}.{label}{row}]"
    value = case["failure_case"]
    if column is None:
        return Problem(where, f"{case['check']}: {value}")
    if value in (None, "null"):
        return Problem(where, "the cell is empty", "fill it, or leave the row out")
    if column.allowed:
        return Problem(
            where, f"{value!r} is not a known code", did_you_mean(str(value), column.allowed)
        )
    low = "-inf" if column.lowest is None else f"{column.lowest:g}"
    high = "inf" if column.highest is None else f"{column.highest:g}"
    return Problem(where, f"{value} is outside [{low}, {high}]", "correct the value")


def _key_problems(table: pl.DataFrame, schema: TableSchema, origin: str) -> list[Problem]:
    repeated = (
        table.select(schema.key)
        .filter(pl.struct(schema.key).is_duplicated())
        .unique()
        .sort(schema.key)
    )
    return [
        Problem(
            f"{origin} [{schema.name}]",
            "the key ("
            + ", ".join(f"{k}={v}" for k, v in row.items())
            + ") stands in several rows",
            "keep one row a key",
        )
        for row in repeated.head(50).to_dicts()
    ]


def write_table(table: pl.DataFrame, name: str, path: Path, origin: str = "") -> None:
    """Check the table against its schema and write it as Parquet, sorted by key."""
    write_parquet(validate(table, name, origin or path.name), path)


def read_table(path: Path, name: str) -> pl.DataFrame:
    """Read a typed table and check it against its schema.

    Raises:
        InputError: when the file does not hold the table any more.
    """
    return validate(pl.read_parquet(path), name, str(path))


def read_tables(folder: Path) -> dict[str, pl.DataFrame]:
    """Every typed table of a folder, by name; those that a study lacks are absent."""
    return {
        name: read_table(folder / f"{name}.parquet", name)
        for name in SCHEMAS
        if (folder / f"{name}.parquet").exists()
    }


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame so that equal content gives equal bytes, and never leave half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    frame.write_parquet(partial, compression="zstd", statistics=False)
    partial.replace(path)
