"""From raw patent and alliance records to networks, panels, regressions and judged claims."""

__version__ = "0.1.0"
