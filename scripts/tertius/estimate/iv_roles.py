"""Which terms are endogenous, and whether each has an instrument of its own kind."""

from __future__ import annotations

from tertius.estimate.columns import NotEstimable
from tertius.model_spec import ModelSpec
from tertius.terms import Term, parse_term


def check_roles(spec: ModelSpec) -> None:
    """Refuse a model that treats a function of an endogenous variable as exogenous.

    A square or product of an endogenous variable is endogenous itself and needs an instrument of
    its own kind (z^2 for x^2, z:w for x:w). Putting the squared prediction of x into the second
    stage is the forbidden regression (Wooldridge 2010, section 9.5).

    Raises:
        NotEstimable: a role is missing or contradictory.
    """
    endogenous = spec.option("endogenous")
    instruments = spec.option("instruments")
    for label in endogenous:
        if label not in spec.terms:
            reason = f"{label} is listed as endogenous and is not a term of {spec.name}"
            raise NotEstimable("not_in_model", label, reason)
    for label in instruments:
        if label in spec.regressors:
            reason = f"{label} is a regressor of {spec.name} and cannot be an excluded instrument"
            raise NotEstimable("not_excluded", label, reason)
    own = {v for t in endogenous if parse_term(t).degree == 1 for v in parse_term(t).variables}
    for label in (*spec.regressors, *instruments):
        if label not in endogenous and own & set(parse_term(label).variables):
            raise NotEstimable(
                "forbidden_regression",
                label,
                f"{label} is a function of an endogenous variable and counts as exogenous; list it "
                "under endogenous and give it an instrument of its own kind, as the square of a "
                "prediction in the second stage is the forbidden regression "
                "(Wooldridge 2010, section 9.5)",
            )
    made = [parse_term(label) for label in instruments]
    for label in endogenous:
        if not any(_is_kin(parse_term(label), instrument, own) for instrument in made):
            raise NotEstimable(
                "forbidden_regression",
                label,
                f"no instrument is of the kind of {label}; for x^2 add z^2, for x:w add z:w "
                "(Wooldridge 2010, section 9.5)",
            )


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
