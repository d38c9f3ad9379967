"""The command ``store``: which store this is, whose, and who else may work in it; and its copy elsewhere."""

from argparse import ArgumentParser, Namespace
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.roots import root_of
from recsys_tasks.steps.copying import copy_store
from recsys_tasks.steps.sharing import StoreState, keep_private, share
from recsys_tasks.steps.store_state import BucketState, state_of
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.stores import store_at


def register(commands: Any) -> None:
    """Add the command to the parser."""
    text = "which store this is, whose, and whether all of it has the modes that this asks for"
    command: ArgumentParser = commands.add_parser("store", help=text, description=text)
    change = command.add_mutually_exclusive_group()
    change.add_argument("--group", metavar="NAME", help="the accounts of this group share the store, what is in it too")
    change.add_argument("--private", action="store_true", help="nobody but its owner may read it, the default")
    command.add_argument("--json", action="store_true", help="the answer as JSON")
    command.set_defaults(handler=_store)
    further = command.add_subparsers(metavar="copy", required=False)
    text = "copy a store to another place, a folder or a bucket, and read all of it again; goes on where it was stopped"
    copy: ArgumentParser = further.add_parser("copy", help=text, description=text)
    copy.add_argument("source", metavar="FROM", help="root of the store: a path, or s3://, gs://, az://")
    copy.add_argument("target", metavar="TO", help="root of the copy, which becomes a store of its own")
    copy.add_argument("--json", action="store_true", help="the answer as JSON")
    copy.set_defaults(handler=_copy, any_service=True)


def _store(args: Namespace) -> Answer:
    state = _asked(args)
    return Answer(state.to_json(), str(state), exit_code=0 if state.is_sound else 1)


def _copy(args: Namespace) -> Answer:
    source, target = (root_of(text, args.environment) for text in (args.source, args.target))
    if source is None or target is None:
        raise ConfigError("Name both places: recsys store copy FROM TO.")
    copied = copy_store(source, target, args.now(), args.tell)
    return Answer(copied.to_json(), str(copied))


def _asked(args: Namespace) -> StoreState | BucketState:
    store = store_at(args.root)
    if not (args.group or args.private):
        return state_of(store)
    if not isinstance(store, PosixStore):
        raise ConfigError(f"{store.root} is in a bucket: who may read and write it, the bucket's own policy says.")
    return share(store, args.group, args.now()) if args.group else keep_private(store, args.now())
