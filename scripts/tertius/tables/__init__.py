"""The typed tables: one schema each, through which every read and write goes.

The tables follow one long, relational layout (a patent, its applicants, its classes, ...), so that
every source becomes the same thing. A study may lack whole tables; a table never lacks a required
column.
"""

from tertius.tables.checks import validate
from tertius.tables.schemas import (
    ACCOUNT_ITEMS,
    CASE_OUTCOMES,
    EVENT_KINDS,
    FIRST_YEAR,
    FUNCTIONS,
    INDUSTRY_GROUPS,
    LAST_YEAR,
    ORGANISATION_TYPES,
    PATENT_KINDS,
    POLICY_KINDS,
    POLICY_LEVELS,
    SCHEMAS,
    SHOCK_KINDS,
    STANDARD_KINDS,
    STATUSES,
    Column,
    TableSchema,
    organisation_columns,
)
from tertius.tables.store import (
    StoredTables,
    read_table,
    read_tables,
    write_csv_folder,
    write_parquet,
    write_table,
)

__all__ = [
    "ACCOUNT_ITEMS",
    "CASE_OUTCOMES",
    "EVENT_KINDS",
    "FIRST_YEAR",
    "FUNCTIONS",
    "INDUSTRY_GROUPS",
    "LAST_YEAR",
    "ORGANISATION_TYPES",
    "PATENT_KINDS",
    "POLICY_KINDS",
    "POLICY_LEVELS",
    "SCHEMAS",
    "SHOCK_KINDS",
    "STANDARD_KINDS",
    "STATUSES",
    "Column",
    "StoredTables",
    "TableSchema",
    "organisation_columns",
    "read_table",
    "read_tables",
    "validate",
    "write_csv_folder",
    "write_parquet",
    "write_table",
]
