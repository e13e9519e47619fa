"""Who is who: names of organisations and inventors become stable, readable ids."""

from __future__ import annotations

from tertius.identity.clusters import LARGEST_CLUSTER
from tertius.identity.cut import cut_units
from tertius.identity.groups import ROLL_UPS, heads
from tertius.identity.kinds import TypeReader
from tertius.identity.match import match_names
from tertius.identity.names import Parsed, Reader
from tertius.identity.resolve import Identity, resolve
from tertius.identity.text import person_key, slug

__all__ = [
    "LARGEST_CLUSTER",
    "ROLL_UPS",
    "Identity",
    "Parsed",
    "Reader",
    "TypeReader",
    "cut_units",
    "heads",
    "match_names",
    "person_key",
    "resolve",
    "slug",
]
