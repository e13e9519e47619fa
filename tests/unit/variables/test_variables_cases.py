"""Every family of variables has hand-computed cases, undefined ones among them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tertius.tables import STATUSES

FOLDER = Path(__file__).parent
LEAST = 3


def _families(tree: ast.Module) -> dict[str, str]:
    """Imported function of a variable -> its family, the module it stands in."""
    return {
        alias.asname or alias.name: node.module.removeprefix("tertius.variables.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module is not None
        and node.module.startswith("tertius.variables.")
        for alias in node.names
    }


def _cases(test: ast.FunctionDef, families: dict[str, str]) -> Iterator[tuple[str, bool]]:
    """Family of every assertion of a cell, and whether the cell is undefined."""
    made = dict(families)
    for node in ast.walk(test):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            called, target = node.value.func, node.targets[0]
            if isinstance(called, ast.Name) and isinstance(target, ast.Name):
                made[target.id] = families.get(called.id, "")
    for node in ast.walk(test):
        if not isinstance(node, ast.Assert) or not isinstance(node.test, ast.Compare):
            continue
        words = {
            n.value for n in ast.walk(node.test.comparators[-1]) if isinstance(n, ast.Constant)
        }
        named = {made.get(n.id) for n in ast.walk(node.test.left) if isinstance(n, ast.Name)}
        calls = {n.func.id for n in ast.walk(node.test.left)
                 if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}  # fmt: skip
        if "at" in calls:
            for family in named - {None, ""}:
                yield str(family), bool(words & set(STATUSES[1:]))


@pytest.fixture(scope="module")
def counted() -> tuple[Counter[str], Counter[str]]:
    """Cells worked by hand with a value, and undefined ones, by family."""
    valued: Counter[str] = Counter()
    undefined: Counter[str] = Counter()
    for file in sorted(FOLDER.glob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        families = _families(tree)
        for test in ast.walk(tree):
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
                for family, is_undefined in _cases(test, families):
                    (undefined if is_undefined else valued)[family] += 1
    return valued, undefined


def test_every_family_has_cases_worked_by_hand(root, counted):
    book = yaml.safe_load((root / "config" / "variables.yaml").read_text(encoding="utf-8"))
    families = {
        entry["function"].partition(".")[0] for entry in book.values() if "function" in entry
    }
    valued, undefined = counted
    few = {f: (valued[f], undefined[f]) for f in families if valued[f] < LEAST or not undefined[f]}
    assert few == {}
