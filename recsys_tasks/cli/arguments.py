"""What a command makes of its arguments."""

import re
from argparse import ArgumentTypeError, Namespace
from typing import Any

from recsys_tasks.steps import Workplace
from recsys_tasks.steps.workplaces import workplace


def entry_number(text: str) -> int:
    """The number of a log entry as a person types it; 0 stands for a log without one.

    Raises:
        ArgumentTypeError: it is no such number.
    """
    if not re.fullmatch("0|[1-9][0-9]{0,11}", text, re.ASCII):
        raise ArgumentTypeError(f"{text!r} is no number of a log entry")
    return int(text)


SEEN: dict[str, Any] = {
    "type": entry_number,
    "metavar": "N",
    "help": "newest entry of the release log that you saw: if another one came since, nothing is done",
}
"""Of the argument ``--seen``, which every act upon the log takes."""


def workplace_of(args: Namespace) -> Workplace:
    """The workplace of a command; progress goes to standard error, so that the answer stands alone.

    Raises:
        ConfigError: the root or the configuration is not named, or not sound.
    """
    return workplace(args.root, args.config, args.dsn, args.tell)
