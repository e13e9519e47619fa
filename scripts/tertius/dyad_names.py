"""Names of frames of dyads and of their columns; read without any table library."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

FIRM_YEARS = "firm_years"
"""The frame of a model that reads the panel."""
FRAMES = ("formation", "choices", "network", "tie_years")
"""Frames of dyads: deals and sampled dyads without one; choice sets; every dyad of each year's
network; ties at risk of ending."""
OUTCOMES = {
    "formation": ("event",),
    "choices": ("event",),
    "network": ("tie",),
    "tie_years": ("ended", "cause", "terminated"),
}
HISTORY = (
    "current_partner",
    "past_partner",
    "prior_tie",
    "common_partners",
    "distance_km",
    "tech_proximity",
    "complementarity",
)
OWN = {
    "network": ("triangles", "gwesp", "gwdegree", "two_paths"),
    "tie_years": ("duration", "late_entry", "equity", "formal", "repeated"),
}
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "distance_km": ("organisations.lat", "organisations.lon"),
    "tech_proximity": ("holders", "patent_classes"),
    "complementarity": ("holders", "patent_classes"),
}
"""What a term of `HISTORY` is made of, beside the ties."""
KEYS = ("a", "b", "ego", "alter", "stratum", "rate")
"""Columns that options of estimators on dyads may name."""
SUM, GAP, SAME = "__sum", "__gap", "same_"
EGO, ALTER = "__ego", "__alter"
"""Suffixes of a variable of the chooser and of an alternative, in choice sets alone."""


def member_variable(name: str, frame: str = "choices") -> str | None:
    """The panel variable of the members that a name stands for.

    >>> member_variable("deg__gap"), member_variable("common_partners")
    ('deg', None)
    >>> member_variable("turb__ego"), member_variable("turb__ego", "formation")
    ('turb', None)
    """
    for suffix in (SUM, GAP, *((EGO, ALTER) if frame == "choices" else ())):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return None


def shared_attribute(name: str) -> str | None:
    """The organisation's attribute whose equality a name stands for.

    >>> shared_attribute("same_city"), shared_attribute("city")
    ('city', None)
    """
    return name.removeprefix(SAME) if name.startswith(SAME) else None


def is_known(
    name: str, frame: str, variables: Collection[str], attributes: Collection[str]
) -> bool:
    """Whether a model on a frame of dyads may use a name.

    Args:
        name: an outcome or a variable of a term. frame: of `FRAMES`.
        variables: of the codebook. attributes: of organisations.
    """
    if name in (*HISTORY, *OUTCOMES.get(frame, ()), *OWN.get(frame, ())):
        return True
    return member_variable(name, frame) in variables or shared_attribute(name) in attributes


def needed_inputs(names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Panel variables and attributes that a list of names is made of, sorted."""
    listed = list(names)
    variables = {v for name in listed if (v := member_variable(name))}
    attributes = {a for name in listed if (a := shared_attribute(name))}
    return tuple(sorted(variables)), tuple(sorted(attributes))


def needed_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Tables and columns, beside ties and panel, that a list of names is made of, sorted.

    >>> needed_columns(["tech_proximity", "same_city", "prior_tie"])
    ('holders', 'organisations.city', 'patent_classes')
    """
    listed = list(names)
    own = {column for name in listed for column in COLUMNS.get(name, ())}
    return tuple(sorted(own | {f"organisations.{a}" for a in needed_inputs(listed)[1]}))
