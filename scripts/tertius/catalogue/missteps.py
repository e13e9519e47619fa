"""Missteps of estimation: what each is, why it misleads, who says so, and what happens by default.

A study sets ``estimation.missteps: {<id>: stop | warn | off}``. Detection stands in
`tertius.estimate.missteps`; this list is light, so that a configuration can be checked at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ACTIONS = ("stop", "warn", "off")


@dataclass(frozen=True)
class Misstep:
    """One misstep: `reason` completes what the detector found, `action` is the default."""

    id: str
    action: str
    reason: str
    source: str


_LISTED = (
    Misstep(
        "look_ahead",
        "stop",
        "counts citations that arrive after the year of the covariates; use it as an outcome only",
        "Hall, Jaffe & Trajtenberg (2001)",
    ),
    Misstep(
        "same_year_outcome",
        "warn",
        "the outcome is of the same year as its regressors, so that either may move the other",
        "Wooldridge (2010, section 10.2)",
    ),
    Misstep(
        "isolate_as_zero",
        "stop",
        "is undefined for an isolate; 0 would call it the best broker of all",
        "Burt (1992)",
    ),
    Misstep(
        "normalised_across_years",
        "warn",
        "is normalised by the size of the year's network, which changes, and the model has no year "
        "effects",
        "Borgatti, Everett & Johnson (2018, chapter 10)",
    ),
    Misstep(
        "diversity_without_size",
        "warn",
        "rises with the number of partners, which the model leaves out",
        "Harrison & Klein (2007)",
    ),
    Misstep(
        "redundant_holes",
        "warn",
        "effective size, degree and constraint measure almost one thing; their coefficients cannot "
        "be told apart",
        "Borgatti (1997)",
    ),
    Misstep(
        "complements",
        "stop",
        "add up to a constant: one coefficient is the other with the sign turned",
        "Lavie & Rosenkopf (2006)",
    ),
    Misstep(
        "tautology",
        "stop",
        "share a term of their formulas, so that their relation holds by construction",
        "Burt (1992)",
    ),
    Misstep(
        "forbidden_regression",
        "stop",
        "is a function of an endogenous variable that counts as exogenous, or has no instrument of "
        "its own kind (z^2 for x^2, z:w for x:w); the square of a prediction in the second stage "
        "is the forbidden regression",
        "Wooldridge (2010, section 9.5)",
    ),
    Misstep(
        "selection_without_exclusion",
        "stop",
        "no term moves selection alone: the correction rests on the normal distribution and can be "
        "worse than none",
        "Certo et al. (2016); Wolfolds & Siegel (2019)",
    ),
    Misstep(
        "missing_as_zero",
        "warn",
        "counts unreported R&D as 0; add the flag of unreported R&D",
        "Koh & Reeb (2015)",
    ),
    Misstep(
        "feedback_with_fixed_effects",
        "warn",
        "responds to past outcomes, which firm effects do not allow (strict exogeneity)",
        "Wooldridge (1997); Blundell, Griffith & Van Reenen (1999)",
    ),
    Misstep(
        "split_sample",
        "warn",
        "is a part of the study's sample; compare slopes by an interaction or a permutation test, "
        "not by their significance in each part",
        "Gelman & Stern (2006)",
    ),
    Misstep(
        "shared_co_patents",
        "warn",
        "counts joint patents that also made the ties; use the outcome without them",
        "Manski (1993)",
    ),
    Misstep(
        "position_instruments",
        "warn",
        "describes partners of partners: such instruments serve mean outcomes of partners, not a "
        "firm's own position, which the same ties make",
        "Bramoulle, Djebbari & Fortin (2009)",
    ),
    Misstep(
        "selected_on_top",
        "warn",
        "the sample keeps the highest values only: later outcomes fall back to the mean by "
        "themselves",
        "Galton (1886); Barnett, van der Pols & Dobson (2005)",
    ),
    Misstep(
        "isolates_dropped",
        "warn",
        "rows of isolates leave the sample, which selects on the network itself",
        "Heckman (1979)",
    ),
    Misstep(
        "log_of_counts",
        "stop",
        "the outcome is ln(1 + count) with zeros: its coefficient is no percentage and depends on "
        "the unit; use FE Poisson",
        "Chen & Roth (2024)",
    ),
    Misstep(
        "winsorised_outcome",
        "warn",
        "the outcome piles up at its maximum as if winsorised, which biases counts",
        "Wooldridge (2010, section 17.1)",
    ),
    Misstep(
        "square_of_standardised",
        "warn",
        "was demeaned or standardised by firm or year before it was squared: the curve then moves "
        "with the group",
        "McIntosh & Schlenker (2006)",
    ),
    Misstep(
        "cumulative_regressor",
        "warn",
        "never falls within a firm: a cumulative count follows time itself",
        "Granger & Newbold (1974)",
    ),
    Misstep(
        "median_split",
        "stop",
        "the treatment is a cut of a continuous variable near its median and no treatment; use a "
        "generalised propensity score",
        "MacCallum et al. (2002); Hirano & Imbens (2004)",
    ),
    Misstep(
        "few_clusters",
        "warn",
        "clustered p values rest on many clusters",
        "Cameron, Gelbach & Miller (2008); MacKinnon, Nielsen & Webb (2023)",
    ),
    Misstep(
        "time_invariant_term",
        "warn",
        "firm effects absorb what does not change within firms; it is not estimated",
        "Wooldridge (2010, section 10.5)",
    ),
    Misstep(
        "turning_point_outside",
        "warn",
        "the turning point is outside the data, so that the curve is monotone where it was seen",
        "Lind & Mehlum (2010); Haans, Pieters & He (2016)",
    ),
    Misstep(
        "weak_instruments",
        "stop",
        "the instruments are weak and no set that holds with weak instruments is given",
        "Montiel Olea & Pflueger (2013); Andrews, Stock & Sun (2019)",
    ),
    Misstep(
        "instrument_proliferation",
        "warn",
        "too many instruments weaken Hansen's test and pull the estimate to least squares",
        "Roodman (2009)",
    ),
    Misstep(
        "truncated_outcome",
        "warn",
        "the mean outcome of the last year falls below half that of the three years before, as if "
        "records were still to come; end the sample earlier",
        "Hall, Jaffe & Trajtenberg (2001)",
    ),
    Misstep(
        "sample_changes",
        "warn",
        "columns that explain one outcome stand on different rows, so that a coefficient may move "
        "with the sample",
        "Angrist & Pischke (2009, section 3.2)",
    ),
)
MISSTEPS: Mapping[str, Misstep] = {rule.id: rule for rule in _LISTED}


def missteps_table() -> str:
    """The list as a markdown table: id, default, what is wrong, source."""
    lines = ["| id | default | what is wrong | source |", "| --- | --- | --- | --- |"]
    lines += [f"| `{m.id}` | {m.action} | {m.reason} | {m.source} |" for m in _LISTED]
    return "\n".join(lines)


__all__ = ["ACTIONS", "MISSTEPS", "Misstep", "missteps_table"]
