"""Configuration files: read strictly, checked against their schema, every error told at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tertius.problems import InputError, Problem, did_you_mean


class _StrictLoader(yaml.CSafeLoader):
    """YAML without silently overwritten keys and without on/off turned into booleans."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for number, key in enumerate(keys):
        if key in keys[:number]:
            line = node.value[number][0].start_mark.line + 1
            raise yaml.MarkedYAMLError(
                problem=f"key {key!r} stands twice (again in line {line})",
                problem_mark=node.value[number][0].start_mark,
            )
    return dict(loader.construct_pairs(node, deep=True))


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path) -> dict[str, Any]:
    """One configuration file as a mapping.

    Raises:
        InputError: the file is absent, empty, not UTF-8, not YAML, or repeats a key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError([Problem(str(path), "the file is missing")]) from error
    except UnicodeDecodeError as error:
        fix = "save the file as UTF-8"
        raise InputError([Problem(str(path), "the file is not UTF-8", fix)]) from error
    try:
        content = yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise InputError([Problem(where, str(error.problem), "mend the YAML")]) from error
    if not isinstance(content, dict):
        raise InputError([Problem(str(path), "the file is empty or no mapping", "give keys")])
    return content


def schema_problems(
    content: Mapping[str, Any], schema: Mapping[str, Any], origin: str
) -> list[Problem]:
    """Every place where the content does not follow its JSON Schema, with the key path.

    An unknown key or code comes with the nearest known ones.
    """
    validator = jsonschema.Draft202012Validator(dict(schema))
    errors = sorted(validator.iter_errors(dict(content)), key=lambda e: [str(p) for p in e.path])
    return [problem for error in errors for problem in _problems_of(error, origin)]


def _problems_of(error: jsonschema.ValidationError, origin: str) -> Iterable[Problem]:
    path = ".".join(str(part) for part in error.absolute_path)
    where = f"{origin}: {path}" if path else origin
    rule: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = dict(schema).get("properties", {})
        for key in sorted(str(k) for k in error.instance if k not in known):
            place = f"{origin}: {path + '.' if path else ''}{key}"
            yield Problem(place, f"unknown key {key!r}", did_you_mean(key, known))
    elif error.validator == "enum":
        near = did_you_mean(str(error.instance), [str(option) for option in rule])
        yield Problem(where, f"{error.instance!r} is not allowed", near)
    elif error.validator == "required":
        present: Any = error.instance
        for key in (key for key in rule if key not in present):
            yield Problem(where, f"key {key!r} is missing", "add it")
    else:
        yield Problem(where, error.message, "see the schema of this file in workflow/schemas")


def read_checked(path: Path, schema_path: Path) -> dict[str, Any]:
    """A configuration file that follows its schema.

    Raises:
        InputError: with every departure from the schema.
    """
    content = read_yaml(path)
    problems = schema_problems(content, read_yaml(schema_path), str(path))
    if problems:
        raise InputError(dict.fromkeys(problems))
    return content
