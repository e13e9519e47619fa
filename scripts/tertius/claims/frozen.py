"""Frozen specifications: what was declared before results were seen, and what came after.

`config/studies/<study>.lock` holds a hash of every test of every claim and of every level of the
multiverse. It is written once; a test or level whose hash it does not hold is post hoc.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tertius.claims.claim_test import ClaimTest
from tertius.claims.registry import Claim
from tertius.model_spec import ModelSpec

DIGITS = 16


@dataclass(frozen=True)
class Lock:
    """Hashes of tests (claim -> name -> hash) and of levels (choice -> level -> hash)."""

    tests: Mapping[str, Mapping[str, str]]
    levels: Mapping[str, Mapping[str, str]]

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Lock:
        """From the content of a lock file."""
        return cls(plain.get("tests") or {}, plain.get("levels") or {})

    def to_dict(self) -> dict[str, Any]:
        """Sorted plain mappings."""
        return {
            key: {name: dict(sorted(held.items())) for name, held in sorted(whole.items())}
            for key, whole in (("tests", self.tests), ("levels", self.levels))
        }

    def post_hoc_tests(self, now: Lock) -> dict[str, dict[str, bool]]:
        """For every test of `now` whether this lock lacks it or holds another one."""
        return _post_hoc(self.tests, now.tests)

    def post_hoc_levels(self, now: Lock) -> dict[str, dict[str, bool]]:
        """The same for the levels of the multiverse."""
        return _post_hoc(self.levels, now.levels)


def _post_hoc(
    frozen: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, bool]]:
    return {
        key: {name: frozen.get(key, {}).get(name) != mark for name, mark in held.items()}
        for key, held in now.items()
    }


def lock_of(
    claims: Iterable[Claim],
    specs: Mapping[str, ModelSpec],
    choices: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
) -> Lock:
    """The hashes of all tests and levels as they are now.

    Args:
        claims: with their tests.
        specs: the resolved model of each id, as it is fitted.
        choices: choice -> level -> what it changes.
    """
    tests = {
        claim.id: {name: hash_of_test(test, specs) for name, test in claim.tests.items()}
        for claim in claims
        if claim.test
    }
    levels = {
        choice: {level: _hash(changes) for level, changes in held.items() if changes}
        for choice, held in (choices or {}).items()
    }
    return Lock(tests, levels)


def hash_of_test(test: ClaimTest, specs: Mapping[str, ModelSpec]) -> str:
    """Hash of a test and of the models that it needs.

    Raises:
        KeyError: a model of the test has no specification.
    """
    models = {name: specs[name].content_hash() for name in test.all_models}
    return _hash({"test": asdict(test), "models": models})


def _hash(plain: Any) -> str:
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
