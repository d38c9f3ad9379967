"""Commands that run the pipeline, and show what it did: run, status, gate."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from recsys_tasks.cli.answers import SAID_NO, Answer
from recsys_tasks.cli.arguments import workplace_of
from recsys_tasks.core.business_days import UTC_DAYS, BusinessDays
from recsys_tasks.core.config import ScheduleConfig, load_table
from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.errors import ConfigError, DataRefused, DayIncomplete, RecsysError
from recsys_tasks.core.formatting import count
from recsys_tasks.core.typed_text import reason_of
from recsys_tasks.release.advice import Judged, explanation, rule_of, steps
from recsys_tasks.release.compared import incumbent_release, naming_the_incumbent
from recsys_tasks.release.log import Entry
from recsys_tasks.reporting.overview import overview, status_text
from recsys_tasks.reporting.standing import in_lines
from recsys_tasks.reporting.terminal_tables import as_table
from recsys_tasks.steps import Signature, Workplace, retain, source_is_complete
from recsys_tasks.steps.results import DayRun
from recsys_tasks.steps.whole_day import run_day
from recsys_tasks.storage.stores import store_at

RUN_COLUMNS = {"day": "day", "users": "scored", "precision": "candidate p@k", "popularity": "popular p@k"} | {
    "verdict": "verdict",
    "live": "live release",
    "why": "why",
}


def register(commands: Any) -> None:
    """Add the commands to the parser."""
    run: ArgumentParser = commands.add_parser("run", help="all steps of a day, or of a range of days")
    run.add_argument("--date", required=True, help="date, of UTC unless [schedule] names a zone, e.g. 2026-11-22")
    run.add_argument("--to", help="last date of a range, each run in turn")
    run.add_argument("--cold-start", action="store_true", help="train from drawn factors although yesterday's exist")
    run.add_argument("--allow-empty-day", action="store_true", help="a date without streams is an empty partition")
    run.add_argument("--accept-data", metavar="WHY", default="", help="train on streams that a check stopped; why")
    run.add_argument(
        "--publish-older", metavar="WHY", default="", help="publish though newer data are live, and pin; why"
    )
    run.add_argument(
        "--rebuild-through", action="store_true", help="fold the stale matrices of later dates again now, too"
    )
    run.add_argument("--json", action="store_true", help="the answer as JSON")
    run.set_defaults(handler=_run)
    status: ArgumentParser = commands.add_parser("status", help="what is live, the judged days, the last reasons")
    status.add_argument("--json", action="store_true", help="the answer as JSON")
    status.set_defaults(handler=_status)
    clean: ArgumentParser = commands.add_parser("retention", help="remove what nobody can need any more")
    clean.add_argument("--dry-run", action="store_true", help="only list what would be removed, with its size")
    clean.add_argument("--json", action="store_true", help="the answer as JSON")
    clean.set_defaults(handler=_retention)


def _run(args: Namespace) -> Answer:
    at = workplace_of(args)
    first = parse_day(args.date)
    last = parse_day(args.to) if args.to else first
    if last < first:
        raise ConfigError(f"--to {last} is before --date {first}. Give the earlier date first.")
    for word, said in (("--accept-data", args.accept_data), ("--publish-older", args.publish_older)):
        if said and args.to:
            raise ConfigError(f"{word} speaks for one run that somebody looked at. Leave out --to.")
        if said:
            reason_of(said)  # before the work that it is for
    rows: list[dict[str, Any]] = []
    refused: list[RecsysError] = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        try:
            done = _run_one(args, at, day, args.rebuild_through and day == last)
            rows.append(_row(done, at.releases.log().live, at.days))
        except DataRefused as error:  # quarantined: the later days go on without it
            refused.append(error)
        except RecsysError as error:
            refused.append(error)
            break
    if refused and not rows:
        raise refused[0]
    if refused:  # the other days are told all the same
        warning = "\n".join(f"{type(error).__name__}: {error}" for error in refused)
        return Answer({"days": rows}, _summary(rows), exit_code=1, warning=warning)
    held = any(row["verdict"] != "PASS" for row in rows)
    return Answer({"days": rows}, _summary(rows), exit_code=SAID_NO if held else 0)


def _run_one(args: Namespace, at: Workplace, day: Day, rebuild_through: bool) -> DayRun:
    began = args.now()
    if not source_is_complete(at, day, began):
        raise DayIncomplete(f"{day} is not complete yet: its grace period runs, or no later stream was seen. Wait.")
    signature = Signature(args.user, "passed the gate", began.isoformat(), f"cli__{day}__{began:%Y%m%dT%H%M%S.%f}")
    return run_day(
        at,
        day,
        signature,
        args.now,
        cold_start=args.cold_start,
        allow_empty=args.allow_empty_day,
        accept_data=args.accept_data,
        publish_older=args.publish_older,
        rebuild_through=rebuild_through,
    )


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """The judged days as a table; below it what became of dates that were there before, and of matrices."""
    became = [row["extracted"]["summary"] for row in rows]
    told = [summary for row, summary in zip(rows, became, strict=True) if summary != f"{row['day']} extracted"]
    rebuilt = [f"{row['day']}: folded again: {', '.join(row['rebuilt'])}" for row in rows if row["rebuilt"]]
    advised = [f"{row['day']}: {row['decided_by']}\n" + "\n".join(row["next"]) for row in rows if row["next"]]
    return "\n".join([as_table(rows, RUN_COLUMNS), *told, *rebuilt, *advised])


def _row(run: DayRun, live: Entry | None, days: BusinessDays) -> dict[str, Any]:
    result = run.to_json()
    verdict, published = result["verdict"], result["published"]
    release, rule = incumbent_release(verdict["figures"]), rule_of(verdict)
    reasons = [naming_the_incumbent(reason, release) for reason in verdict["reasons"]]
    why = published["reason"] if verdict["outcome"] == "PASS" else "; ".join(reasons)
    judged = Judged(result["day"], result["candidate"], verdict["outcome"], verdict["exact"], rule, days=days)
    return {
        "day": result["day"],
        "candidate": result["candidate"],
        "users": verdict["figures"]["users"],
        "precision": verdict["figures"].get("precision"),
        "popularity": verdict["figures"].get("popularity"),
        "verdict": verdict["outcome"],
        "live": result["live"],
        "why": why,
        "extracted": result["extracted"],
        "rebuilt": result["rebuilt"],
        "decided_by": explanation(rule) if verdict["outcome"] != "PASS" else "",
        "next": in_lines(steps(judged, live)),
    }


def _status(args: Namespace) -> Answer:
    days = load_table(args.config, "schedule", ScheduleConfig).days if args.config else UTC_DAYS
    status = overview(store_at(args.root), args.now(), days)
    return Answer(status, status_text(status))


def _retention(args: Namespace) -> Answer:
    removed = retain(workplace_of(args), args.now(), args.dry_run)
    answer, total = removed.to_json(), f"{count(removed.removed)} removed, {count(removed.bytes)} bytes"
    lines = [as_table(answer["items"], {"name": "artefact", "bytes": "bytes"})] if removed.items else []
    return Answer(answer, "\n".join([*lines, f"{total}{' (dry run: nothing was)' if args.dry_run else ''}."]))
