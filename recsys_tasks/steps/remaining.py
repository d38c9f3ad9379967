"""How long the rest of a long step will take, as its log says it."""

import time
from collections.abc import Callable


class Remaining:
    """Pieces of about equal work against a clock, which starts when this is made."""

    def __init__(self, pieces: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to count. clock: seconds since any moment."""
        self._pieces, self._clock, self._began = pieces, clock, clock()

    def after(self, done: int) -> str:
        """``3 of 400, about 12 min left``: by the pace so far; of less than a second no word is lost."""
        text = f"{done:,} of {self._pieces:,}"
        if done >= self._pieces:
            return text
        seconds = (self._clock() - self._began) / done * (self._pieces - done)
        return text if seconds < 1 else f"{text}, about {spoken(seconds)} left"


def spoken(seconds: float) -> str:
    """A length of time in the unit that fits it."""
    if seconds >= 5400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
