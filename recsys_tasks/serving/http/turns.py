"""The queue: answers are made on the event loop, a few milliseconds' work at a time, in the order of the questions.

An answer takes about a millisecond of arithmetic, so that a thread for it would cost more than it gains. Between two
answers the loop reads what has arrived: so a full queue is seen at once, and said at once.
"""

from asyncio import Future, get_running_loop
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from recsys_tasks.serving.http.problems import busy

Item = TypeVar("Item")
Answer = TypeVar("Answer")


MOST_TOGETHER = 16
"""Questions of one kind that are answered in one turn: arithmetic on several listeners costs little more than on one,
and nobody behind them waits longer than some milliseconds."""


class _Waiting(NamedTuple):
    until: float
    kind: Hashable  # None: of a kind of its own
    item: Any
    work: Callable[[list[Any]], Sequence[Any]]
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
        self._awake = False

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
        return cast(Answer, await self._waited(None, None, lambda _: [work()], admitted))

    async def share(self, kind: Hashable, item: Item, work: Callable[[list[Item]], Sequence[Answer]]) -> Answer:
        """The answer about one item, made together with those of the same kind that wait by then.

        Args:
            kind: questions of equal kinds have equal work.
            item: what is asked about.
            work: the answers about several items; where it fails, each item is asked about alone.

        Raises:
            Problem: as for ``take``.
        """
        return cast(Answer, await self._waited(kind, item, work, False))

    def _waited(
        self, kind: Hashable, item: Any, work: Callable[[list[Any]], Sequence[Any]], admitted: bool
    ) -> "Future[Any]":
        if len(self._queue) >= self._most and not admitted:
            raise busy(f"{self._most} requests are waiting already.")
        loop = get_running_loop()
        done: Future[Any] = loop.create_future()
        self._queue.append(_Waiting(self._clock() + self._patience, kind, item, work, done))
        if not self._awake:
            self._awake = True
            loop.call_soon(self._next)
        return done

    def _next(self) -> None:
        """Do the first piece of work; the next one comes when the loop has looked at its sockets."""
        some = self._together()
        now = self._clock()
        for late in [each for each in some if now > each.until and not each.done.done()]:
            late.done.set_exception(busy(f"The answer was not there in {self._patience:g} s."))
        if still := [each for each in some if not each.done.done()]:
            _do(still)
        self._awake = len(self._queue) > 0
        if self._awake:
            get_running_loop().call_soon(self._next)

    def _together(self) -> list[_Waiting]:
        """The first of the queue, and those of its kind."""
        first = self._queue.popleft()
        if first.kind is None:
            return [first]
        others = [each for each in self._queue if each.kind == first.kind][: MOST_TOGETHER - 1]
        for each in others:
            self._queue.remove(each)
        return [first, *others]


def _do(some: list[_Waiting]) -> None:
    """Answer some questions of one kind."""
    try:
        answers = some[0].work([each.item for each in some])
    except Exception as error:  # it belongs to whoever asked
        if len(some) > 1:
            for each in some:
                _do([each])
        else:
            some[0].done.set_exception(error)
        return
    for each, answer in zip(some, answers, strict=True):
        each.done.set_result(answer)
