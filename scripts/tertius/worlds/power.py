"""Power of the test of every claim, from the stored verdicts of simulated worlds.

Of a true claim it is the share of seeds that support it, of an opposite one the share that
contradicts it. A false claim has nothing to find: its power is that of its own adjusted test
against an effect of the size that the world plants in true claims of its shape. The size is a share
of the expected outcome where the test has one, with the claim's own standard error; else a z-ratio,
grown with the root of the firms. The adjusted test is bounded by Bonferroni over the claim's family
(Romano and Wolf 2005 reject at least as often).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from tertius.arrays import FloatArray
from tertius.inference.power import minimum_detectable_effect

WANTED: Mapping[str, str] = {
    "true": "supported",
    "false": "inconclusive",
    "opposite": "contradicted",
}
"""Truth of a claim -> the verdict that matches it."""
FOUND = ("true", "opposite")
SIMULATED, BY_SIZE, BY_RATIO = "simulated", "size of effect", "z-ratio"


@dataclass(frozen=True)
class ClaimPower:
    """Power of one claim's test.

    Attributes:
        claim_id: the claim.
        truth: planted, one of `WANTED`.
        shape: of its test.
        seeds: number of worlds.
        supported, contradicted, right: shares of the worlds with these verdicts, and with the one
            that matches the truth.
        power: see the module; NaN where no claim of a true effect says how large one is.
        basis: simulated, size of effect or z-ratio.
        mean_z: mean of the z-ratios of the test's p, with the sign of its estimate.
        critical: z-ratio that the adjusted test asks for.
    """

    claim_id: str
    truth: str
    shape: str
    seeds: int
    supported: float
    contradicted: float
    right: float
    power: float
    basis: str
    mean_z: float
    critical: float


def claim_powers(
    verdicts: pl.DataFrame, truths: Mapping[str, str], shapes: Mapping[str, str], alpha: float
) -> pl.DataFrame:
    """Power of every claim that has a truth.

    Args:
        verdicts: stored rows of one world and size (`worlds.run.judged`).
        truths: planted truth by claim.
        shapes: shape of the test by claim.
        alpha: level of the adjusted test.

    Returns:
        One row a claim, columns of `ClaimPower`, sorted by claim.
    """
    parts = {
        str(key[0]): part for key, part in verdicts.partition_by("claim_id", as_dict=True).items()
    }
    told = {claim: _Told.of(parts[claim], alpha) for claim in truths if claim in parts}
    known = {claim: one for claim, one in told.items() if truths[claim] in FOUND}
    rows = []
    for claim, one in sorted(told.items()):
        truth, shape = truths[claim], shapes[claim]
        peers = [k for c, k in known.items() if shapes[c] == shape] or list(known.values())
        shares = {word: float((one.words == word).mean()) for word in WANTED.values()}
        power, basis = shares[WANTED[truth]], SIMULATED
        if truth not in FOUND:
            power, basis = one.power_of_size(peers)
        rows.append(
            ClaimPower(
                claim, truth, shape, len(one.words), shares["supported"], shares["contradicted"],
                shares[WANTED[truth]], power, basis,
                float(np.nanmean(one.z)) if one.any else math.nan, one.critical,
            )
        )  # fmt: skip
    return pl.DataFrame([asdict(row) for row in rows])


@dataclass(frozen=True, eq=False)
class _Told:
    """What the seeds say of one claim: verdicts, z-ratios, effects and their standard errors on the
    log scale, firms, and the critical value of the adjusted test; arrays over the seeds."""

    words: Any
    z: FloatArray
    effect: FloatArray
    error: FloatArray
    firms: FloatArray
    critical: float

    @property
    def any(self) -> bool:
        """Whether the test ran in any seed."""
        return bool(np.isfinite(self.z).any())

    @staticmethod
    def of(rows: pl.DataFrame, alpha: float) -> _Told:
        numbers = {
            name: rows[name].cast(pl.Float64).to_numpy().astype(float)
            for name in ("estimate", "p_value", "effect", "effect_mde", "n_firms", "family_size")
        }
        sizes = numbers["family_size"][np.isfinite(numbers["family_size"])]
        size = float(sizes.mean()) if len(sizes) else 1.0
        z = stats.norm.isf(np.clip(numbers["p_value"], 1e-16, 1.0) / 2.0)
        return _Told(
            words=rows["verdict"].to_numpy(),
            z=z * np.where(numbers["estimate"] < 0.0, -1.0, 1.0),
            effect=np.log1p(np.maximum(numbers["effect"], -0.99)),
            # A detectable share of 0 tells no standard error.
            error=np.where(
                numbers["effect_mde"] > 0.0,
                np.log1p(numbers["effect_mde"]) / minimum_detectable_effect(1.0),
                np.nan,
            ),
            firms=numbers["n_firms"],
            critical=float(stats.norm.isf(alpha / 2.0 / size)),
        )

    def power_of_size(self, peers: list[_Told]) -> tuple[float, str]:
        """Power against the median effect of the peers, and what it rests on."""
        if not self.any:
            return math.nan, BY_RATIO
        sizes = [abs(float(np.nanmean(k.effect))) for k in peers if np.isfinite(k.effect).any()]
        if sizes and np.isfinite(self.error).any():
            ratio = float(np.median(sizes)) / self.error
            basis = BY_SIZE
        else:
            each = [abs(float(np.nanmean(k.z / np.sqrt(k.firms)))) for k in peers if k.any]
            ratio, basis = float(np.median(each)) * np.sqrt(self.firms), BY_RATIO
        return float(np.nanmean(stats.norm.sf(self.critical - ratio))), basis
