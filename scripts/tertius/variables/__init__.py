"""Variables: from records, ties and measures to one column a construct, with a status a value."""

from tertius.variables.derive import derive, range_problems, resolve, status_ledger
from tertius.variables.inputs import Inputs, NetworkFacts, VariableSpec
from tertius.variables.records import record_ledger

__all__ = [
    "Inputs",
    "NetworkFacts",
    "VariableSpec",
    "derive",
    "range_problems",
    "record_ledger",
    "resolve",
    "status_ledger",
]
