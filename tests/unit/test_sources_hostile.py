"""Hostile files: each gives the plain tables, a named problem, or a count; nothing is silent."""

from __future__ import annotations

from collections import Counter

import pytest

from tertius.problems import InputError
from tertius.sources import READERS
from tests.hostile import Case, corpus

CASES = corpus()


def tables(path, mapping):
    source = READERS["patent_export"](path, mapping)
    return source.tables, {line["step"]: line["rows"] for line in source.ledger}


def test_the_corpus_is_large_and_its_cases_have_names():
    assert len(CASES) >= 100
    assert max(Counter(case.name for case in CASES).values()) == 1
    assert Counter(case.expected for case in CASES)["stop"] >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_hostile_file(case: Case, tmp_path):
    path = tmp_path / case.file
    path.write_bytes(case.content)
    if case.expected == "stop":
        with pytest.raises(InputError) as caught:
            tables(path, case.mapping)
        told = "\n".join(map(str, caught.value.problems))
        for words in case.words:
            assert words in told
        assert "raw." in told or "mapping" in told
        return
    found, counted = tables(path, case.mapping)
    plain_path = tmp_path / "plain.csv"
    plain_path.write_text(case.plain, encoding="utf-8")
    separators = {k: v for k, v in case.mapping.items() if k == "separators"}
    plain, _ = tables(plain_path, separators)
    assert found.keys() == plain.keys()
    for name, table in plain.items():
        assert found[name].equals(table), name
    if case.expected == "count":
        step, rows = case.words
        assert counted[step] == rows
