"""The claim registry: what two papers say, and the specification that judges each sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tertius.claims.claim_test import ClaimTest, inherited, read_test
from tertius.problems import InputError, Problem, Problems, did_you_mean
from tertius.registry import read_yaml, schema_problems

ABSTRACTS = ("Abs", "摘要")
"""Sections that only repeat: a claim's family is the first section that is none of these."""


@dataclass(frozen=True)
class Claim:
    """One sentence of a paper with everything that is known about it.

    `constructs` names the variables of the argument; `test` is None where no specification is
    written yet; `variants` are named tests that stand beside it.
    """

    id: str
    paper: str
    sections: tuple[str, ...]
    statement: Mapping[str, str]
    shape: str
    shape_detail: str
    constructs: str
    mechanism: str
    testability: str
    canonical_test: str
    rivals: tuple[str, ...] = ()
    test_family: str = ""
    note: str = ""
    inferred: bool = False
    one_case: bool = False
    exploratory: bool = False
    mechanical: bool = False
    prescription: bool = False
    proxies: tuple[str, ...] = ()
    test: ClaimTest | None = None
    variants: Mapping[str, ClaimTest] = field(default_factory=dict)

    @property
    def section(self) -> str:
        """The first section that is not the abstract; decides the family of joint tests."""
        return next((s for s in self.sections if s not in ABSTRACTS), self.sections[0])

    @property
    def tests(self) -> Mapping[str, ClaimTest]:
        """The primary test under the name ``primary``, then the variants in file order."""
        if self.test is None:
            return {}
        return {"primary": self.test, **self.variants}


@dataclass(frozen=True)
class Stage:
    """A stage of a paper's argument: its title, and the mechanisms of its claims in order."""

    title: Mapping[str, str]
    mechanisms: tuple[str, ...]


@dataclass(frozen=True)
class ClaimRegistry:
    """All claims in order of id, the models that their tests name, and the classes of outcomes.

    Attributes:
        claims: sorted by id.
        models: raw specifications by model id, as written.
        model_files: the file of each model.
        claim_files: the file of each claim.
        outcome_classes: outcome -> class, for the families of joint tests.
        arguments: paper -> the stages of its argument, in order.
    """

    claims: tuple[Claim, ...]
    models: Mapping[str, Mapping[str, Any]]
    model_files: Mapping[str, str]
    claim_files: Mapping[str, str]
    outcome_classes: Mapping[str, str]
    arguments: Mapping[str, tuple[Stage, ...]] = field(default_factory=dict)

    def __getitem__(self, claim_id: str) -> Claim:
        """The claim of an id.

        Raises:
            KeyError: no claim has this id.
        """
        return {claim.id: claim for claim in self.claims}[claim_id]


def load_claims(paths: Sequence[Path], schema_path: Path) -> ClaimRegistry:
    """Read the claim files.

    Args:
        paths: one file a paper.
        schema_path: the JSON Schema of a claim file.

    Raises:
        InputError: every departure of every file from the schema, ids that stand in two files,
            unknown rivals, and tests that lack what their shape needs.
    """
    registry, problems = read_claims(paths, schema_path)
    if problems:
        raise InputError(problems)
    return registry


def read_claims(
    paths: Sequence[Path], schema_path: Path
) -> tuple[ClaimRegistry, tuple[Problem, ...]]:
    """The sound entries of the claim files, and every problem found on the way.

    Entries with problems are left out, so that later checks can go on with the rest and all
    problems are told at once.
    """
    problems = Problems()
    schema = read_yaml(schema_path)
    contents: dict[str, dict[str, Any]] = {}
    for path in sorted(paths):
        try:
            content = read_yaml(path)
        except InputError as error:
            problems.extend(error.problems)
            continue
        found = list(dict.fromkeys(schema_problems(content, schema, str(path))))
        problems.extend(found)
        contents[str(path)] = _sound(content, found, str(path))
    known = {key for c in contents.values() for key in [*c["claims"], *c["left_out"]]}
    claims: dict[str, tuple[str, Claim]] = {}
    for origin, content in contents.items():
        for key, raw in content["claims"].items():
            claim = _claim(key, content["paper"], raw, f"{origin}: claims.{key}", known, problems)
            _once("claim", key, origin, {k: v[0] for k, v in claims.items()}, problems)
            claims.setdefault(key, (origin, claim))
    models, model_files = _models(contents, problems)
    ordered = dict(sorted(claims.items()))
    registry = ClaimRegistry(
        claims=tuple(claim for _, claim in ordered.values()),
        models=models,
        model_files=model_files,
        claim_files={key: origin for key, (origin, _) in ordered.items()},
        outcome_classes=_outcome_classes(contents, problems),
        arguments=_arguments(contents, problems),
    )
    return registry, tuple(problems.found)


