"""Model specifications: the term grammar, every default written out, and their checks.

Grammar of a term: ``v``, ``log1p(v)``, ``asinh(v)``, a power ``v^2`` or ``log1p(v)^2``, and
products with ``:``, for example ``log1p(deg):sh`` or ``turb:tdiv^2``. The canonical label of a
term orders its factors by power and then by name, so that ``sh:log1p(deg)`` and ``log1p(deg):sh``
are one term.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from tertius.problems import InputError, Problem, Problems, did_you_mean

ESTIMATOR_NAMES = ("fe_poisson", "fe_ols")
TRANSFORMS = ("identity", "log1p", "asinh")
EFFECTS = ("org_id", "year")
UNDEFINED_POLICIES = ("zero_plus_dummy", "drop", "bound")
SE_CONVENTIONS = (
    "fixest",
    "no_factor",
    "clusters_only",
    "linearmodels",
    "statsmodels_dummies",
    "plm_sss",
)
MAX_POWER = 3

_FACTOR = re.compile(
    r"^(?:(?P<transform>[a-z][a-z0-9]*)\((?P<inner>[A-Za-z_]\w*)\)|(?P<bare>[A-Za-z_]\w*))"
    r"(?:\^(?P<power>[1-9]\d*))?$"
)


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


@dataclass(frozen=True)
class ModelSpec:
    """A model with every default written out; plain values only, so that it can be saved as text.

    `controls_source` says whether the controls are the study's default list (then a control that
    the study cannot build is dropped and listed) or were written for this model (then it is not).
    `winsor` holds the two tail quantiles in (0, 1), or None; the outcome is never winsorised.
    `bounds` gives, by variable, the value of undefined rows under the policy ``bound``.
    """

    name: str
    outcome: str
    lead: int
    estimator: str
    terms: tuple[str, ...]
    controls: tuple[str, ...] = ()
    controls_source: str = "default"
    effects: tuple[str, ...] = EFFECTS
    cluster: str = "org_id"
    sample: str = "in_sample"
    undefined: str = "zero_plus_dummy"
    bounds: Mapping[str, float] = field(default_factory=dict)
    winsor: tuple[float, float] | None = (0.01, 0.99)
    se_convention: str = "fixest"
    confidence: float = 0.95

    @property
    def outcome_column(self) -> str:
        """Panel column of the outcome: ``pat_t1`` for lead 1, ``pat`` for lead 0."""
        return self.outcome if self.lead == 0 else f"{self.outcome}_t{self.lead}"

    @property
    def regressors(self) -> tuple[str, ...]:
        """Terms, then controls that are not among them."""
        return self.terms + tuple(c for c in self.controls if c not in self.terms)

    @property
    def variables(self) -> tuple[str, ...]:
        """Codebook variables of the right-hand side, sorted."""
        return base_variables(self.regressors)

    def to_dict(self) -> dict[str, Any]:
        """The whole specification as plain lists, numbers and strings, keys in field order."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for key in ("terms", "controls", "effects"):
            plain[key] = list(plain[key])
        plain["bounds"] = dict(sorted(self.bounds.items()))
        plain["winsor"] = None if self.winsor is None else list(self.winsor)
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ModelSpec:
        """The inverse of `to_dict`.

        Raises:
            TypeError: a key is missing or not a field.
        """
        values = dict(plain)
        for key in ("terms", "controls", "effects"):
            values[key] = tuple(values[key])
        if values.get("winsor") is not None:
            values["winsor"] = (float(values["winsor"][0]), float(values["winsor"][1]))
        return cls(**values)

    def content_hash(self) -> str:
        """SHA-256 of the specification without its name: equal hashes are equal models."""
        plain = self.to_dict()
        plain.pop("name")
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def resolve_spec(
    name: str,
    raw: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
    where: str | None = None,
) -> ModelSpec:
    """Write every default of a model out.

    Args:
        name: id of the model. raw: what is written under ``models: <name>:``. ``controls:
        default`` takes the study's list. defaults: the study's settings with the same keys; its
        ``controls`` is the default list. where: place to name in problems, by default
        ``models.<name>``.

    Raises:
        InputError: unknown keys, missing keys, values out of range, terms outside the grammar.
    """
    place = where or f"models.{name}"
    problems = Problems()
    known = [f.name for f in fields(ModelSpec) if f.name not in ("name", "controls_source")]
    for source, keys in ((place, raw), ("defaults", defaults or {})):
        for key in sorted(set(keys) - set(known)):
            problems.add(f"{source}.{key}", "unknown key", did_you_mean(key, known))
    problems.raise_if_any()
    merged: dict[str, Any] = {"lead": 1, "estimator": "fe_poisson", **(defaults or {}), **raw}
    for key in ("outcome", "terms"):
        if not merged.get(key):
            problems.add(f"{place}.{key}", "is missing", f"give the {key} of the model")
    problems.raise_if_any()
    listed = raw.get("controls", "default")
    default_list = listed == "default"
    chosen = (defaults or {}).get("controls", ()) if default_list else listed
    merged["controls"] = tuple(() if chosen in (None, "default", "none") else chosen)
    merged["controls_source"] = "default" if default_list else "explicit"
    return _typed_spec(name, merged, place)


