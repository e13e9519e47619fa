"""Compilation and scheduling of numerical kernels.

Kernels that call one another live in one file: numba's on-disk cache notices edits of the file that
holds the caller only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from types import TracebackType
from typing import Any, TypeVar, cast

import numpy as np
from numba import get_num_threads, njit
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")
R = TypeVar("R")

# Work below which a span is not worth a thread of its own.
_SPAN_WORK = 1 << 18
_MOST_SPANS = 64


def kernel(function: F) -> F:
    """Compile on first call, cache on disk, release the interpreter lock, keep IEEE arithmetic."""
    return cast(F, njit(cache=True, nogil=True, error_model="numpy")(function))


def thread_count(threads: int | None) -> int:
    """`threads`, or numba's own count (the variable NUMBA_NUM_THREADS) for None."""
    count = int(get_num_threads()) if threads is None else threads
    if count < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    return count


def even_spans(bounds: NDArray[np.int64], least: int = _SPAN_WORK) -> list[tuple[int, int]]:
    """Consecutive spans (lo, hi) of items, of about equal work; depends on the data alone.

    bounds: work before each item, and the total (n + 1). A span has at least `least` work, save
    where there are too few items or, for the default, where that would make more than 64 spans.
    """
    total = int(bounds[-1])
    if bounds.size < 2:
        return []
    pieces = max(total // least, 1)
    if least == _SPAN_WORK:
        pieces = min(pieces, _MOST_SPANS)
    targets = total * np.arange(1, pieces) // pieces
    cuts = np.unique(np.r_[0, np.searchsorted(bounds, targets), bounds.size - 1]).tolist()
    return list(pairwise(cuts))


class Workers:
    """A number of threads for several rounds of work, each round done before the next begins."""

    def __init__(self, threads: int | None) -> None:
        self.count = thread_count(threads)
        self._pool = ThreadPoolExecutor(self.count) if self.count > 1 else None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def run(self, work: Callable[[Any], R], items: Iterable[Any]) -> list[R]:
        """Results of `work` on every item, in the order of the items."""
        listed = list(items)
        if self._pool is None or len(listed) < 2:
            return [work(item) for item in listed]
        return list(self._pool.map(work, listed))


def run_blocks(work: Callable[[T], R], blocks: Iterable[T], threads: int | None) -> Iterator[R]:
    """Results of `work` on every block, in the order of the blocks, whatever the thread count.

    The blocks depend on the data alone, so that sums over the results add up in one fixed order.
    At most one block more than there are threads is waiting or at work, so that results do not
    pile up. `threads` of None takes numba's own count (the variable NUMBA_NUM_THREADS).
    """
    count = thread_count(threads)
    if count == 1:
        yield from map(work, blocks)
        return
    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(count) as pool:
        for block in blocks:
            pending.append(pool.submit(work, block))
            if len(pending) > count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
