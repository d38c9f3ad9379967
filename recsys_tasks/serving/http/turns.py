"""The queue: answers are made one at a time on the event loop, in the order in which they were asked for.

An answer takes about a millisecond of arithmetic, so that a thread for it would cost more than it gains. Between two
answers the loop reads what has arrived: so a full queue is seen at once, and said at once.
"""

from asyncio import Future, get_running_loop
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

from recsys_tasks.serving.http.problems import busy

Answer = TypeVar("Answer")


class _Waiting(NamedTuple):
    until: float
    work: Callable[[], Any]
    done: "Future[Any]"


class Turns:
    """A bounded queue of short pieces of work."""

    def __init__(self, most: int, patience: float, clock: Callable[[], float]) -> None:
        """Nothing waits yet.

        Args:
            most: that wait at the same time.
            patience: seconds after which one that still waits is sent away.
            clock: seconds that never go back.
        """
        self._most, self._patience, self._clock = most, patience, clock
        self._queue: deque[_Waiting] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    async def take(self, work: Callable[[], Answer], admitted: bool = False) -> Answer:
        """What a piece of work gives, when its turn has come.

        Args:
            work: takes a few milliseconds; whatever takes longer comes in several pieces.
            admitted: a further piece of what was let in before: no full queue refuses it.

        Raises:
            Problem: too many wait, or it has waited too long: come again.
        """
        if len(self._queue) >= self._most and not admitted:
            raise busy(f"{self._most} requests are waiting already.")
        loop = get_running_loop()
        done: Future[Any] = loop.create_future()
        self._queue.append(_Waiting(self._clock() + self._patience, work, done))
        if len(self._queue) == 1:
            loop.call_soon(self._next)
        return cast(Answer, await done)

    def _next(self) -> None:
        """Do the first piece of work; the next one comes when the loop has looked at its sockets."""
        first = self._queue[0]
        if not first.done.cancelled():
            self._do(first)
        self._queue.popleft()
        if self._queue:
            get_running_loop().call_soon(self._next)

    def _do(self, first: _Waiting) -> None:
        if self._clock() > first.until:
            first.done.set_exception(busy(f"The answer was not there in {self._patience:g} s."))
            return
        try:
            first.done.set_result(first.work())
        except Exception as error:  # it belongs to whoever asked
            first.done.set_exception(error)
