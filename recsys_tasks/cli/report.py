"""The command ``report``: the page that tells a person what came of a day."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.arguments import workplace_of
from recsys_tasks.core.domain import parse_day
from recsys_tasks.release.judgements import nothing_judged
from recsys_tasks.release.series import series
from recsys_tasks.steps import write_report


def register(commands: Any) -> None:
    """Add the command to the parser."""
    text = "one self-contained HTML page on what the gate said of a date, and why; prints its path"
    report: ArgumentParser = commands.add_parser("report", help=text, description=text)
    report.add_argument("--date", required=True, help="date of the data, e.g. 2026-11-22")
    report.add_argument("--out", type=Path, help="write a copy to this file too")
    report.add_argument("--json", action="store_true", help="the answer as JSON")
    report.set_defaults(handler=_report)


def _report(args: Namespace) -> Answer:
    at, day = workplace_of(args), parse_day(args.date)
    newest = series(at.store, day)[-1:]
    if not newest or newest[0]["day"] != day.isoformat():
        raise nothing_judged(day)
    written = write_report(at, day, newest[0]["judgement"])
    path = at.store.where(written.report)
    if args.out:
        args.out.write_bytes(at.store.read(written.report))
        path = str(args.out)
    return Answer(written.to_json() | {"path": path}, path)
