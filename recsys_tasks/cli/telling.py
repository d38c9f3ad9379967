"""Standard output and error whose reader may leave in the middle, as ``head`` does: that is no error of a command."""

import os
import sys
from typing import TextIO


def answer(text: str) -> None:
    """What a command was asked for, on standard output."""
    _write(sys.stdout, f"{text}\n")


def tell(line: str) -> None:
    """A line beside the answer, on standard error, so that --json stays one document; unread, the work goes on."""
    _write(sys.stderr, f"{line}\n")


def flush() -> None:
    """Write out what was said by others, such as a text of help: at the end of a process, Python would complain."""
    _write(sys.stdout, "")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:  # what is still written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
