"""One command done for another program: what it would have said at a terminal, and how it ended."""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from recsys_tasks.cli.answers import SAID_NO, Answer
from recsys_tasks.cli.main import prepared
from recsys_tasks.core.errors import RecsysError, StoreUnavailable
from recsys_tasks.core.roots import Root
from recsys_tasks.core.services import Service
from recsys_tasks.pages.acting import End, Outcome

LOOK = "Look at what is live before all else."


def perform(
    arguments: Sequence[str], environment: Mapping[str, str], root: Root | None, tell: Callable[[str], None]
) -> Outcome:
    """Do a command in this process.

    Args:
        arguments: the command and what follows it.
        environment: variables that name the configuration and the source.
        root: of the store.
        tell: called with each line of progress.
    """
    service = Service("", None, None)
    try:
        args = prepared(arguments, environment)
        service, args.root, args.tell = args.found, root, tell
        found: Answer = args.handler(args)
    except (StoreUnavailable, OSError, pa.ArrowException) as error:
        return Outcome(End.BROKEN, service.worded(f"{error} {LOOK}"))
    except RecsysError as error:
        return Outcome(End.REFUSED, service.worded(str(error)))
    end = End.DONE if found.exit_code in (0, SAID_NO) else End.REFUSED
    return Outcome(end, service.worded(found.text))
