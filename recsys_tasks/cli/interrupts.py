"""Ctrl-C, which ends a command within a second or so, whatever its threads and the libraries below are at.

Python raises KeyboardInterrupt in the main thread as soon as that is back from the library that it called, and whoever
started threads waits for them: either may take minutes. So the command has a moment in which to end in order, and ends
without it after that. To the store this is a ``kill -9``, which may come at any time (docs/reliability.md).
"""

import os
import signal
import threading
import time

from recsys_tasks.cli.telling import flush, tell

STOPPED = "Stopped; nothing was half-written."
INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended: 128 and the number of the signal."""
MOMENT_S = 1.0
"""Seconds in which to end in order: enough to remove what is temporary."""


def end_soon_after_interrupts() -> None:
    """See to it that Ctrl-C ends this process soon, from now on. Only the main thread may call it.

    Who handles Ctrl-C themselves, as the HTTP service does that gives the answers under way, is left alone.
    """
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)  # written to at once, whatever the main thread is at
    threading.Thread(target=_end_after_an_interrupt, args=(readable,), name="recsys-ends", daemon=True).start()


def _end_after_an_interrupt(readable: int) -> None:
    while os.read(readable, 1) != bytes([signal.SIGINT]) or not _is_pythons_own():
        pass
    time.sleep(MOMENT_S)
    tell(STOPPED)
    flush()
    os._exit(INTERRUPTED)


def _is_pythons_own() -> bool:
    """Whether Ctrl-C raises KeyboardInterrupt, and nothing else."""
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler
