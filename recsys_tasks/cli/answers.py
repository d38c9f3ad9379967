"""What a command answers: figures for machines, words for people."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """The result of a command: ``data`` is printed with --json, ``text`` without."""

    data: dict[str, Any]
    text: str
    exit_code: int = 0
    warning: str = ""  # one line for standard error
