"""The grammar of terms: how a regressor is written, read and labelled.

A term is ``v``, ``log1p(v)``, ``asinh(v)``, a power ``v^2`` or ``log1p(v)^2``, or a product with
``:``, for example ``log1p(deg):sh`` or ``turb:tdiv^2``; ``v_l1`` is the value of the year before.
The canonical label of a term orders its factors by power and then by name, so that
``sh:log1p(deg)`` and ``log1p(deg):sh`` are one term.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tertius.problems import did_you_mean

TRANSFORMS = ("identity", "log1p", "asinh")
MAX_POWER = 3

_FACTOR = re.compile(
    r"^(?:(?P<transform>[a-z][a-z0-9]*)\((?P<inner>[A-Za-z_]\w*)\)|(?P<bare>[A-Za-z_]\w*))"
    r"(?:\^(?P<power>[1-9]\d*))?$"
)


_LAGGED = re.compile(r"^(?P<variable>\w+)_l(?P<lag>[1-9])$")


class TermError(ValueError):
    """A term that does not follow the grammar; the message says what is allowed."""


@dataclass(frozen=True, order=True)
class Factor:
    """One factor of a term: a codebook variable, its transform and its power."""

    variable: str
    transform: str = "identity"
    power: int = 1

    @property
    def base(self) -> str:
        """Label without the power: ``deg`` or ``log1p(deg)``."""
        if self.transform == "identity":
            return self.variable
        return f"{self.transform}({self.variable})"

    @property
    def label(self) -> str:
        """Canonical label, for example ``log1p(deg)^2``."""
        return self.base if self.power == 1 else f"{self.base}^{self.power}"


@dataclass(frozen=True)
class Term:
    """A regressor: the product of its factors, in canonical order, each base at most once."""

    factors: tuple[Factor, ...]

    @property
    def label(self) -> str:
        """Canonical label; the name of the coefficient in every output."""
        return ":".join(factor.label for factor in self.factors)

    @property
    def variables(self) -> tuple[str, ...]:
        """Codebook variables of the term, sorted, each once."""
        return tuple(sorted({factor.variable for factor in self.factors}))

    @property
    def bases(self) -> tuple[str, ...]:
        """Labels of the transformed variables of the term, in the order of its factors."""
        return tuple(factor.base for factor in self.factors)

    @property
    def degree(self) -> int:
        """Sum of the powers; 1 for a main effect."""
        return sum(factor.power for factor in self.factors)


@lru_cache(maxsize=4096)
def parse_term(text: str) -> Term:
    """Read a term of the grammar into its canonical form.

    Args:
        text: for example ``"sh:log1p(deg)"``; blanks are ignored, ``tdiv:tdiv`` becomes ``tdiv^2``.

    Raises:
        TermError: the text does not follow the grammar, the transform is unknown, or a power is
            above 3.
    """
    powers: dict[tuple[str, str], int] = {}
    for part in re.sub(r"\s+", "", text).split(":"):
        factor = _parse_factor(part, text)
        key = (factor.variable, factor.transform)
        powers[key] = powers.get(key, 0) + factor.power
    factors = [
        Factor(variable, transform, power) for (variable, transform), power in powers.items()
    ]
    if any(factor.power > MAX_POWER for factor in factors):
        raise TermError(f"term {text!r} has a power above {MAX_POWER}")
    return Term(tuple(sorted(factors, key=lambda f: (f.power, f.variable, f.transform))))


def _parse_factor(part: str, text: str) -> Factor:
    match = _FACTOR.match(part)
    if match is None:
        raise TermError(
            f"cannot read {part!r} in term {text!r}; write v, log1p(v), v^2 or products with ':'"
        )
    transform = match["transform"] or "identity"
    if transform not in TRANSFORMS:
        known = [name for name in TRANSFORMS if name != "identity"]
        raise TermError(
            f"unknown transform {transform!r} in term {text!r}; {did_you_mean(transform, known)}"
        )
    return Factor(match["inner"] or match["bare"], transform, int(match["power"] or 1))


def canonical_term(text: str) -> str:
    """Canonical label of a term, for example ``sh:log1p(deg)`` -> ``log1p(deg):sh``.

    Raises:
        TermError: as in `parse_term`.
    """
    return parse_term(text).label


def lag_name(variable: str, lag: int) -> str:
    """Name of a variable's value of earlier years: ``deg_l1`` is that of the year before.

    >>> lag_name("deg", 1)
    'deg_l1'
    """
    return f"{variable}_l{lag}"


def split_lag(name: str) -> tuple[str, int]:
    """A variable and its lag; 0 where the name tells none.

    >>> split_lag("deg_l1"), split_lag("deg")
    (('deg', 1), ('deg', 0))
    """
    found = _LAGGED.match(name)
    return (found["variable"], int(found["lag"])) if found else (name, 0)


def base_variables(terms: Iterable[str]) -> tuple[str, ...]:
    """Codebook variables that a list of terms needs, sorted, each once.

    Raises:
        TermError: as in `parse_term`.
    """
    return tuple(sorted({v for text in terms for v in parse_term(text).variables}))


def lower_order_terms(term: Term) -> tuple[Term, ...]:
    """All terms that the principle of marginality asks for beside a product or a power.

    For ``z:x^2`` these are x, x^2, z and x:z (Nelder 1977): the full moderated quadratic.
    """
    choices = [range(factor.power + 1) for factor in term.factors]
    found = []
    for powers in itertools.product(*choices):
        kept = [
            Factor(factor.variable, factor.transform, power)
            for factor, power in zip(term.factors, powers, strict=True)
            if power > 0
        ]
        if kept and tuple(powers) != tuple(factor.power for factor in term.factors):
            ordered = tuple(sorted(kept, key=lambda f: (f.power, f.variable, f.transform)))
            found.append(Term(ordered))
    return tuple(sorted(found, key=lambda t: (t.degree, t.label)))


def missing_lower_orders(terms: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Which lower-order terms are absent, by the term that needs them; empty when complete.

    Raises:
        TermError: as in `parse_term`.
    """
    present = {canonical_term(text) for text in terms}
    gaps: dict[str, tuple[str, ...]] = {}
    for label in sorted(present):
        needed = [term.label for term in lower_order_terms(parse_term(label))]
        absent = tuple(name for name in needed if name not in present)
        if absent:
            gaps[label] = absent
    return gaps


def crossed_products(terms: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Matched products ``a:p, b:q`` -> themselves, and the crossed ones ``a:q, b:p``.

    The first name of each product is its row, the second its column, as written.

    Raises:
        TermError: a term is no product of two, or there is nothing to cross.
    """
    pairs = [tuple(part.strip() for part in term.split(":")) for term in terms]
    if any(len(pair) != 2 for pair in pairs) or len(pairs) < 2:
        raise TermError("a matched pattern of one model needs two products of two or more")
    matched = tuple(canonical_term(term) for term in terms)
    rows, columns = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    crossed = (canonical_term(f"{a}:{b}") for a in rows for b in columns)
    return matched, tuple(dict.fromkeys(term for term in crossed if term not in matched))
