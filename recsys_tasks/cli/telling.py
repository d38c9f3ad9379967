"""Standard output and error whose reader may leave in the middle, as ``head`` does: that is no error of a command."""

import os
import sys
from typing import TextIO
from unicodedata import category

from recsys_tasks.core.typed_text import JOINERS, REFUSED

SHOWN = "\n\t" + JOINERS
"""Characters that a terminal shows as what they are, though others of their category are refused."""


def answer(text: str) -> None:
    """What a command was asked for, on standard output."""
    _write(sys.stdout, f"{text}\n")


def tell(line: str) -> None:
    """A line beside the answer, on standard error, so that --json stays one document; unread, the work goes on."""
    _write(sys.stderr, f"{line}\n")


def flush() -> None:
    """Write out what was said by others, such as a text of help: at the end of a process, Python would complain."""
    _write(sys.stdout, "")


def _plain(text: str) -> str:
    """A text without what a terminal would obey or turn around: titles come from strangers, and paths may be any bytes.

    A character that the stream cannot write is written as its number.
    """
    return "".join(
        character if character in SHOWN or category(character) not in REFUSED else "\ufffd" for character in text
    )


def _write(stream: TextIO, text: str) -> None:
    try:
        encoding = stream.encoding or "utf-8"
        stream.write(_plain(text).encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as error:  # a reader left, or the disk is full: what is still written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):
            raise
