"""docs/estimators.md: the list is that of the catalogue, the worked example works as printed."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tertius.catalogue import ESTIMATORS, Estimator, Option
from tertius.catalogue.page import estimator_list, renewed
from tertius.estimate import estimate_frames, estimate_model
from tertius.model_spec import resolve_spec
from tests.unit.test_estimate_fe import panel_of, simulate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "estimators.md"


def test_the_list_is_that_of_the_catalogue() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == renewed(text), "renew the page: make estimators"
    for name in ESTIMATORS:
        assert f"**`{name}`**" in text
    with pytest.raises(ValueError, match="lacks"):
        renewed("no markers")
    assert "required" in estimator_list()


def test_the_example_of_a_new_estimator(monkeypatch: pytest.MonkeyPatch) -> None:
    code, entry = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    module = types.ModuleType("tertius.estimate.between")
    exec(code, module.__dict__)
    monkeypatch.setitem(sys.modules, "tertius.estimate.between", module)
    declared = eval(entry, {"Estimator": Estimator, "Option": Option})
    monkeypatch.setitem(ESTIMATORS, declared.name, declared)
    data = simulate(61, counts=False)
    raw = {"outcome": "pat", "lead": 0, "estimator": "between", "terms": ["x", "z"]}
    for power in (0.0, 1.0):
        spec = resolve_spec("m", {**raw, "winsor": None, "options": {"power": power}})
        estimate = estimate_model(panel_of(data), spec)
        means = data.groupby("org_id")[["pat", "x", "z"]].mean()
        weight = data.groupby("org_id").size().to_numpy() ** (power / 2)
        x = np.column_stack([np.ones(len(means)), means[["x", "z"]]]) * weight[:, None]
        b = np.linalg.lstsq(x, means["pat"] * weight)[0]
        assert estimate.coefficients == pytest.approx(b[1:], rel=1e-9)
    assert spec.effects == ("year",)
    assert estimate_frames(estimate).fit["estimator_label"] == "Between OLS"
