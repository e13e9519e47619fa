"""Whether anything has changed since a study's run ended, told from sizes and times of files.

Reading a workflow takes the engine some seconds. This check takes a tenth of one, needs the
standard library alone, and says yes only where every file that a run reads or writes stands as it
was left; in every other case the engine decides.

    python -m tertius.unchanged <record> <arguments of the run>     exit 0: nothing to be done
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

Trace = dict[str, list[int]]


def trace(places: Iterable[Path]) -> Trace:
    """Size and time of change (ns) of each file, and of each file below a folder, by its path.

    Compiled Python and the record itself (a name that starts with a dot) do not count.
    """
    found: Trace = {}
    for place in places:
        if place.is_dir():
            for folder, folders, names in os.walk(place):
                folders[:] = [name for name in folders if name != "__pycache__"]
                found |= _stats(Path(folder, name) for name in names if not name.startswith("."))
        else:
            found |= _stats([place])
    return found


def _stats(paths: Iterable[Path]) -> Trace:
    out: Trace = {}
    for path in paths:
        known = path.stat() if path.exists() else None
        out[path.as_posix()] = [known.st_size, known.st_mtime_ns] if known else []
    return out


def record_run(record: str | Path, places: Iterable[Path], arguments: Sequence[str]) -> None:
    """Write down how a run that ended well left the `places`, and what it was asked for."""
    listed = [path.as_posix() for path in places]
    content = {"arguments": list(arguments), "places": listed, "files": trace(map(Path, listed))}
    Path(record).write_text(json.dumps(content), encoding="utf-8")


def is_unchanged(record: Path, arguments: Sequence[str]) -> bool:
    """Whether the same run was recorded and all its places stand as it left them."""
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        asked = bool(known["arguments"] == list(arguments))
        return asked and bool(trace(map(Path, known["places"])) == known["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


if __name__ == "__main__":
    asked = Path(sys.argv[1]), sys.argv[2:]
    if not is_unchanged(*asked):
        sys.exit(1)
    print("Nothing to be done: every file stands as the last run left it.")
