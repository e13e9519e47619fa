"""Writing a world to a folder, with the same bytes every time."""

from __future__ import annotations

import lzma
from pathlib import Path

import polars.selectors as cs
import yaml

from .world import World

COMPRESSED = (
    "patents", "citations", "firm_years", "alliances", "alliance_parties", "inventors",
    "family_members", "patent_events", "npl_citations", "trademarks", "products", "customs",
    "sales_ties", "survey", "litigation",
)  # fmt: skip
"""Tables written as .csv.xz; the small ones stay plain .csv."""


def write_world(world: World, folder: Path | str, preset: int = 6) -> list[Path]:
    """Write the raw tables and `truth.yaml` of a world; xz holds no time, so bytes are repeatable.

    Args:
        world: what to write.
        folder: created if needed; files of the same name are replaced.
        preset: effort of the compression, 0 (fast) to 9.

    Returns:
        The paths written, sorted.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, table in world.tables.items():
        blanks_out = table.with_columns(cs.string().replace("", None))
        text = blanks_out.write_csv(line_terminator="\n").encode("utf-8")
        if name in COMPRESSED:
            path, payload = target / f"{name}.csv.xz", lzma.compress(text, preset=preset)
        else:
            path, payload = target / f"{name}.csv", text
        path.write_bytes(payload)
        paths.append(path)
    truth = target / "truth.yaml"
    text = yaml.safe_dump(world.truth, sort_keys=False, allow_unicode=True, width=100).encode()
    truth.write_bytes(text)
    return sorted([*paths, truth])
