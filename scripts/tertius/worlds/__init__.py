"""Whole worlds, simulated and judged seed by seed: how far the verdicts can be trusted."""
