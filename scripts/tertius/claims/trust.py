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
        tolerance: claim_id, fault, tolerance, highest (`tertius.worlds.attenuation`), or None.

    Returns:
        claim -> `power` {power, basis, seeds} and `fault_tolerance` {fault -> percent; None where
        no world decides the claim}; either is None where nothing is stored.
    """
    powers = {
        row.pop("claim_id"): row
        for row in (
            []
            if power is None
            else power.select("claim_id", "power", "basis", "seeds").iter_rows(named=True)
        )
    }
    faults: dict[str, dict[str, int | None]] = {}
    if tolerance is not None:
        for claim, fault, percent in tolerance.select("claim_id", "fault", "tolerance").iter_rows():
            faults.setdefault(claim, {})[fault] = percent
    return {
        claim: {"power": powers.get(claim), "fault_tolerance": faults.get(claim)}
        for claim in sorted(powers.keys() | faults.keys())
    }
