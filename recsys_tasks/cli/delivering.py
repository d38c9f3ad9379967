"""Commands on deliveries: deliver what is live, and list what was delivered."""

from argparse import ArgumentParser, Namespace
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.arguments import workplace_of
from recsys_tasks.core.records import as_json

COLUMNS = {
    "release": "release",
    "day": "data of",
    "made": "delivered (UTC)",
    "sink": "also in",
    "product": "product",
} | {
    "listed": "lists",
    "coverage": "coverage",
    "new_tracks": "new tracks",
    "artists_a_list": "artists a list",
    "countries_a_list": "countries a list",
    "last": "repeats since last",
    "week": "since last week",
    "sink": "also in",
}


def register(commands: Any) -> None:
    """Add the commands to the parser."""
    text = "make the products of the live release for everybody, and fill the tables of RECSYS_SINK_DSN where it is set"
    deliver: ArgumentParser = commands.add_parser("deliver", help=text, description=text)
    deliver.add_argument("--again", action="store_true", help="fill the tables although they hold this delivery")
    deliver.add_argument("--json", action="store_true", help="the answer as JSON")
    deliver.set_defaults(handler=_deliver)
    text = "what was delivered when, of which release, to which places, and the figures of the lists"
    shown: ArgumentParser = commands.add_parser("deliveries", help=text, description=text)
    shown.add_argument("--json", action="store_true", help="the answer as JSON")
    shown.set_defaults(handler=_deliveries)


def _deliver(args: Namespace) -> Answer:
    from recsys_tasks.steps import Signature
    from recsys_tasks.steps.deliver import load_delivery, make_delivery

    at, signature = workplace_of(args), Signature(args.user, "what is live", args.now().isoformat())
    outcome = load_delivery(at, make_delivery(at, signature), args.sink, signature, args.again)
    return Answer(outcome.to_json(), f"{outcome.reason[:1].upper()}{outcome.reason[1:]}.")


def _deliveries(args: Namespace) -> Answer:
    from recsys_tasks.reporting.deliveries import shown_deliveries
    from recsys_tasks.reporting.terminal_tables import as_table

    found = shown_deliveries(workplace_of(args).deliveries)
    rows = [row for delivery in found for row in _rows(delivery)]
    table = (
        as_table(rows, COLUMNS)
        if rows
        else "Nothing has been delivered yet: `recsys deliver`, or the next run does it."
    )
    explored = [f"Release {each.release}. {each.exploration}" for each in found if each.exploration]
    return Answer({"deliveries": [as_json(delivery) for delivery in found]}, "\n".join([table, *explored]))


def _rows(delivery: Any) -> list[dict[str, Any]]:
    """A line for each product; what they have in common stands in the first."""
    head = {
        "release": delivery.release,
        "day": delivery.day.isoformat(),
        "made": delivery.made.at[:16].replace("T", " ") if delivery.made else None,
        "sink": ", ".join(each.place for each in delivery.sinks) or "-",
    }
    lines = [{"product": name, **figures, **figures.get("repeats", {})} for name, figures in delivery.products.items()]
    return [head | lines[0], *({**dict.fromkeys(head, ""), **line} for line in lines[1:])]
