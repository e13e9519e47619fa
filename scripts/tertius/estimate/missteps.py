"""Detection of missteps in a specification, its rows and its result; see `catalogue.missteps`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import combinations

import numpy as np
import polars as pl

from tertius.arrays import FloatArray, IntArray
from tertius.catalogue import ESTIMATORS
from tertius.catalogue.missteps import MISSTEPS
from tertius.estimate.columns import NotEstimable
from tertius.estimate.design import Design
from tertius.estimate.missteps_spec import SPEC_RULES, code_of
from tertius.estimate.result import FEW_CLUSTERS, Estimate
from tertius.inference.covariance import p_value_of
from tertius.model_spec import ModelSpec
from tertius.terms import parse_term

MANY_VALUES = 10
CHANGES = 50
FIRST_ROWS = 1000
FEW_ROWS = 30
HANSEN_ONE = 0.99
CURVED = 0.05
"""A square with a larger p value claims no curve, so that its turning point says nothing."""
ONE_ENDOGENOUS = 23.11
"""Critical effective F of one instrument at 10 % worst-case bias."""


@dataclass(frozen=True)
class Finding:
    """A misstep found: its id, what is done (stop, warn), the sentence, and the source."""

    id: str
    action: str
    reason: str
    source: str


# --- from the panel and the design ---------------------------------------------------------------


def _selected_on_top(panel: pl.DataFrame, spec: ModelSpec) -> list[str]:
    """Variables of which a sample of its own holds exactly the upper values."""
    if spec.sample == "in_sample" or "in_sample" not in panel.columns:
        return []
    rows = panel.filter(pl.col("in_sample"))
    inside = rows[spec.sample].to_numpy()
    names = [*spec.variables, spec.outcome]
    return [v for v in names if v in rows.columns and _splits(rows[v], inside)]


def _splits(values: pl.Series, inside: FloatArray) -> bool:
    """Whether flags are a cut of a many-valued variable: all above lie within."""
    x = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = np.isfinite(x)
    above, below = x[known & inside.astype(bool)], x[known & ~inside.astype(bool)]
    if len(above) < 2 or len(below) < 2 or len(np.unique(x[known])) <= MANY_VALUES:
        return False
    return bool(above.min() >= below.max())


def _median_split(panel: pl.DataFrame, design: Design) -> list[str]:
    """Continuous columns of the panel of which the treatment is a cut near the median."""
    if "treatment" not in ESTIMATORS[design.spec.estimator].keys_of("variable"):
        return []
    name = design.spec.option("treatment")
    rows = design.frame.select("org_id", "year").join(
        panel, on=["org_id", "year"], how="left", maintain_order="left"
    )
    treated = rows[name].cast(pl.Float64).fill_null(0.0).to_numpy() == 1
    if not 0.4 <= float(treated.mean()) <= 0.6:
        return []
    columns = [c for c, kind in rows.schema.items() if kind == pl.Float64 and c != name]
    return [c for c in columns if _splits(rows[c], treated)]


def _isolates_dropped(design: Design) -> list[str]:
    return sorted(key for key in design.dropped if key.endswith(": undefined_isolate"))


def _complements(design: Design) -> list[str]:
    """Pairs of regressors whose sum is the same wherever both are defined."""
    names = sorted({v for label in design.spec.regressors for v in parse_term(label).variables})
    first = {v: _values(design, v, FIRST_ROWS) for v in names}
    found = []
    for one, two in combinations(names, 2):
        if _differs(first[one], first[two]):
            continue
        x, y = _values(design, one), _values(design, two)
        both = np.isfinite(x) & np.isfinite(y)
        x, total = x[both], (x + y)[both]
        if both.sum() > 2 and x.std() > 0 and float(total.std()) < 1e-9 * float(x.std()):
            found.append(f"{one} and {two}")
    return found


def _values(design: Design, variable: str, rows: int | None = None) -> FloatArray:
    """(n,) raw values of a variable, NaN where undefined; of the first rows where so asked."""
    column = design.frame[variable] if rows is None else design.frame[variable][:rows]
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _differs(x: FloatArray, y: FloatArray) -> bool:
    """Whether the sum of two columns is plainly no constant."""
    total = x + y
    total = total[np.isfinite(total)]
    if len(total) < 2:
        return False
    return float(np.ptp(total)) > 1e-6 * float(np.abs(total).max() + np.nanmax(np.abs(x)))


def _log_of_counts(design: Design) -> list[str]:
    """An outcome with zeros whose exp(y) - 1 are whole numbers while y is not."""
    if ESTIMATORS[design.spec.estimator].link != "identity":
        return []
    y = design.y[np.isfinite(design.y)]
    if not len(y) or y.min() < 0 or not (y == 0).any() or y.max() > 20:
        return []
    counts = np.expm1(y)
    whole = bool(np.allclose(counts, np.round(counts), rtol=1e-9, atol=1e-6))
    return [design.spec.outcome_column] if whole and not np.allclose(y, np.round(y)) else []


def _winsorised_outcome(design: Design) -> list[str]:
    """More rows at the maximum than twice those at any of the five values below it."""
    if ESTIMATORS[design.spec.estimator].link != "log":
        return []
    values, counts = np.unique(design.y[np.isfinite(design.y)], return_counts=True)
    if len(values) <= MANY_VALUES:
        return []
    at_top, below = int(counts[-1]), int(counts[-6:-1].max())
    piled = at_top >= max(5, 0.005 * int(counts.sum())) and at_top > 2 * below
    return [design.spec.outcome_column] if piled else []


def _truncated_outcome(design: Design) -> list[str]:
    """A count whose mean in the last of five or more years is below half that of the three before.

    Years of fewer than `FEW_ROWS` rows say nothing.
    """
    if ESTIMATORS[design.spec.estimator].link != "log":
        return []
    known = np.isfinite(design.y)
    rows = np.bincount(design.year[known])
    sums = np.bincount(design.year[known], weights=design.y[known])
    if len(rows) < 5 or rows[-1] < FEW_ROWS:
        return []
    last, before = sums[-1] / rows[-1], sums[-4:-1].sum() / max(rows[-4:-1].sum(), 1)
    if last >= before / 2:
        return []
    return [f"{design.spec.outcome_column} ({last:.3g} after {before:.3g})"]


def _raw(design: Design, variable: str) -> tuple[FloatArray, IntArray, IntArray]:
    """Defined values of a variable with firm and year codes, rows sorted by firm and year."""
    x = _values(design, variable)
    ok = np.isfinite(x)
    return x[ok], design.firm[ok], design.year[ok]


def _square_of_standardised(design: Design) -> list[str]:
    squared = {
        factor.variable
        for label in design.spec.regressors
        for factor in parse_term(label).factors
        if factor.power > 1
    }
    found = []
    for variable in sorted(squared):
        x, firm, year = _raw(design, variable)
        by_year = _centred(x, year) and _unit(x, year)
        if code_of(variable).endswith("_z") or by_year or _centred(x, firm):
            found.append(variable)
    return found


def _centred(x: FloatArray, group: IntArray) -> bool:
    """Whether every group of two rows or more has a mean of zero."""
    counts = np.bincount(group)
    means = np.bincount(group, weights=x) / np.maximum(counts, 1)
    many = counts > 1
    return bool(many.any() and x.std() > 0 and np.abs(means[many]).max() < 1e-8 * x.std())


def _unit(x: FloatArray, group: IntArray) -> bool:
    """Whether every group has a variance of one, by either divisor."""
    counts = np.bincount(group)
    squares = np.bincount(group, weights=x**2)
    many = counts > 1
    return any(
        bool(np.allclose(squares[many], (counts - less)[many], rtol=1e-6)) for less in (0, 1)
    )


def _cumulative_regressor(design: Design) -> list[str]:
    """Focal variables that rise and never fall within firms."""
    focal = sorted({v for label in design.spec.terms for v in parse_term(label).variables})
    found = []
    for variable in focal:
        if _falls(design, variable, FIRST_ROWS):
            continue
        x, firm, _ = _raw(design, variable)
        step = np.diff(x)[np.diff(firm) == 0]
        if (step > 0).sum() >= CHANGES and not (step < 0).any():
            found.append(variable)
    return found


def _falls(design: Design, variable: str, rows: int) -> bool:
    """Whether a variable falls within a firm among the first rows."""
    x = _values(design, variable, rows)
    return bool((np.diff(x)[np.diff(design.firm[:rows]) == 0] < 0).any())


# --- from the result -----------------------------------------------------------------------------


def _few_clusters(estimate: Estimate) -> list[str]:
    n = estimate.n_clusters
    return [f"{n} clusters"] if n < FEW_CLUSTERS else []


def _time_invariant_term(estimate: Estimate) -> list[str]:
    if "org_id" not in estimate.spec.effects:
        return []
    return [label for label in estimate.collinear if label in estimate.spec.terms]


def _turning_point_outside(estimate: Estimate) -> list[str]:
    found = []
    for label in estimate.spec.terms:
        term = parse_term(label)
        if len(term.factors) != 1 or term.factors[0].power != 2:
            continue
        base = term.factors[0].base
        if not (estimate.has(label) and estimate.has(base)):
            continue
        j = estimate.index(label)
        bend = float(estimate.coefficients[j] / estimate.std_errors[j])
        if not p_value_of(bend, estimate.dof) < CURVED:
            continue
        known = estimate.variables[base]
        turn = known.centre - estimate.coefficient(base) / (2 * estimate.coefficient(label))
        if not known.min <= turn <= known.max:
            found.append(f"{base} turns at {turn:.4g}, outside [{known.min:.4g}, {known.max:.4g}]")
    return found


def _weak_instruments(estimate: Estimate) -> list[str]:
    if "first_stage" not in estimate.tables or "weak_robust" not in estimate.tables:
        return []
    first = estimate.tables["first_stage"]
    labels = first["dependent"].unique(maintain_order=True).to_list()
    if len(labels) == 1 or not estimate.tables["weak_robust"].is_empty():
        return []
    weakest = first["conditional_f"].min()
    assert isinstance(weakest, float)
    if weakest >= ONE_ENDOGENOUS:
        return []
    return [f"{len(labels)} endogenous terms, smallest conditional F {weakest:.2f}"]


def _instrument_proliferation(estimate: Estimate) -> list[str]:
    count = estimate.diagnostics.get("n_instruments")
    if count is None or count.value is None:
        return []
    found = []
    if count.value >= estimate.n_firms:
        found.append(f"{count.value:.0f} instruments for {estimate.n_firms} firms")
    hansen = estimate.diagnostics["hansen_j"].p_value
    if hansen is not None and hansen >= HANSEN_ONE:
        found.append(f"Hansen p = {hansen:.3f}")
    return found


DesignRule = Callable[[Design], list[str]]
ResultRule = Callable[[Estimate], list[str]]
DESIGN_RULES: Mapping[str, DesignRule] = {
    "isolates_dropped": _isolates_dropped,
    "complements": _complements,
    "log_of_counts": _log_of_counts,
    "winsorised_outcome": _winsorised_outcome,
    "truncated_outcome": _truncated_outcome,
    "square_of_standardised": _square_of_standardised,
    "cumulative_regressor": _cumulative_regressor,
}
RESULT_RULES: Mapping[str, ResultRule] = {
    "few_clusters": _few_clusters,
    "time_invariant_term": _time_invariant_term,
    "turning_point_outside": _turning_point_outside,
    "weak_instruments": _weak_instruments,
    "instrument_proliferation": _instrument_proliferation,
}


def _findings(spec: ModelSpec, rule_id: str, subjects: Iterable[str]) -> list[Finding]:
    """Findings of one rule under the model's setting; a stop is raised.

    Raises:
        NotEstimable: the rule found something and stops.
    """
    rule = MISSTEPS[rule_id]
    action = spec.missteps.get(rule_id, rule.action)
    found = []
    for subject in subjects if action != "off" else ():
        reason = f"{subject}: {rule.reason} [{rule.source}]"
        if action == "stop":
            raise NotEstimable(
                "misstep", subject, f"{reason}; estimation.missteps.{rule_id} says stop"
            )
        found.append(Finding(rule_id, action, reason, rule.source))
    return found


def inspect_spec(spec: ModelSpec) -> list[Finding]:
    """Missteps that a specification alone shows.

    Raises:
        NotEstimable: one of them stops.
    """
    return [f for key, rule in SPEC_RULES.items() for f in _findings(spec, key, rule(spec))]


def inspect_design(panel: pl.DataFrame, design: Design) -> list[Finding]:
    """Missteps that the rows show.

    Args:
        panel: as for `build_design`.
        design: made from it.

    Raises:
        NotEstimable: one of them stops.
    """
    spec = design.spec
    found = _findings(spec, "selected_on_top", _selected_on_top(panel, spec))
    found += _findings(spec, "median_split", _median_split(panel, design))
    found += [f for key, rule in DESIGN_RULES.items() for f in _findings(spec, key, rule(design))]
    return found


def inspect_estimate(estimate: Estimate) -> list[Finding]:
    """Missteps that the result shows.

    Raises:
        NotEstimable: one of them stops.
    """
    rules = RESULT_RULES.items()
    return [f for key, rule in rules for f in _findings(estimate.spec, key, rule(estimate))]


def note_missteps(estimate: Estimate, found: Iterable[Finding]) -> Estimate:
    """The estimate with its findings, which also join the warnings."""
    kept = tuple(found)
    said = (*estimate.warnings, *(one.reason for one in kept))
    return replace(
        estimate,
        missteps=tuple(asdict(one) for one in kept),
        warnings=tuple(dict.fromkeys(said)),
    )


__all__ = ["Finding", "inspect_design", "inspect_estimate", "inspect_spec", "note_missteps"]
