"""What a command makes of its arguments."""

from argparse import Namespace

from recsys_tasks.steps import Workplace
from recsys_tasks.steps.workplaces import workplace


def workplace_of(args: Namespace) -> Workplace:
    """The workplace of a command; progress goes to standard error, so that the answer stands alone.

    Raises:
        ConfigError: the root or the configuration is not named, or not sound.
    """
    return workplace(args.root, args.config, args.dsn, args.tell)
