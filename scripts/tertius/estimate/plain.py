"""An estimate in plain words: sizes of effects, what they rest on, and what was left out."""

from __future__ import annotations

from tertius.estimate.result import Estimate
from tertius.model_spec import parse_term
from tertius.ratios import percent_of


def plain_effects(estimate: Estimate) -> dict[str, str]:
    """Effect of one standard deviation (`Estimate.spread`) in words, for each focal main effect.

    For a log link 100 (exp(b sd) - 1) percent of the expected outcome, for a logit link the same of
    the odds; else b sd, and its share of the mean outcome where that is positive. Other variables
    of a product are held at their means.
    """
    said: dict[str, str] = {}
    for label in estimate.spec.terms:
        if parse_term(label).degree != 1 or not estimate.has(label):
            continue
        sd, words = estimate.spread(label)
        step = estimate.coefficient(label) * sd
        said[label] = f"{words} of {label} ({sd:.4g}) goes with {_change(estimate, step)}"
    return said


def _change(estimate: Estimate, step: float) -> str:
    """A change of the index by `step`, in words."""
    outcome = estimate.spec.outcome_column
    if estimate.link == "log":
        return f"{percent_of(step):+.1f} % in expected {outcome}"
    if estimate.link == "logit":
        return f"{percent_of(step):+.1f} % in the odds of {outcome}"
    if estimate.mean_outcome > 0:
        share = 100 * step / estimate.mean_outcome
        return f"{step:+.4g} in {outcome} ({share:+.1f} % of its mean)"
    return f"{step:+.4g} in {outcome}"


def plain_words(estimate: Estimate) -> list[str]:
    """The estimate as a list of sentences.

    In turn: the estimator and its caveat; the effect of one within-firm standard deviation of each
    focal variable; the share of its variance that lies within firms; the estimator's own remarks
    and diagnostics; the way from the risk set to the sample; what was dropped and why.
    """
    entry = estimate.estimator
    first, last = estimate.ledger[0], estimate.ledger[-1]
    words = [f"{entry.label}{': ' + entry.note if entry.note else ''}"]
    words += plain_effects(estimate).values()
    words += _within_shares(estimate)
    words += estimate.remarks
    words += [found.text for found in estimate.diagnostics.values()]
    words.append(
        f"{estimate.n_obs} rows of {estimate.n_firms} firms are used; the risk set has "
        f"{first.rows} rows of {first.firms} firms, the last cut leaves {last.rows}"
    )
    words += [f"dropped {count} rows: {cause}" for cause, count in estimate.dropped.items()]
    words += [f"left out as collinear: {label}" for label in estimate.collinear]
    words += [f"left out: {label}, {why}" for label, why in sorted(estimate.unavailable.items())]
    return words


def _within_shares(estimate: Estimate) -> list[str]:
    """Share of the variance of each focal variable that is left within firms."""
    focal = sorted({base for term in estimate.spec.terms for base in parse_term(term).bases})
    told = []
    for base in focal:
        known = estimate.variables.get(base)
        if known is not None and known.sd > 0:
            share = 100 * (known.sd_within / known.sd) ** 2
            told.append(f"{share:.1f} % of the variance of {base} lies within firms")
    return told
