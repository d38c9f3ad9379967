"""Commands on people: erase, exclude, readmit, and the evidence of what was removed of them."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.arguments import signature_of, workplace_of
from recsys_tasks.core.errors import UnknownId
from recsys_tasks.core.formatting import count
from recsys_tasks.core.records import as_json
from recsys_tasks.partitions.suppression import ERASE, EXCLUDE, Suppressed
from recsys_tasks.reporting.terminal_tables import as_table
from recsys_tasks.repositories.erasures import Evidence
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.suppress import ask_to_suppress, readmit

SHOWN = 12
"""Digits of a reference, and of a digest, in a table."""
COLUMNS = {"reference": "reference", "kind": "what", "asked": "asked", "by": "by", "removed": "removed"} | {
    "confirmed": "confirmed",
    "deadline": "deadline",
    "readmitted": "readmitted",
    "evidence": "evidence",
}
ACTS = {"name": "what", "did": "done", "people": "people", "before": "digest before", "after": "after"}


def register(commands: Any) -> None:
    """Add the commands to the parser."""
    for name, handler, text in (
        (ERASE, _ask, "a listener is forgotten: from the next run on nothing of them is left"),
        (EXCLUDE, _ask, "an account that is no listener (a bot, a test) never counts: as erase, without a deadline"),
        ("readmit", _readmit, "the streams of somebody erased or excluded count again, from today on"),
    ):
        command: ArgumentParser = commands.add_parser(name, help=text, description=text)
        command.add_argument("user", metavar="USER", help="the listener's id, as the source has it")
        command.add_argument("--by", required=True, help="who you are; stands with the request")
        command.add_argument("--why", required=True, help="the reason; stands with the request")
        command.add_argument("--json", action="store_true", help="the answer as JSON")
        command.set_defaults(handler=handler, kind=name)
    text = "who was to be forgotten, by when, and the evidence that nothing of them is left"
    shown: ArgumentParser = commands.add_parser("erasures", help=text, description=text)
    shown.add_argument("reference", nargs="?", default="", metavar="REFERENCE", help="the evidence of this one in full")
    shown.add_argument("--json", action="store_true", help="the answer as JSON")
    shown.set_defaults(handler=_erasures)


def _ask(args: Namespace) -> Answer:
    at = workplace_of(args)
    person = ask_to_suppress(at, args.user, args.kind, signature_of(args))
    due = person.deadline(at.config.privacy.deadline_days)
    until = f", at the latest by {due:%Y-%m-%d}" if due else ""
    todo = f"The next run does it{until}; `recsys retention` does it at once." if person.is_open else "It is done."
    return Answer(_row(at, person), f"Request {person.reference[:SHOWN]} ({person.kind}). {todo}")


def _readmit(args: Namespace) -> Answer:
    at = workplace_of(args)
    person = readmit(at, args.user, signature_of(args), at.days.of(args.now()))
    since = f"The streams of {person.reference[:SHOWN]} count again from {person.readmitted} on."
    return Answer(_row(at, person), since)


def _erasures(args: Namespace) -> Answer:
    at = workplace_of(args)
    people = [each for each in at.suppressions.people() if each.reference.startswith(args.reference)]
    rows = [_row(at, person) for person in people]
    table = as_table([_shown(row) for row in rows], COLUMNS) if rows else "Nobody has asked to be forgotten."
    if not args.reference:
        return Answer({"requests": rows}, table)
    if len(people) != 1:
        raise UnknownId(f"{len(people)} requests begin with {args.reference!r}. `erasures` lists them.")
    found = {number: at.erasures.evidence(number) for number in people[0].evidence}
    told = [_in_words(number, evidence, people[0]) for number, evidence in found.items()]
    data = {"requests": rows, "evidence": {number: as_json(evidence) for number, evidence in found.items()}}
    return Answer(data, "\n\n".join([table, *told]))


def _row(at: Workplace, person: Suppressed) -> dict[str, Any]:
    """A request as it is answered: without the id."""
    due = person.deadline(at.config.privacy.deadline_days)
    values = {name: value for name, value in asdict(person).items() if name != "user_id"}
    return values | {"deadline": due.isoformat() if due else None, "evidence": list(person.evidence)}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    instants = {name: str(row[name] or "")[:16].replace("T", " ") for name in ("asked", "removed", "confirmed")}
    return row | instants | {
        "reference": row["reference"][:SHOWN],
        "deadline": str(row["deadline"] or "none")[:10],
        "evidence": ", ".join(map(str, row["evidence"])),
    }  # fmt: skip


def _in_words(number: int, evidence: Evidence, person: Suppressed) -> str:
    """What was done, with digests, and what the search of everything found then."""
    searched = evidence.searched
    others = f" and {count(len(evidence.people) - 1)} others" if len(evidence.people) > 1 else ""
    rows = [_act(asdict(act)) for act in evidence.acts]
    left = f"Still found in: {', '.join(searched.left)}." if searched.left else "Nothing was found."
    return "\n".join(
        [
            f"Evidence {number}, {evidence.at[:19]} UTC, of {person.reference[:SHOWN]}{others}:",
            as_table(rows, ACTS) if rows else "Nothing was there to be done.",
            f"Then {count(searched.files)} files ({count(searched.bytes)} bytes) were searched for "
            f"{count(searched.ids)} ids and {count(searched.vectors)} vectors. {left}",
        ]
    )


def _act(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"before": row["before"][:SHOWN], "after": row["after"][:SHOWN]}
