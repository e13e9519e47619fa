"""Problems with what a user supplied: collected, told at once, each with its place and mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

SHOWN = 20
"""At most this many problems of one kind are printed in full; the rest are counted."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing a user has to mend: where it is, what is wrong, what to do."""

    where: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" -> {self.fix}" if self.fix else "")


class InputError(Exception):
    """What the user supplied cannot be used; carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(describe(self.problems))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Problem, ...]]]:
        return InputError, (self.problems,)


@dataclass
class Problems:
    """Collects problems while a check goes on, so that all can be told at once."""

    found: list[Problem] = field(default_factory=list)

    def add(self, where: str, what: str, fix: str = "") -> None:
        """Note one problem and go on checking."""
        self.found.append(Problem(where, what, fix))

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note several problems."""
        self.found.extend(problems)

    def raise_if_any(self) -> None:
        """Stop here when anything was found.

        Raises:
            InputError: with all problems noted so far.
        """
        if self.found:
            raise InputError(self.found)


def describe(problems: Iterable[Problem]) -> str:
    """Text of the problems, one a line, the first `SHOWN` and a count of the rest."""
    listed = list(dict.fromkeys(problems))
    lines = [f"  {number}. {problem}" for number, problem in enumerate(listed[:SHOWN], 1)]
    if len(listed) > SHOWN:
        lines.append(f"  ... and {len(listed) - SHOWN} more")
    noun = "problem" if len(listed) == 1 else "problems"
    return "\n".join([f"{len(listed)} {noun} to mend:", *lines])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known words as a question, or the list of known ones when none is near."""
    options = sorted(known)
    near = difflib.get_close_matches(word, options, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(repr(option) for option in near) + "?"
    if len(options) > SHOWN:
        return f"known: {', '.join(options[:SHOWN])}, ... ({len(options)})"
    return f"known: {', '.join(options)}" if options else ""
