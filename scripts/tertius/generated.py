"""Generated parts of documentation pages, each between two markers."""

from __future__ import annotations


def renewed_between(page: str, begin: str, end: str, text: str) -> str:
    """A page with what stands between two markers replaced.

    >>> renewed_between("a <b> old </b> z", "<b>", "</b>", "new")
    'a <b>new</b> z'

    Raises:
        ValueError: the page lacks a marker.
    """
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the page lacks {begin} or {end}")
    return f"{head}{begin}{text}{end}{tail}"
