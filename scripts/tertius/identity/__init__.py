"""Who is who: names of organisations and inventors become stable, readable ids."""

from __future__ import annotations

from tertius.identity.cut import cut_units
from tertius.identity.match import SCORE_CUT, match_names
from tertius.identity.names import guessed_type, organisation_key, person_key, slug
from tertius.identity.resolve import Identity, resolve

__all__ = [
    "SCORE_CUT",
    "Identity",
    "cut_units",
    "guessed_type",
    "match_names",
    "organisation_key",
    "person_key",
    "resolve",
    "slug",
]
