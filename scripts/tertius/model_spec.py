"""Model specifications: every default written out, and their checks."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tertius.catalogue import ESTIMATORS
from tertius.catalogue.missteps import ACTIONS, MISSTEPS
from tertius.dyad_names import FIRM_YEARS, FRAMES, KEYS, is_known
from tertius.problems import InputError, Problem, Problems, did_you_mean
from tertius.terms import (
    MAX_POWER,
    TRANSFORMS,
    Factor,
    Term,
    TermError,
    base_variables,
    canonical_term,
    lower_order_terms,
    missing_lower_orders,
    parse_term,
    split_lag,
)

EFFECTS = ("org_id", "year")
"""Default effects; others are columns of the panel, or products such as ``ind4:year``."""
ATTRIBUTES = ("ind4", "ownership", "country", "province", "city", "region", "type")
"""Columns of the panel that are no variables of the codebook."""
UNDEFINED_POLICIES = ("zero_plus_dummy", "drop", "bound")
SE_CONVENTIONS = (
    "fixest",
    "no_factor",
    "clusters_only",
    "linearmodels",
    "statsmodels_dummies",
    "plm_sss",
    "information",
)

_EFFECT = re.compile(r"^[A-Za-z_]\w*(:[A-Za-z_]\w*)*$")
_PART = re.compile(r"^(?P<variable>[A-Za-z_]\w*)=(?P<value>-?\d+(?:\.\d+)?)$")


@dataclass(frozen=True)
class ModelSpec:
    """A model with every default written out; plain values only, so that it can be saved as text.

    `controls_source` says whether the controls are the study's default list (then a control that
    the study cannot build is dropped and listed) or were written for this model (then it is not).
    `winsor` holds the two tail quantiles in (0, 1), or None; the outcome is never winsorised.
    `bounds` gives, by variable, the value of undefined rows under the policy ``bound``. `options`
    are the settings that the estimator declares in the catalogue. `missteps` says by id what
    happens on each (``stop``, ``warn``, ``off``) where it differs from the catalogue's default.
    `sample` is a Boolean column of the panel, or ``variable=value``: those of its in_sample rows.
    `frame` is the panel of firms and years or a frame of dyads, which knows no default controls and
    no leads.
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
    options: Mapping[str, Any] = field(default_factory=dict)
    missteps: Mapping[str, str] = field(default_factory=dict)
    frame: str = FIRM_YEARS

    @property
    def part(self) -> tuple[str, float] | None:
        """Variable and value that cut the sample, where it is written as ``small_med=0``."""
        found = _PART.match(self.sample)
        return (found["variable"], float(found["value"])) if found else None

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
        """Codebook variables of the regressors and of the terms among the options, sorted."""
        extra = [term for key in self._keys("terms") for term in self.option(key)]
        return base_variables([*self.regressors, *extra])

    @property
    def option_variables(self) -> tuple[str, ...]:
        """Codebook variables that options name one by one, sorted."""
        named = {self.option(key) for key in self._keys("variable")}
        return tuple(sorted(name for name in named if name is not None))

    @property
    def option_columns(self) -> tuple[str, ...]:
        """Other columns of the panel that options name, sorted."""
        named = {self.option(key) for key in self._keys("column")}
        return tuple(sorted(name for name in named if name is not None))

    @property
    def effect_columns(self) -> tuple[str, ...]:
        """Columns of the panel that the effects are made of, sorted."""
        return tuple(sorted({name for effect in self.effects for name in effect.split(":")}))

    def option(self, key: str) -> Any:
        """Value of an option of the estimator, by default the catalogue's.

        Raises:
            KeyError: the estimator has no such option.
        """
        if key in self.options:
            return self.options[key]
        return {o.key: o.unset for o in ESTIMATORS[self.estimator].options}[key]

    def _keys(self, kind: str) -> tuple[str, ...]:
        return ESTIMATORS[self.estimator].keys_of(kind)

    def to_dict(self) -> dict[str, Any]:
        """The whole specification as plain lists, numbers and strings, keys in field order."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for key in ("terms", "controls", "effects"):
            plain[key] = list(plain[key])
        plain["bounds"] = dict(sorted(self.bounds.items()))
        plain["winsor"] = None if self.winsor is None else list(self.winsor)
        plain["missteps"] = dict(sorted(self.missteps.items()))
        plain["options"] = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self.options.items()
        }
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
        values["options"] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in values.get("options", {}).items()
        }
        return cls(**values)

    def content_hash(self) -> str:
        """SHA-256 of what the numbers depend on: equal hashes are equal models."""
        plain = self.to_dict()
        for key in ("name", "missteps"):
            plain.pop(key)
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
    chosen_missteps = {**((defaults or {}).get("missteps") or {}), **(raw.get("missteps") or {})}
    # YAML reads a bare off as false
    merged["missteps"] = {k: "off" if v is False else v for k, v in chosen_missteps.items()}
    entry = ESTIMATORS.get(merged["estimator"])
    merged.setdefault("terms", ())
    for key in ("outcome", "terms"):
        if not merged.get(key) and (key == "outcome" or entry is None or entry.needs_terms):
            problems.add(f"{place}.{key}", "is missing", f"give the {key} of the model")
    problems.raise_if_any()
    listed = raw.get("controls", "default")
    default_list = listed == "default"
    if merged.get("frame", FIRM_YEARS) != FIRM_YEARS:
        merged["lead"] = raw.get("lead", 0)
        listed, default_list = ("none" if default_list else listed), False
    chosen = (defaults or {}).get("controls", ()) if default_list else listed
    merged["controls"] = tuple(() if chosen in (None, "default", "none") else chosen)
    if entry and entry.firm_effects == "refused" and "effects" not in raw:
        merged["effects"] = [e for e in merged.get("effects", EFFECTS) or () if e != "org_id"]
    merged["controls_source"] = "default" if default_list else "explicit"
    return _typed_spec(name, merged, place)


def planned_spec(
    name: str,
    raw: Mapping[str, Any],
    defaults: Mapping[str, Any],
    stand_ins: Mapping[str, Mapping[str, Any]],
) -> ModelSpec:
    """A model as a study fits it: with what it measures instead of an outcome in its place.

    Args:
        name: id of the model. raw, defaults: as for `resolve_spec`.
        stand_ins: outcome -> {variable, label} that the study measures instead.

    Raises:
        InputError: as `resolve_spec`.
    """
    return resolve_spec(name, with_stand_in(raw, stand_ins), defaults)


def with_stand_in(
    raw: Mapping[str, Any], stand_ins: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """A raw model with the variable that stands in for its outcome, if one does."""
    stand_in = stand_ins.get(raw["outcome"])
    return {**raw, "outcome": stand_in["variable"]} if stand_in else dict(raw)


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
    merged["options"] = _options(merged, place, problems)
    spec = ModelSpec(name=name, **merged)
    problems.extend(_value_problems(spec, place))
    problems.raise_if_any()
    return spec


def _options(merged: Mapping[str, Any], place: str, problems: Problems) -> dict[str, Any]:
    """Options of the estimator with defaults; none where the estimator is unknown."""
    written = merged.get("options") or {}
    if not isinstance(written, Mapping):
        problems.add(f"{place}.options", "is not a mapping", "write key: value")
        return {}
    entry = ESTIMATORS.get(merged["estimator"])
    return entry.resolve_options(written, f"{place}.options", problems) if entry else {}


def _value_problems(spec: ModelSpec, place: str) -> list[Problem]:
    """Settings with a closed list of values, and numbers in range."""
    problems = Problems()
    for key, value, allowed in (
        ("estimator", spec.estimator, tuple(ESTIMATORS)),
        ("frame", spec.frame, (FIRM_YEARS, *FRAMES)),
        ("undefined", spec.undefined, UNDEFINED_POLICIES),
        ("se_convention", spec.se_convention, SE_CONVENTIONS),
    ):
        if value not in allowed:
            problems.add(f"{place}.{key}", f"unknown value {value!r}", did_you_mean(value, allowed))
    for key, action in spec.missteps.items():
        where = f"{place}.missteps.{key}"
        if key not in MISSTEPS:
            problems.add(where, "unknown misstep", did_you_mean(key, MISSTEPS))
        elif action not in ACTIONS:
            problems.add(where, f"unknown value {action!r}", did_you_mean(str(action), ACTIONS))
    firm_effects = ESTIMATORS[spec.estimator].firm_effects if spec.estimator in ESTIMATORS else ""
    has_firm = "org_id" in spec.effects
    if (firm_effects, has_firm) in (("required", False), ("refused", True)):
        fix = "add org_id" if firm_effects == "required" else "leave org_id out"
        problems.add(
            f"{place}.effects", f"firm effects are {firm_effects} by {spec.estimator}", fix
        )
    for effect in spec.effects:
        if not _EFFECT.match(effect):
            problems.add(
                f"{place}.effects", f"cannot read {effect!r}", "write a column, or ind4:year"
            )
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
        ("options", _option_names(spec)),
        ("sample", (spec.part[0],) if spec.part else ()),
    ):
        for variable in names:
            if not _knows(spec, variable, known):
                problems.add(
                    f"{place}.{key}",
                    f"variable {variable!r} is not in the codebook",
                    did_you_mean(variable, known),
                )
    pairs = () if spec.frame == FIRM_YEARS else KEYS
    columns = sorted({*known, *ATTRIBUTES, *pairs, "org_id", "year"})
    for key, names in (("effects", spec.effect_columns), ("options", spec.option_columns)):
        for column in names:
            if column not in columns:
                problems.add(
                    f"{place}.{key}", f"no column {column!r}", did_you_mean(column, columns)
                )
    for label, absent in missing_lower_orders(spec.regressors).items():
        problems.add(
            f"{place}.terms", f"{label!r} lacks its lower orders", f"add {', '.join(absent)}"
        )
    if spec.lead == 0 and spec.outcome in spec.variables:
        problems.add(f"{place}.terms", f"outcome {spec.outcome!r} explains itself", "set a lead")
    return problems.found


def _knows(spec: ModelSpec, variable: str, codebook: Collection[str]) -> bool:
    """Whether the frame of the model has a variable."""
    if spec.frame == FIRM_YEARS:
        return variable in codebook or split_lag(variable)[0] in codebook
    return is_known(variable, spec.frame, codebook, ATTRIBUTES)


def _option_names(spec: ModelSpec) -> tuple[str, ...]:
    """Variables that only the options need."""
    regressors = base_variables(spec.regressors)
    return tuple(
        sorted({*spec.option_variables, *(v for v in spec.variables if v not in regressors)})
    )


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


__all__ = [
    "ATTRIBUTES",
    "EFFECTS",
    "MAX_POWER",
    "SE_CONVENTIONS",
    "TRANSFORMS",
    "UNDEFINED_POLICIES",
    "Factor",
    "ModelSpec",
    "Term",
    "TermError",
    "base_variables",
    "canonical_term",
    "check_model",
    "check_spec",
    "lower_order_terms",
    "missing_lower_orders",
    "parse_term",
    "planned_spec",
    "resolve_spec",
    "split_lag",
    "with_stand_in",
]