def _typed_spec(name: str, merged: dict[str, Any], place: str) -> ModelSpec:
    """Canonical terms and typed values; all problems at once."""
    problems = Problems()
    for key in ("terms", "controls"):
        labels = []
        for text in merged[key]:
            try:
                labels.append(canonical_term(str(text)))
            except TermError as error:
                problems.add(f"{place}.{key}", str(error))
        merged[key] = tuple(dict.fromkeys(labels))
    merged["effects"] = tuple(merged.get("effects", EFFECTS) or ())
    merged["bounds"] = {k: float(v) for k, v in sorted((merged.get("bounds") or {}).items())}
    winsor = merged.get("winsor", (0.01, 0.99))
    merged["winsor"] = None if not winsor else tuple(float(q) for q in winsor)
    spec = ModelSpec(name=name, **merged)
    problems.extend(_value_problems(spec, place))
    problems.raise_if_any()
    return spec


def _value_problems(spec: ModelSpec, place: str) -> list[Problem]:
    """Settings with a closed list of values, and numbers in range."""
    problems = Problems()
    for key, value, allowed in (
        ("estimator", spec.estimator, ESTIMATOR_NAMES),
        ("undefined", spec.undefined, UNDEFINED_POLICIES),
        ("se_convention", spec.se_convention, SE_CONVENTIONS),
        *(("effects", effect, EFFECTS) for effect in spec.effects),
    ):
        if value not in allowed:
            problems.add(f"{place}.{key}", f"unknown value {value!r}", did_you_mean(value, allowed))
    if isinstance(spec.lead, bool) or not isinstance(spec.lead, int) or spec.lead < 0:
        problems.add(
            f"{place}.lead", f"is {spec.lead!r}", "give a whole number of years, 0 or more"
        )
    if spec.winsor is not None and (
        len(spec.winsor) != 2 or not 0 <= spec.winsor[0] < spec.winsor[1] <= 1
    ):
        problems.add(f"{place}.winsor", "is not two rising quantiles", "give [0.01, 0.99] or null")
    if not 0.5 < spec.confidence < 1:
        problems.add(f"{place}.confidence", "is not in (0.5, 1)", "give 0.95")
    return problems.found


def check_spec(
    spec: ModelSpec, known_variables: Iterable[str], where: str | None = None
) -> list[Problem]:
    """Problems of a resolved specification against the codebook; an empty list when sound.

    Checks that every variable is in the codebook, that products and powers come with all their
    lower orders (X, X^2, Z, X:Z, X^2:Z), and that no term repeats the outcome at lead 0.
    """
    place = where or f"models.{spec.name}"
    known = sorted(set(known_variables))
    problems = Problems()
    for key, names in (
        ("outcome", (spec.outcome,)),
        ("terms", base_variables(spec.terms)),
        ("controls", base_variables(spec.controls)),
    ):
        for variable in names:
            if variable not in known:
                problems.add(
                    f"{place}.{key}",
                    f"variable {variable!r} is not in the codebook",
                    did_you_mean(variable, known),
                )
    for label, absent in missing_lower_orders(spec.regressors).items():
        problems.add(
            f"{place}.terms", f"{label!r} lacks its lower orders", f"add {', '.join(absent)}"
        )
    if spec.lead == 0 and spec.outcome in spec.variables:
        problems.add(f"{place}.terms", f"outcome {spec.outcome!r} explains itself", "set a lead")
    return problems.found


def check_model(
    name: str,
    raw: Mapping[str, Any],
    defaults: Mapping[str, Any] | None,
    known_variables: Iterable[str],
    where: str | None = None,
) -> list[Problem]:
    """All problems of a raw model at once, whether or not it can be resolved."""
    try:
        spec = resolve_spec(name, raw, defaults, where)
    except InputError as error:
        return list(error.problems)
    return check_spec(spec, known_variables, where)
