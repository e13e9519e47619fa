"""Test a claim under every choice of construction and estimation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from tertius import entry
from tertius.claims import load_claims
from tertius.claims.frozen import Lock, lock_of
from tertius.estimate import NotEstimable
from tertius.model_spec import planned_spec, with_stand_in
from tertius.multiverse.assemble import claim_panels, needed_columns
from tertius.multiverse.construct import BuiltNetwork, PanelSettings
from tertius.multiverse.estimate import run_plan
from tertius.multiverse.grid import Grid, NetworkVariant, all_cells, network_variants
from tertius.multiverse.plan import ClaimModels, check_varied, make_plan, models_by_estimation
from tertius.multiverse.summary import stamped, summarise
from tertius.problems import InputError, Problem
from tertius.provenance import write_json
from tertius.shapes import ShapeSettings
from tertius.tables import read_tables, write_parquet


def main(
    *,
    panel: Path,
    tables: Path,
    ties: Path,
    records: Path,
    measures: Path,
    networks: list[Path],
    claims: list[Path],
    schema: Path,
    lock: list[Path],
    cells: Path,
    summary: Path,
    claim: str,
    grid: Mapping[str, Any],
    focal_network: Mapping[str, Any],
    models: Mapping[str, Mapping[str, Any]],
    defaults: Mapping[str, Any],
    stand_ins: Mapping[str, Mapping[str, Any]],
    codebook: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Mapping[str, Any]],
    years: Mapping[str, Sequence[int]],
    frame: Mapping[str, Any],
    inference: Mapping[str, Any],
    unit: str,
    focal: str,
    seed: int,
) -> None:
    known = load_claims(claims, schema)[claim]
    if known.test is None:
        raise InputError([Problem(f"claim {claim}", "has no test to vary", "write its test")])
    raw = {name: with_stand_in(model, stand_ins) for name, model in models.items()}
    tested = ClaimModels(known.test, raw, defaults)
    try:
        check_varied(tested)
    except NotEstimable as refusal:
        raise InputError([Problem(f"claim {claim}", refusal.reason)]) from refusal
    choices = Grid(**grid)
    variants = network_variants(choices, focal_network, seed)
    built = {path.name: path for path in networks}
    own = BuiltNetwork(*map(pl.read_parquet, (ties, records, measures)))

    def network(variant: NetworkVariant) -> BuiltNetwork:
        return read_network(built[variant.id]) if variant.id in built else own

    settings = PanelSettings(years, frame["types"], unit, focal, codebook, declared)
    whole = pl.read_parquet(panel)
    by_estimation = models_by_estimation(choices, tested).values()
    columns = needed_columns((m for held in by_estimation for m in held.values()), whole)
    panels = claim_panels(
        whole.select(columns),
        choices,
        variants,
        network,
        read_tables(tables),
        settings,
    )
    span = sorted(whole["year"].unique())
    cells_of = all_cells(choices, variants.values())
    plan = make_plan(choices, cells_of, tested, whole.columns, span, panels.same, seed)
    alpha, draws = float(inference["alpha"]), int(inference["draws"])
    shape = ShapeSettings(alpha, draws, seed, float(inference["sesoi"]))
    runs = run_plan(plan, choices, known.test, panels.frames.__getitem__, shape)
    now = lock_of(
        [known],
        {name: planned_spec(name, models[name], defaults, stand_ins)
         for test in known.tests.values() for name in test.all_models},
        choices.choices,
    )  # fmt: skip
    late, levels = post_hoc(lock, now, claim)
    table = stamped(runs.table, choices, late, levels)
    record = summarise(claim, choices, tested, plan, runs, alpha, draws, seed)
    write_parquet(table.insert_column(0, pl.lit(claim).alias("claim_id")), cells)
    write_json({**record, "test_post_hoc": late}, summary)
    print(f"{claim}: {plan.counts}, same sign {record['shares']['same_sign']}")


def read_network(folder: Path) -> BuiltNetwork:
    """A network variant from its files."""
    return BuiltNetwork(*(pl.read_parquet(folder / f"{n}.parquet") for n in BuiltNetwork._fields))


def post_hoc(
    lock: list[Path], now: Lock, claim: str
) -> tuple[bool | None, Mapping[str, Mapping[str, bool]]]:
    """Whether the claim's test, and each level, came after the freeze; None without a lock."""
    if not lock:
        return None, {}
    frozen = Lock.from_dict(yaml.safe_load(lock[0].read_text(encoding="utf-8")))
    return frozen.post_hoc_tests(now)[claim]["primary"], frozen.post_hoc_levels(now)


if "snakemake" in globals():
    entry.run(main, globals()["snakemake"])
