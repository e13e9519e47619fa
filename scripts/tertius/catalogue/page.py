"""The list of estimators as Markdown, for the documentation."""

from __future__ import annotations

from types import ModuleType

from tertius.catalogue import FAMILIES
from tertius.catalogue.estimator import KINDS, Estimator, Option
from tertius.generated import renewed_between

BEGIN, END = "<!-- estimators -->", "<!-- /estimators -->"


def estimator_list() -> str:
    """Every entry of the catalogue under the title of its family."""
    return "\n".join(_family(family) for family in FAMILIES if family.ENTRIES)


def renewed(page: str) -> str:
    """A page with the list between its two markers renewed.

    Raises:
        ValueError: the page lacks a marker.
    """
    return renewed_between(page, BEGIN, END, f"\n\n{estimator_list()}\n")


def _family(family: ModuleType) -> str:
    title = (family.__doc__ or family.__name__).strip().splitlines()[0].rstrip(".")
    return f"### {title}\n\n" + "\n".join(_entry(entry) for entry in family.ENTRIES)


def _entry(entry: Estimator) -> str:
    """One estimator: what it is, its scale, its source, its options."""
    scale = {"identity": "units of the outcome", "log": "log of the expected outcome"}
    facts = [f"Coefficients: {scale.get(entry.link, 'log odds')}.", f"Source: {entry.source}."]
    if entry.firm_effects != "allowed":
        facts.append(f"Firm effects are {entry.firm_effects}.")
    note = f" {entry.note[0].upper()}{entry.note[1:]}." if entry.note else ""
    lines = [f"**`{entry.name}`** {entry.label}.{note} {' '.join(facts)}", ""]
    lines += [_option(option) for option in entry.options]
    return "\n".join(lines) + ("\n" if entry.options else "")


def _option(option: Option) -> str:
    kind = ", ".join(option.choices) if option.choices else KINDS[option.kind]
    need = "required" if option.required else f"default {_plain(option.unset)}"
    return f"- `{option.key}` ({kind}; {need}): {option.help}"


def _plain(value: object) -> str:
    """A default as it is written in a specification."""
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(str(item) for item in value) + "]"
    return str(value)