def _sound(content: Mapping[str, Any], found: Iterable[Problem], origin: str) -> dict[str, Any]:
    """The content without the entries that depart from the schema; their ids under `left_out`."""
    bad = {tuple(p.where.removeprefix(f"{origin}: ").split(".")[:2]) for p in found}
    kept: dict[str, Any] = {"paper": str(content.get("paper", "")), "left_out": []}
    for section in ("claims", "models", "outcome_classes"):
        raw = content.get(section)
        entries = raw if isinstance(raw, Mapping) else {}
        sound = {str(k): v for k, v in entries.items() if (section, str(k)) not in bad}
        kept[section] = {k: v for k, v in sound.items() if isinstance(v, Mapping | list)}
        if section == "claims":
            kept["left_out"] = [str(k) for k in entries if str(k) not in kept[section]]
    amiss = any(place[0] == "argument" for place in bad)
    kept["argument"] = [] if amiss else list(content.get("argument") or ())
    return kept


def _once(kind: str, key: str, origin: str, earlier: Mapping[str, str], problems: Problems) -> None:
    if key in earlier:
        what = f"{kind} {key!r} stands in {earlier[key]} already"
        problems.add(f"{origin}: {kind}s.{key}", what, "keep one of them, or give another name")


def _models(
    contents: Mapping[str, Mapping[str, Any]], problems: Problems
) -> tuple[dict[str, Mapping[str, Any]], dict[str, str]]:
    models: dict[str, Mapping[str, Any]] = {}
    files: dict[str, str] = {}
    for origin, content in contents.items():
        for name, raw in content["models"].items():
            _once("model", name, origin, files, problems)
            models.setdefault(name, raw)
            files.setdefault(name, origin)
    return models, files


def _outcome_classes(
    contents: Mapping[str, Mapping[str, Any]], problems: Problems
) -> dict[str, str]:
    """Outcome -> class; one outcome belongs to one class in all files."""
    classes: dict[str, str] = {}
    for origin, content in contents.items():
        for name, outcomes in content["outcome_classes"].items():
            for outcome in outcomes:
                if classes.setdefault(outcome, name) != name:
                    what = f"outcome {outcome!r} is in class {classes[outcome]!r} already"
                    problems.add(f"{origin}: outcome_classes.{name}", what, "keep one class")
    return classes


def _arguments(
    contents: Mapping[str, Mapping[str, Any]], problems: Problems
) -> dict[str, tuple[Stage, ...]]:
    """Stages by paper; where a paper has stages, each mechanism stands in exactly one."""
    told: dict[str, tuple[Stage, ...]] = {}
    for origin, content in contents.items():
        stages = tuple(Stage(s["title"], tuple(s["mechanisms"])) for s in content["argument"])
        if not stages:
            continue
        told[content["paper"]] = stages
        placed = [mechanism for stage in stages for mechanism in stage.mechanisms]
        used = {raw["mechanism"] for raw in content["claims"].values()}
        for name in sorted(used - set(placed)):
            problems.add(f"{origin}: argument", f"mechanism {name!r} stands in no stage", "add it")
        for name in sorted({name for name in placed if placed.count(name) > 1}):
            what = f"mechanism {name!r} stands in two stages"
            problems.add(f"{origin}: argument", what, "keep one of them")
    return told


def _claim(
    key: str,
    paper: str,
    raw: Mapping[str, Any],
    where: str,
    known: Iterable[str],
    problems: Problems,
) -> Claim:
    test = read_test(raw["test"], f"{where}.test", problems) if "test" in raw else None
    variants = raw.get("variants", {})
    if variants and "test" not in raw:
        problems.add(f"{where}.variants", "variants without a test", "add the primary test")
        variants = {}
    made = {
        name: read_test(inherited(raw["test"], own), f"{where}.variants.{name}", problems)
        for name, own in variants.items()
    }
    for rival in raw.get("rivals", ()):
        if rival not in known:
            problems.add(f"{where}.rivals", f"no claim {rival!r}", did_you_mean(rival, known))
    plain = {k: v for k, v in raw.items() if k not in ("sections", "rivals", "proxies")}
    plain |= {"test": test, "variants": {k: v for k, v in made.items() if v is not None}}
    plain |= {k: tuple(raw.get(k, ())) for k in ("sections", "rivals", "proxies")}
    return Claim(id=key, paper=paper, **plain)
