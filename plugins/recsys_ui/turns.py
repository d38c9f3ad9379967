"""Turns: how many pages one process makes at the same time, so that a viewer who reloads cannot starve the server.

A page is made in one of the forty threads that all of Airflow's own requests share, and holds the interpreter for some
tenths of a second. Two at a time are made; a few more wait, without holding a thread; the rest are asked to come again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from recsys_ui.web import Sorry

AT_ONCE = 2
"""Pages that are made at the same time: one may be slow, and another one still comes."""
WAITING = 8
"""Requests that wait for their turn; a person who looks at a page asks for two things at a time."""
PATIENCE_S = 20.0
"""Seconds after which a waiting request is answered that the server is busy."""


class Turns:
    """The turns of one process; each event loop has its own."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, patience_s: float = PATIENCE_S) -> None:
        """Nobody waits yet."""
        self._at_once, self._most, self._patience_s = at_once, waiting, patience_s
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self.waiting = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a turn.

        Raises:
            Sorry: too many wait, or it did not come in time.
        """
        places = self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._at_once))
        if places.locked() and self.waiting >= self._most:
            raise _busy()
        self.waiting += 1
        try:
            async with asyncio.timeout(self._patience_s):
                await places.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            places.release()


def _busy() -> Sorry:
    text = "This server does as much for these pages as it may at a time. Try again in a moment."
    return Sorry("Busy", text, 503, again=True)


TURNS = Turns()
ANSWERS = Turns(at_once=4)
"""Those of *Try it*: a question waits for the disk, or for a release that is being opened, and computes little."""


async def turn() -> AsyncIterator[None]:
    """Hold a turn of this process while a route gathers what it shows; a dependency of the routes that read much."""
    async with TURNS.one():
        yield


async def answer_turn() -> AsyncIterator[None]:
    """Hold a turn of this process while a release is asked."""
    async with ANSWERS.one():
        yield
