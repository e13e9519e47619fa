"""How a step script is run: named paths and parameters in, a log out, user errors told plainly."""

from __future__ import annotations

import contextlib
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tertius
from tertius.problems import InputError, Problem

RESERVED = ("code",)
"""Parameters that only make a rule re-run; steps do not take them."""


def run(main: Callable[..., None], job: Any) -> None:
    """Call a step with the named inputs, outputs and parameters of its job.

    Paths become `Path`, lists of paths become lists; a step that takes `threads` gets those of the
    job. Everything printed goes to the job's log. A problem with what the user supplied is written
    beside the log without a traceback, where the workflow prints it last; nothing half-written
    stays behind.

    Args:
        main: the step; takes keywords only.
        job: the `snakemake` object of a script.

    Raises:
        SystemExit: with code 1 after a problem of the user's.
    """
    keywords = {**_paths(job.input), **_paths(job.output), **_parameters(job.params)}
    if "threads" in inspect.signature(main).parameters:
        keywords["threads"] = job.threads
    log = Path(job.log[0])
    notice = log.with_suffix(".problem")
    log.parent.mkdir(parents=True, exist_ok=True)
    notice.unlink(missing_ok=True)
    with (
        log.open("w", encoding="utf-8") as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        try:
            _assert_working_tree(Path(job.scriptdir))
            main(**keywords)
            return
        except InputError as error:
            text = str(error)
            print(text)
        except Exception:
            traceback.print_exc()
            raise
    notice.write_text(f"{job.rule}: {text}\n", encoding="utf-8")
    sys.exit(1)


def _paths(named: Any) -> dict[str, Path | list[Path]]:
    return {
        key: Path(value) if isinstance(value, str) else [Path(item) for item in value]
        for key, value in named.items()
    }


def _parameters(named: Any) -> dict[str, Any]:
    return {key: value for key, value in named.items() if key not in RESERVED}


def _assert_working_tree(scripts: Path) -> None:
    used = Path(tertius.__file__).resolve().parent.parent
    if used != scripts.resolve():
        what = f"the step would use the library in {used}, not the one beside it in {scripts}"
        raise InputError([Problem("installation", what, "uninstall the stale copy of tertius")])
