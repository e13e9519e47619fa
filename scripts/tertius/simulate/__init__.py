"""Simulated worlds with planted effects, written as raw records in the shape a user has."""

from __future__ import annotations

from .outcome import coefficients
from .settings import WorldSettings, null_world, settings_for
from .world import World, simulate_world
from .write import write_world

__all__ = [
    "World",
    "WorldSettings",
    "coefficients",
    "null_world",
    "settings_for",
    "simulate_world",
    "write_world",
]
