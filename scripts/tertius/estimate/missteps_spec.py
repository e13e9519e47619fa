"""Missteps that a specification alone shows; each rule returns what it concerns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from tertius.estimate.iv_roles import forbidden_terms
from tertius.model_spec import ModelSpec
from tertius.terms import parse_term

FORWARD = ("cites5", "cwpat", "brk5", "cited_norm")
CONSTRAINT = ("constraint", "constraint_ego")
NORMALISED = ("btw", "deg_n", "clo", "harm", "eig", "sh_net")
DIVERSITY = ("pdiv", "pdiv_type", "pdiv_ind", "pdiv_country")
SIZE = ("psize", "nalli", "deg", "deg_market")
HOLES = (("es",), ("deg",), (*CONSTRAINT, "sh", "sh_ego"))
TAUTOLOGIES = (("sh", "dep_hhi"), ("constraint", "dep_hhi"), ("redund", "edens"))
FEEDBACK = ("kstock", "ln_kstock")
PARTNERS_OF_PARTNERS = ("indirect", "indirect_d", "reach2", "gf_liaison")
POSITION = ("deg", "strength", "btw", "clo", "harm", "eig", "constraint", "sh", "es", "eff")
CO_PATENT = ("co_applicant", "co_inventor")
JOINT_OUTCOMES = ("pat", "cites5", "cwpat", "brk5")


def code_of(variable: str) -> str:
    """Codebook code of a variable on another network (``code__network``), of a lag or a lead."""
    return re.sub(r"_[lt]\d+$", "", variable.split("__", maxsplit=1)[0])


def _codes(spec: ModelSpec) -> dict[str, str]:
    """Variables of the right-hand side by their code, the first of each code."""
    found: dict[str, str] = {}
    for label in spec.regressors:
        for variable in parse_term(label).variables:
            found.setdefault(code_of(variable), variable)
    return found


def _present(spec: ModelSpec, names: Iterable[str]) -> list[str]:
    codes = _codes(spec)
    return [codes[name] for name in names if name in codes]


def _look_ahead(spec: ModelSpec) -> list[str]:
    return _present(spec, FORWARD)


def _same_year_outcome(spec: ModelSpec) -> list[str]:
    return [spec.outcome_column] if spec.lead == 0 else []


def _isolate_as_zero(spec: ModelSpec) -> list[str]:
    if spec.undefined != "bound":
        return []
    return [v for v in spec.variables if code_of(v) in CONSTRAINT and spec.bounds.get(v) == 0]


def _normalised_across_years(spec: ModelSpec) -> list[str]:
    has_years = any("year" in effect.split(":") for effect in spec.effects)
    return [] if has_years else _present(spec, NORMALISED)


def _diversity_without_size(spec: ModelSpec) -> list[str]:
    return [] if _present(spec, SIZE) else _present(spec, DIVERSITY)


def _redundant_holes(spec: ModelSpec) -> list[str]:
    found = [_present(spec, names) for names in HOLES]
    return [", ".join(one[0] for one in found)] if all(found) else []


def _tautology(spec: ModelSpec) -> list[str]:
    found = [_present(spec, pair) for pair in TAUTOLOGIES]
    return [" and ".join(pair) for pair in found if len(pair) == 2]


def _forbidden_regression(spec: ModelSpec) -> list[str]:
    return forbidden_terms(spec) if spec.estimator == "iv" else []


def _selection_without_exclusion(spec: ModelSpec) -> list[str]:
    if spec.estimator != "heckman":
        return []
    own = [label for label in spec.option("exclusion") if label not in spec.regressors]
    return [] if own else [spec.name]


def _missing_as_zero(spec: ModelSpec) -> list[str]:
    return [] if _present(spec, ("rd_missing",)) else _present(spec, ("rd_int",))


def _feedback(spec: ModelSpec) -> list[str]:
    within = "org_id" in spec.effects and spec.estimator != "gmm"
    return _present(spec, FEEDBACK) if within else []


def _split_sample(spec: ModelSpec) -> list[str]:
    return [] if spec.sample == "in_sample" else [spec.sample]


def _shared_co_patents(spec: ModelSpec) -> list[str]:
    on_layer = any(v.split("__")[-1] in CO_PATENT for v in spec.variables if "__" in v)
    return [spec.outcome] if on_layer and spec.outcome in JOINT_OUTCOMES else []


def _position_instruments(spec: ModelSpec) -> list[str]:
    if spec.estimator != "iv":
        return []
    moved = {code_of(v) for t in spec.option("endogenous") for v in parse_term(t).variables}
    if not moved & set(POSITION):
        return []
    used = {v for t in spec.option("instruments") for v in parse_term(t).variables}
    return sorted(v for v in used if code_of(v) in PARTNERS_OF_PARTNERS)


SpecRule = Callable[[ModelSpec], list[str]]
SPEC_RULES: Mapping[str, SpecRule] = {
    "look_ahead": _look_ahead,
    "same_year_outcome": _same_year_outcome,
    "isolate_as_zero": _isolate_as_zero,
    "normalised_across_years": _normalised_across_years,
    "diversity_without_size": _diversity_without_size,
    "redundant_holes": _redundant_holes,
    "tautology": _tautology,
    "forbidden_regression": _forbidden_regression,
    "selection_without_exclusion": _selection_without_exclusion,
    "missing_as_zero": _missing_as_zero,
    "feedback_with_fixed_effects": _feedback,
    "split_sample": _split_sample,
    "shared_co_patents": _shared_co_patents,
    "position_instruments": _position_instruments,
}
