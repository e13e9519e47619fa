"""What stored simulations say of each claim: power of its test, faults its verdict survives."""

from __future__ import annotations

from typing import Any

import polars as pl


def trust_records(
    power: pl.DataFrame | None, tolerance: pl.DataFrame | None
) -> dict[str, dict[str, Any]]:
    """By claim, what a card says of power and of faults; a claim in neither table is left out.

    Args:
        power: claim_id, power, basis, seeds (`tertius.worlds.power`), or None.
        tolerance: claim_id, fault, tolerance, worlds (`tertius.worlds.attenuation`), or None.

    Returns:
        claim -> `power` {power, basis, seeds} and `fault_tolerance` {worlds: those that decide the
        claim, percent: {fault -> percent, None where no world decides it}}; either is None where
        nothing is stored.
    """
    powers = {
        row.pop("claim_id"): row
        for row in (
            []
            if power is None
            else power.select("claim_id", "power", "basis", "seeds").iter_rows(named=True)
        )
    }
    faults: dict[str, dict[str, Any]] = {}
    if tolerance is not None:
        columns = ("claim_id", "fault", "tolerance", "worlds")
        for claim, fault, percent, worlds in tolerance.select(columns).iter_rows():
            told = faults.setdefault(claim, {"worlds": worlds, "percent": {}})
            told["percent"][fault] = percent
    return {
        claim: {"power": powers.get(claim), "fault_tolerance": faults.get(claim)}
        for claim in sorted(powers.keys() | faults.keys())
    }
