"""What a command answers: figures for machines, words for people."""

from dataclasses import dataclass
from typing import Any

SAID_NO = 3
"""Exit code of a command that did its work, where the gate says HOLD or BLOCK."""


@dataclass(frozen=True)
class Answer:
    """The result of a command: ``data`` is printed with --json, ``text`` without."""

    data: dict[str, Any]
    text: str
    exit_code: int = 0
    warning: str = ""  # one line for standard error
