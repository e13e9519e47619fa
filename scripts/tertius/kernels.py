"""Compilation and scheduling of numerical kernels.

Kernels that call one another live in one file: numba's on-disk cache notices edits of the file that
holds the caller only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

from numba import get_num_threads, njit

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")
R = TypeVar("R")


def kernel(function: F) -> F:
    """Compile on first call, cache on disk, release the interpreter lock, keep IEEE arithmetic."""
    return cast(F, njit(cache=True, nogil=True, error_model="numpy")(function))


def run_blocks(work: Callable[[T], R], blocks: Iterable[T], threads: int | None) -> Iterator[R]:
    """Results of `work` on every block, in the order of the blocks, whatever the thread count.

    The blocks depend on the data alone, so that sums over the results add up in one fixed order.
    `threads` of None takes numba's own thread count (the variable NUMBA_NUM_THREADS).
    """
    count = int(get_num_threads()) if threads is None else threads
    if count < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    if count == 1:
        yield from map(work, blocks)
        return
    with ThreadPoolExecutor(count) as pool:
        yield from pool.map(work, blocks)
