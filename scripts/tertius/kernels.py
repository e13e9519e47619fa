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
_SPAN_WORK = 1 << 16
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


def even_spans(bounds: NDArray[np.integer], least: int = _SPAN_WORK) -> list[tuple[int, int]]:
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
    # Of the bounds' own type, or all of them would be converted.
    targets = (total * np.arange(1, pieces) // pieces).astype(bounds.dtype)
    return list(pairwise(sorted({0, *np.searchsorted(bounds, targets).tolist(), bounds.size - 1})))


def carve(*wanted: tuple[tuple[int, ...], type[np.generic]]) -> list[NDArray[Any]]:
    """Zeros of some shapes and types, cut out of one block, each from a cache line of 64 bytes on.

    A large block gets large pages, which spares most of the page faults of many small ones.
    """
    sizes = [int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in wanted]
    raw = np.zeros(sum(sizes) + 64 * (len(sizes) + 1), np.uint8)
    arrays, at = [], -raw.ctypes.data % 64
    for (shape, kind), size in zip(wanted, sizes, strict=True):
        arrays.append(raw[at : at + size].view(kind).reshape(shape))
        at += -(-size // 64) * 64
    return arrays


def deal(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places for items that are laid out class by class, and within a class span by span.

    counts: items by span and class (spans, classes). Returns the first place of every class in
    every span (the same shape), and where each class begins, and the end (classes + 1).
    """
    if not counts.size:
        return counts, np.zeros(1, np.int64)
    ends = np.cumsum(counts.T.ravel()).reshape(counts.T.shape)
    starts = np.ascontiguousarray(ends.T) - counts
    return starts, np.r_[0, ends[:, -1]]


class Workers:
    """A number of threads for several rounds of work, each round done before the next begins."""

    def __init__(self, threads: int | None) -> None:
        self.count = thread_count(threads)
        # The calling thread works too.
        self._pool = ThreadPoolExecutor(self.count - 1) if self.count > 1 else None

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
        results: dict[int, R] = {}
        waiting = iter(range(len(listed)))

        def take() -> None:
            for k in waiting:
                results[k] = work(listed[k])

        helpers = [self._pool.submit(take) for _ in range(min(self.count, len(listed)) - 1)]
        take()
        for helper in helpers:
            helper.result()
        return [results[k] for k in range(len(listed))]


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
