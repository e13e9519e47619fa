"""Agents in place of data: what a regime would do, simulated on the firms of the study."""

from __future__ import annotations

from tertius.catalogue.estimator import Estimator, Option

ENTRIES: tuple[Estimator, ...] = (
    Estimator(
        name="agent_matching",
        firm_effects="refused",
        label="Simulation of partner matching",
        link="identity",
        gives=("gain",),
        function="agent_matching.fit_agent_matching",
        source="after Gale & Shapley (1962) and Stigler (1961)",
        options=(
            Option("contacts", "integer", "firms that a firm gets to know by itself", 5, low=1),
            Option("places", "integer", "matches that a firm can serve", 1, low=1),
            Option("draws", "integer", "simulated searches a year", 20, low=2),
            Option("seed", "integer", "seed of the searches", 1, low=0),
        ),
        note="a simulation, no estimate: each year's firms look for the most complementary partner "
        "on the terms, once among a few contacts and once by a platform that knows them all; gain "
        "is what the platform adds, in standard deviations of the value of a pair",
    ),
)
