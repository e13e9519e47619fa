"""Which terms are endogenous, and whether each has an instrument of its own kind."""

from __future__ import annotations

from tertius.estimate.columns import NotEstimable
from tertius.model_spec import ModelSpec
from tertius.terms import Term, parse_term


def check_roles(spec: ModelSpec) -> None:
    """Refuse roles that contradict the model.

    Raises:
        NotEstimable: an endogenous label is no term, or an instrument is a regressor.
    """
    for label in spec.option("endogenous"):
        if label not in spec.terms:
            reason = f"{label} is listed as endogenous and is not a term of {spec.name}"
            raise NotEstimable("not_in_model", label, reason)
    for label in spec.option("instruments"):
        if label in spec.regressors:
            reason = f"{label} is a regressor of {spec.name} and cannot be an excluded instrument"
            raise NotEstimable("not_excluded", label, reason)


def forbidden_terms(spec: ModelSpec) -> list[str]:
    """Terms that lead to the forbidden regression (Wooldridge 2010, section 9.5).

    A square or product of an endogenous variable is endogenous itself and needs an instrument of
    its own kind (z^2 for x^2, z:w for x:w).

    Returns:
        Functions of an endogenous variable that count as exogenous or as instruments, then
        endogenous terms without an instrument of their kind; empty when sound.
    """
    endogenous = spec.option("endogenous")
    instruments = spec.option("instruments")
    own = {v for t in endogenous if parse_term(t).degree == 1 for v in parse_term(t).variables}
    made = [parse_term(label) for label in instruments]
    found = [
        label
        for label in (*spec.regressors, *instruments)
        if label not in endogenous and own & set(parse_term(label).variables)
    ]
    found += [
        label
        for label in endogenous
        if label in spec.terms
        and not any(_is_kin(parse_term(label), instrument, own) for instrument in made)
    ]
    return found


def _is_kin(term: Term, instrument: Term, endogenous: set[str]) -> bool:
    """Whether an instrument has the exogenous cofactors of a term and bends where the term does."""
    cofactors = {f for f in term.factors if f.variable not in endogenous}
    if cofactors == set(term.factors):
        cofactors = set()
    rest = [f for f in instrument.factors if f not in cofactors]
    if len(instrument.factors) - len(rest) < len(cofactors) or not rest:
        return False
    bend = term.degree - sum(f.power for f in cofactors)
    return sum(f.power for f in rest) >= min(bend, 2)
