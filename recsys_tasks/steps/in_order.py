"""Work on several threads whose results come in the order of what it was given."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
Found = TypeVar("Found")


def in_order(work: Callable[[T], Found], items: Iterable[T], threads: int) -> Iterator[Found]:
    """What some work makes of items, in their order, with no more of them under way than there are threads, and one."""
    waiting: deque[Future[Found]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
