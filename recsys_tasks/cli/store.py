"""The command ``store``: which store this is, whose, and who else may work in it."""

from argparse import ArgumentParser, Namespace
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.steps.sharing import StoreState, keep_private, look_at_store, share
from recsys_tasks.steps.workplaces import store_at


def register(commands: Any) -> None:
    """Add the command to the parser."""
    text = "which store this is, whose, and whether all of it has the modes that this asks for"
    command: ArgumentParser = commands.add_parser("store", help=text, description=text)
    change = command.add_mutually_exclusive_group()
    change.add_argument("--group", metavar="NAME", help="the accounts of this group share the store, what is in it too")
    change.add_argument("--private", action="store_true", help="nobody but its owner may read it, the default")
    command.add_argument("--json", action="store_true", help="the answer as JSON")
    command.set_defaults(handler=_store)


def _store(args: Namespace) -> Answer:
    state = _asked(args)
    return Answer(state.to_json(), str(state), exit_code=0 if state.is_sound else 1)


def _asked(args: Namespace) -> StoreState:
    store = store_at(args.root)
    if args.group:
        return share(store, args.group, args.now())
    return keep_private(store, args.now()) if args.private else look_at_store(store)
