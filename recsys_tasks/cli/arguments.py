"""What a command makes of its arguments."""

import re
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys_tasks.steps import Signature, Workplace


def number_of(what: str, least: int) -> Callable[[str], int]:
    """What reads the number of something as a person types it: digits alone, none in front that is zero.

    It raises ArgumentTypeError where that is no such number.

    Args:
        what: what the number is of, in the words of the refusal.
        least: the smallest one there is.
    """

    def read(text: str) -> int:
        if not re.fullmatch("0|[1-9][0-9]{0,11}", text, re.ASCII) or int(text) < least:
            raise ArgumentTypeError(f"{text!r} is no number of {what}")
        return int(text)

    return read


SEEN: dict[str, Any] = {
    "type": number_of("a log entry", 0),  # 0 stands for a log without one
    "metavar": "N",
    "help": "newest entry of the release log that you saw: if another one came since, nothing is done",
}
"""Of the argument ``--seen``, which every act upon the log takes."""


def workplace_of(args: Namespace) -> "Workplace":
    """The workplace of a command; progress goes to standard error, so that the answer stands alone.

    Raises:
        ConfigError: the root or the configuration is not named, or not sound.
    """
    from recsys_tasks.steps.workplaces import workplace  # all of the steps: the commands that only read need none

    return workplace(args.root, args.config, args.dsn, args.tell)


def signature_of(args: Namespace) -> "Signature":
    """Who acts, and why, as ``--by`` and ``--why`` say, now.

    Raises:
        ConfigError: one of them is no text that may be kept.
    """
    from recsys_tasks.steps import Signature

    return Signature(args.by, args.why, args.now().isoformat())
