"""The shapes that a claim can state as Markdown, for the documentation."""

from __future__ import annotations

from tertius.claims.shape_table import KEYS, SHAPES, Key, Shape
from tertius.generated import renewed_between

BEGIN, END = "<!-- shapes -->", "<!-- /shapes -->"


def shape_list() -> str:
    """Every shape with its keys and an example, then every key."""
    shapes = "\n".join(_shape(name, shape) for name, shape in SHAPES.items())
    keys = "\n".join(_key(name, key) for name, key in KEYS.items())
    return f"{shapes}\n\n### Keys\n\n{keys}\n"


def renewed(page: str) -> str:
    """A page with the list between its two markers renewed.

    Raises:
        ValueError: the page lacks a marker.
    """
    return renewed_between(page, BEGIN, END, f"\n\n{shape_list()}")


def _shape(name: str, shape: Shape) -> str:
    needs = ", ".join(f"`{key}`" for key in shape.needs)
    takes = ", ".join(f"`{key}`" for key in shape.takes)
    own = "" if "legs" in shape.needs else "`model`, "
    beside = f"; may have {takes}" if takes else ""
    defaults = ", ".join(f"{key} is {value}" for key, value in (shape.defaults or {}).items())
    unset = f" ({defaults} where it is not written)" if defaults else ""
    return f"- **`{name}`** {shape.says}. Needs {own}{needs}{beside}{unset}.\n  `{shape.example}`"


def _key(name: str, key: Key) -> str:
    words = f" One of {', '.join(key.choices)}." if key.choices else ""
    return f"- `{name}`: {key.help}.{words}"
