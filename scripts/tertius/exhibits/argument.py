"""The argument of each paper, drawn from its claims: stages, arrows with verdicts, rival pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tertius.exhibits.claim_rows import PAPERS, verdict_counts
from tertius.exhibits.content import Bilingual, ClaimRow, Link
from tertius.exhibits.labels import Labels

MOST_NAMES = 3
"""Names at one end of an arrow; the others are counted."""


@dataclass(frozen=True)
class Arrow:
    """One claim as an arrow from its cause to its outcome; the row holds verdict and numbers."""

    row: ClaimRow
    cause: str
    outcome: str
    files: tuple[Link, ...]


@dataclass(frozen=True)
class Stage:
    """A step of the argument: arrows by mechanism, and how many claims have each verdict."""

    title: Bilingual
    counts: tuple[tuple[str, int], ...]
    groups: tuple[tuple[str, tuple[Arrow, ...]], ...]


@dataclass(frozen=True)
class Argument:
    """A paper from its first stage to its last, and its rival claims side by side."""

    paper: str
    title: str
    stages: tuple[Stage, ...]
    rivals: tuple[tuple[Arrow, Arrow], ...]


def arguments(
    rows: Sequence[ClaimRow],
    claims: Mapping[str, Mapping[str, Any]],
    stages: Mapping[str, Sequence[Mapping[str, Any]]],
    outcomes: Mapping[str, str],
    labels: Labels,
    estimated: Sequence[str],
) -> tuple[Argument, ...]:
    """The arguments of the papers that have stages, in order of their claims.

    Args:
        rows: of the report, one a claim.
        claims: id -> registry entry with test, mechanism, constructs and rivals.
        stages: paper -> stages, each with title {en, zh} and mechanisms.
        outcomes: model -> its outcome.
        labels: of variables.
        estimated: models with files of an estimate.
    """
    if not stages:
        return ()
    by_id = {row.id: _arrow(row, claims[row.id], outcomes, labels, estimated) for row in rows}
    papers = dict.fromkeys(row.paper for row in sorted(rows, key=lambda row: row.id))
    made = []
    for paper in papers:
        own = {key: arrow for key, arrow in by_id.items() if arrow.row.paper == paper}
        if stages.get(paper):
            told = tuple(_stage(stage, own, claims) for stage in stages[paper])
            title = PAPERS.get(paper, paper)
            made.append(Argument(paper, title, told, _rivals(own, by_id, claims)))
    return tuple(made)


def _stage(
    stage: Mapping[str, Any],
    own: Mapping[str, Arrow],
    claims: Mapping[str, Mapping[str, Any]],
) -> Stage:
    groups = []
    for mechanism in stage["mechanisms"]:
        held = tuple(own[key] for key in sorted(own) if claims[key]["mechanism"] == mechanism)
        if held:
            groups.append((str(mechanism).replace("_", " ").capitalize(), held))
    inside = [arrow.row for _, held in groups for arrow in held]
    return Stage(Bilingual.of(stage["title"]), verdict_counts(inside), tuple(groups))


def _rivals(
    own: Mapping[str, Arrow],
    by_id: Mapping[str, Arrow],
    claims: Mapping[str, Mapping[str, Any]],
) -> tuple[tuple[Arrow, Arrow], ...]:
    """Pairs of rivals, each once, told with the paper of the first of them."""
    pairs = [
        (key, rival)
        for key in sorted(own)
        for rival in claims[key].get("rivals") or ()
        if key < rival and rival in by_id
    ]
    return tuple((by_id[a], by_id[b]) for a, b in dict.fromkeys(pairs))


def _arrow(
    row: ClaimRow,
    claim: Mapping[str, Any],
    outcomes: Mapping[str, str],
    labels: Labels,
    estimated: Sequence[str],
) -> Arrow:
    test = claim.get("test")
    if not test:
        cause, _, outcome = str(claim.get("constructs", "")).partition("\u2192")
        return Arrow(row, cause.strip(), outcome.strip(), ())
    tests = test.get("legs") or (test,)
    causes = [words for one in tests for words in _causes(one, labels)]
    ends = [
        labels.variable(outcomes[model])
        for one in tests
        for model in (one["model"], *(one.get("models") or ()))
        if model in outcomes
    ]
    model = row.model.text if row.model else ""
    files = (
        (
            Link("table", f"../estimates/{model}/coefficients.csv"),
            Link("specification", f"../estimates/{model}/spec.yaml"),
            Link("data", f"../estimates/{model}/sample.csv"),
        )
        if model in estimated
        else ()
    )
    return Arrow(row, _joined(causes), _joined(ends), files)


def _causes(test: Mapping[str, Any], labels: Labels) -> list[str]:
    """The tail of an arrow: the focal variable with its mediators or moderator, else the terms."""
    terms = [labels.term(term) for term in test.get("terms") or ()]
    if test.get("paths"):
        return [" \u2192 ".join(map(labels.term, (p["x"], p["mediator"]))) for p in test["paths"]]
    if not test.get("variable"):
        return terms
    focal = labels.term(test["variable"])
    if str(test.get("shape", "")) in ("mediation", "serial_mediation"):
        between = " \u2192 " if test["shape"] == "serial_mediation" else ", "
        return [f"{focal} \u2192 {between.join(terms)}"]
    if test.get("moderator"):
        return [f"{focal}, by {labels.term(test['moderator'])}"]
    return [focal]


def _joined(names: Sequence[str]) -> str:
    """Names, each once; beyond `MOST_NAMES` the rest is counted."""
    once = list(dict.fromkeys(names))
    shown = ", ".join(once[:MOST_NAMES])
    rest = len(once) - MOST_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown
