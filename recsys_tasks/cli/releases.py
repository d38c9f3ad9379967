"""Commands on releases: verify one, roll back, pin, release a held candidate."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.arguments import SEEN, signature_of, workplace_of
from recsys_tasks.cli.products import RELEASE_NUMBER
from recsys_tasks.core.formatting import count
from recsys_tasks.release.bundles import Bundles
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import Releases
from recsys_tasks.steps import release_candidate, rewrite_reports, roll_back, set_pin
from recsys_tasks.steps.store_state import state_of
from recsys_tasks.storage.stores import store_at


def register(commands: Any) -> None:
    """Add the commands to the parser."""
    verify: ArgumentParser = commands.add_parser("verify", help="every file of the live release, and the store's modes")
    verify.add_argument("--release", type=RELEASE_NUMBER, help="this release instead of the live one")
    verify.add_argument("--json", action="store_true", help="the answer as JSON")
    verify.set_defaults(handler=_verify)
    _register_signed(commands)


def _register_signed(commands: Any) -> None:
    for name, handler, argument, text in (
        ("rollback", _rollback, "release", "an earlier release goes live again, and is pinned until `unpin`"),
        ("release", _release, "candidate", "a held candidate goes live (`status --json` lists the digests)"),
        ("pin", _pin, None, "scheduled runs leave the live release alone"),
        ("unpin", _unpin, None, "scheduled runs publish again"),
    ):
        signed: ArgumentParser = commands.add_parser(name, help=text, description=text)
        if argument:
            kind, meaning = SIGNED_ARGUMENTS[argument]
            signed.add_argument(argument, type=kind, help=meaning)
        if name == "release":
            signed.add_argument("--older", action="store_true", help="also when newer data are live; it is then pinned")
        signed.add_argument("--by", required=True, help="who you are; stands in the log")
        signed.add_argument("--why", required=True, help="the reason; stands in the log")
        signed.add_argument("--seen", **SEEN)
        signed.add_argument("--json", action="store_true", help="the answer as JSON")
        signed.set_defaults(handler=handler)


SIGNED_ARGUMENTS: dict[str, tuple[Callable[[str], Any], str]] = {
    "release": (RELEASE_NUMBER, "number of the release, as `status` lists it"),
    "candidate": (str, "how the candidate's digest begins"),
}


def _verify(args: Namespace) -> Answer:
    store = store_at(args.root)
    log = Releases(store).log()
    entry = log.require_live() if args.release is None else log.release(args.release)
    parts = Bundles(store).verify(entry)
    files = sum(len(part.manifest.files) for part in parts.values())
    size = sum(file.size for part in parts.values() for file in part.manifest.files.values())
    text = f"Release {entry.release} (data of {entry.day}) is sound: {files} files, {count(size)} bytes."
    state = state_of(store)  # sound files that the next account may not read are of little use
    answer = {"release": entry.release, "files": files, "bytes": size, "store": state.to_json()}
    return Answer(answer, f"{text}\n{state}") if state.is_sound else Answer(answer, text, warning=str(state))


def _rollback(args: Namespace) -> Answer:
    return _new_entry(roll_back(workplace_of(args), args.release, signature_of(args), args.seen))


def _release(args: Namespace) -> Answer:
    at = workplace_of(args)
    outcome = release_candidate(at, args.candidate, signature_of(args), args.older, args.seen)
    rewrite_reports(at, args.candidate)
    heading = "Published" if outcome.published else "Not published"
    return Answer(outcome.to_json(), f"{heading}: {outcome.reason}.", exit_code=0 if outcome.published else 1)


def _pin(args: Namespace) -> Answer:
    return _new_entry(set_pin(workplace_of(args), True, signature_of(args), args.seen))


def _unpin(args: Namespace) -> Answer:
    return _new_entry(set_pin(workplace_of(args), False, signature_of(args), args.seen))


def _new_entry(entry: Entry) -> Answer:
    pinned = "pinned" if entry.pinned else "not pinned"
    text = f"Release {entry.release} (data of {entry.day}) is live and {pinned}: entry {entry.number} of the log."
    return Answer({"entry": entry.number, "release": entry.release, "pinned": entry.pinned}, text)
