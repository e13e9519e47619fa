"""Which tables and figures a study has: config/exhibits.yaml, checked against the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tertius.model_spec import TermError, canonical_term, parse_term
from tertius.problems import Problem, Problems, did_you_mean

FORMATS_TABLE = ("csv", "html", "tex", "docx", "xlsx")
FORMATS_FIGURE = ("png", "pdf", "svg")
TABLE_KINDS = ("descriptives", "correlations", "regression")
FIGURE_KINDS = ("coefficients", "inverted_u", "network", "attrition", "truth", "verdicts")
NEEDS: Mapping[str, tuple[str, ...]] = {
    "descriptives": ("model",),
    "correlations": ("model",),
    "regression": ("models",),
    "coefficients": ("models", "rows"),
    "inverted_u": ("model", "x"),
    "network": (),
    "attrition": ("models",),
    "truth": ("model",),
    "verdicts": (),
}


@dataclass(frozen=True)
class Exhibit:
    """One table or figure, every default written out.

    `models` are those shown; `model` is the one whose sample or curve is shown. `rows` are terms
    (of a truth figure those of its joint test), `variables` codebook codes, `x` the variable of an
    inverted U (with its transform); `names` maps a variable of the truth file to its code where
    they differ.
    """

    id: str
    kind: str
    title: Mapping[str, str]
    caption: Mapping[str, str]
    formats: tuple[str, ...]
    models: tuple[str, ...] = ()
    model: str = ""
    variables: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    x: str = ""
    network: str = ""
    years: tuple[int, ...] = ()
    max_nodes: int = 200
    inference: str = "p"
    stars: bool = True
    controls: bool = True
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_table(self) -> bool:
        """Whether it is a table; else it is a figure."""
        return self.kind in TABLE_KINDS

    @property
    def identity(self) -> tuple[str, str, str]:
        """Id, English title, Chinese title."""
        return self.id, self.title["en"], self.title.get("zh", "")

    @property
    def needed_models(self) -> tuple[str, ...]:
        """Every model that it shows, each once."""
        return tuple(dict.fromkeys([*self.models, *([self.model] if self.model else [])]))

    def plain(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        values = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Exhibit:
        """The inverse of `plain`."""
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()
        }
        return cls(**values)


def resolve_exhibits(
    config: Mapping[str, Mapping[str, Any]],
    overrides: Mapping[str, Any] | None,
    study: str,
    has_truth: bool,
) -> tuple[Exhibit, ...]:
    """The exhibits of a study, in the order of the file, with the study's own settings on top.

    Args:
        config: config/exhibits.yaml, already checked against its schema.
        overrides: the study's `exhibits`: id -> settings that take the place of the file's, or null
            to leave the exhibit out; a new id with kind and title is a new exhibit.
        study: name of the study; an exhibit with `studies` belongs only to those.
        has_truth: whether the study compares itself with a planted truth.
    """
    own = dict(overrides or {})
    merged: dict[str, Mapping[str, Any] | None] = {**config}
    for name, settings in own.items():
        base = config.get(name, {})
        merged[name] = None if settings is None else {**base, **settings}
    found = []
    for name, settings in merged.items():
        if settings is None or study not in settings.get("studies", [study]):
            continue
        if settings["kind"] == "truth" and not has_truth:
            continue
        found.append(_exhibit(name, settings))
    return tuple(found)


def _exhibit(name: str, settings: Mapping[str, Any]) -> Exhibit:
    known = {f.name for f in fields(Exhibit)}
    values = {k: v for k, v in settings.items() if k in known}
    all_formats = FORMATS_TABLE if settings["kind"] in TABLE_KINDS else FORMATS_FIGURE
    values.setdefault("formats", all_formats)
    values.setdefault("caption", {"en": "", "zh": ""})
    if settings["kind"] != "inverted_u":
        values["rows"] = [_canonical(term) for term in values.get("rows", [])]
    return Exhibit.from_plain({"id": name, **values})


def _canonical(term: str) -> str:
    try:
        return canonical_term(term)
    except TermError:
        return term


def exhibit_problems(
    exhibits: Iterable[Exhibit],
    models: Iterable[str],
    variables: Iterable[str],
    networks: Iterable[str],
    origin: str = "config/exhibits.yaml",
) -> list[Problem]:
    """What is wrong with exhibits: missing keys, unknown models, variables, networks, formats.

    Args:
        exhibits: resolved ones.
        models: every model of the study.
        variables: every column of the panel (codes, leads, variants on other networks).
        networks: every network of the study.
        origin: file to name.
    """
    known_models, known_variables = sorted(models), sorted(variables)
    known_networks = sorted(networks)
    problems = Problems()
    for exhibit in exhibits:
        where = f"{origin}: {exhibit.id}"
        for key in NEEDS[exhibit.kind]:
            if not getattr(exhibit, key):
                problems.add(where, f"key {key!r} is missing", f"a {exhibit.kind} exhibit needs it")
        for model in exhibit.needed_models:
            if model not in known_models:
                fix = did_you_mean(model, known_models)
                problems.add(where, f"no model is called {model!r}", fix)
        for code in _codes(exhibit, where, problems):
            if code not in known_variables:
                fix = did_you_mean(code, known_variables)
                problems.add(where, f"no variable is called {code!r}", fix)
        if exhibit.network and exhibit.network not in known_networks:
            fix = did_you_mean(exhibit.network, known_networks)
            problems.add(where, f"no network is called {exhibit.network!r}", fix)
        allowed = FORMATS_TABLE if exhibit.is_table else FORMATS_FIGURE
        for kind in exhibit.formats:
            if kind not in allowed:
                what = f"a {exhibit.kind} exhibit cannot be written as {kind!r}"
                problems.add(where, what, did_you_mean(kind, allowed))
        shown = {"html"} if exhibit.is_table else {"svg", "png"}
        if not shown & set(exhibit.formats):
            fix = "add " + " or ".join(sorted(shown)) + " to its formats"
            problems.add(where, "the report cannot show it", fix)
    return problems.found


def _codes(exhibit: Exhibit, where: str, problems: Problems) -> list[str]:
    codes = list(exhibit.variables)
    for term in [*exhibit.rows, *([exhibit.x] if exhibit.x else [])]:
        try:
            codes += parse_term(term).variables
        except TermError as error:
            problems.add(where, str(error))
    return list(dict.fromkeys(codes))


def exhibit_paths(exhibits: Iterable[Exhibit], folder: Path, tables: bool) -> list[Path]:
    """Every file of the tables (or of the figures): folder/<id>.<format>, in order."""
    return [
        folder / f"{exhibit.id}.{kind}"
        for exhibit in exhibits
        if exhibit.is_table == tables
        for kind in exhibit.formats
    ]


def main_terms(exhibits: Iterable[Exhibit]) -> tuple[str, ...]:
    """The main planted terms, of the joint test that stands first; from the truth figure."""
    return tuple(term for exhibit in exhibits if exhibit.kind == "truth" for term in exhibit.rows)


def truth_names(exhibits: Iterable[Exhibit]) -> dict[str, str]:
    """How the truth file calls variables, from the exhibits that compare with it."""
    found: dict[str, str] = {}
    for exhibit in exhibits:
        if exhibit.kind == "truth":
            found |= exhibit.names
    return found
