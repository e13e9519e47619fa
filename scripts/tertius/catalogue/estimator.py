"""What an estimator declares of itself: name, link, options; read without any numerical library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tertius.problems import Problems, did_you_mean
from tertius.terms import TermError, canonical_term

LINKS = ("identity", "log", "logit")
KINDS = {
    "terms": "a list of terms",
    "variable": "a variable of the codebook",
    "column": "a column of the panel",
    "number": "a number",
    "integer": "a whole number",
    "integers": "a list of whole numbers",
    "choice": "one of the listed words",
    "flag": "true or false",
    "year": "a year",
}


@dataclass(frozen=True)
class Option:
    """One setting of an estimator.

    `kind` is a key of `KINDS`. ``terms`` and ``variable`` and ``column`` name columns of the panel,
    which the design provides under the option's key; the others are plain values. `low` and `high`
    bound numbers, inclusive. An option without default and not `required` is None, or no term.
    """

    key: str
    kind: str
    help: str
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def unset(self) -> Any:
        """Value of an option that the model does not write."""
        return () if self.default is None and self.kind in ("terms", "integers") else self.default


@dataclass(frozen=True)
class Estimator:
    """An entry of the registry of estimators.

    `link` says on which scale coefficients act: ``identity``, ``log`` (of the expected outcome) or
    ``logit`` (of the odds). `function` is ``module.function`` under `tertius.estimate`, taking a
    `Design` and giving an `Estimate`; it is imported when first called. `note` is what a reader
    must know before he trusts the numbers. `keeps_missing_outcome` leaves rows whose outcome is
    not ok in the design, with y NaN (selection models). Without `needs_terms` a model may have no
    term (its quantities come from the options). `firm_effects` is ``allowed``, ``required`` or
    ``refused``: where refused, the default effects of a model are those without the firm's.
    `gives` are coefficients beside those of the model's own terms.
    """

    name: str
    label: str
    link: str
    function: str
    source: str
    options: tuple[Option, ...] = ()
    note: str = ""
    keeps_missing_outcome: bool = False
    needs_terms: bool = True
    firm_effects: str = "allowed"
    gives: tuple[str, ...] = ()

    def keys_of(self, *kinds: str) -> tuple[str, ...]:
        """Keys of the options of some kinds, in their order."""
        return tuple(option.key for option in self.options if option.kind in kinds)

    def resolve_options(
        self, raw: Mapping[str, Any], place: str, problems: Problems
    ) -> dict[str, Any]:
        """Options with every default written out, in the order of the declaration.

        Args:
            raw: what a model writes under ``options:``.
            place: of the options in the configuration, named in problems.
            problems: collects unknown keys, missing ones and values out of range.
        """
        known = [option.key for option in self.options]
        for key in sorted(set(raw) - set(known)):
            fix = did_you_mean(key, known) or f"{self.name} has no options"
            problems.add(f"{place}.{key}", f"{self.name} has no such option", fix)
        values: dict[str, Any] = {}
        for option in self.options:
            where, value = f"{place}.{option.key}", raw.get(option.key)
            if value is None or value in ([], ()):
                values[option.key] = option.unset
                if option.required:
                    problems.add(where, f"{self.name} needs it", f"give {option.help}")
                continue
            values[option.key] = _typed(option, value, where, problems)
        return values


def _typed(option: Option, value: Any, where: str, problems: Problems) -> Any:
    """One written value in its type; a problem where it has another one."""
    if option.kind == "terms":
        return _terms(value, where, problems)
    kind, wanted = option.kind, f"give {KINDS[option.kind]}: {option.help}"
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind == "choice":
        if value not in option.choices:
            fix = did_you_mean(str(value), option.choices)
            problems.add(where, f"unknown value {value!r}", fix)
        return value
    if kind == "integers":
        if not isinstance(value, (list, tuple)) or not all(type(v) is int for v in value):
            problems.add(where, f"is {value!r}", wanted)
            return ()
        for v in value:
            _check_range(option, float(v), where, problems)
        return tuple(value)
    fits = {
        "flag": isinstance(value, bool),
        "number": whole or isinstance(value, float),
        "integer": whole,
        "year": whole,
        "variable": isinstance(value, str),
        "column": isinstance(value, str),
    }[kind]
    if not fits:
        problems.add(where, f"is {value!r}", wanted)
        return option.unset
    if kind in ("number", "integer", "year"):
        _check_range(option, float(value), where, problems)
    return float(value) if kind == "number" else value


def _check_range(option: Option, value: float, where: str, problems: Problems) -> None:
    """The value lies between the bounds of its option."""
    low = -float("inf") if option.low is None else option.low
    high = float("inf") if option.high is None else option.high
    if not low <= value <= high:
        problems.add(where, f"{value:g} is outside [{low:g}, {high:g}]", f"give {option.help}")


def _terms(value: Any, where: str, problems: Problems) -> tuple[str, ...]:
    """Canonical labels of a list of terms, each once."""
    listed = [value] if isinstance(value, str) else list(value)
    labels: list[str] = []
    for text in listed:
        try:
            labels.append(canonical_term(str(text)))
        except TermError as error:
            problems.add(where, str(error))
    return tuple(dict.fromkeys(labels))


__all__ = ["KINDS", "LINKS", "Estimator", "Option"]
