"""The models of a claim's test under the changes of a cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tertius.claims.claim_test import ClaimTest
from tertius.model_spec import ModelSpec, resolve_spec
from tertius.multiverse.grid import Changes

FORMS = ("", "asinh")


@dataclass(frozen=True)
class CellModel:
    """One model of a cell: its specification over a panel whose outcome has the `form`."""

    spec: ModelSpec
    form: str = ""

    @property
    def key(self) -> str:
        """Equal keys are equal models."""
        return f"{self.spec.content_hash()}{self.form}"


def cell_models(
    test: ClaimTest,
    models: Mapping[str, Mapping[str, Any]],
    defaults: Mapping[str, Any],
    changes: Changes,
) -> dict[str, CellModel]:
    """The models of a test under changes, by model id.

    A model whose outcome another model of the test uses as a regressor (a mediator) keeps its
    outcome and lead, so that causes stay before effects.

    Args:
        test: the claim's test.
        models: raw specifications by id, as they are fitted (stand-ins in place).
        defaults: the study's settings of models.
        changes: `Grid.changes` of the cell.
    """
    declared = {name: resolve_spec(name, models[name], defaults) for name in test.all_models}
    used = {name: {v for o, s in declared.items() if o != name for v in s.variables}
            for name in declared}  # fmt: skip
    return {
        name: _changed(name, models[name], defaults, changes, spec.outcome in used[name])
        for name, spec in declared.items()
    }


def _changed(
    name: str,
    model: Mapping[str, Any],
    defaults: Mapping[str, Any],
    changes: Changes,
    mediator: bool,
) -> CellModel:
    raw = dict(model)
    written = dict(changes.get("model", {}))
    if mediator:
        written.pop("lead", None)
    else:
        raw["outcome"] = changes.get("outcome", {}).get(raw["outcome"], raw["outcome"])
    swap = dict(changes.get("estimator", {}).get(raw.get("estimator", "fe_poisson"), {}))
    form = str(swap.pop("form", ""))
    if "estimator" in swap:
        raw.pop("options", None)
    if "winsor_by_year" in changes:
        written["winsor"] = None
    spec = resolve_spec(name, {**raw, **written, **swap}, defaults)
    if form:
        spec = replace(spec, outcome=f"{form}_{spec.outcome}")
    return CellModel(spec, form)
