"""The command ``gate``: the verdicts of a date again, from the stored figures of single users alone.

With ``--judge-again``, a named person has the candidate of the date judged by the configuration's policy: an act, which
stands beside the verdict that there was. ``gate plan`` tells what the policy can see on this service.
"""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import Any

from recsys_tasks.cli.answers import SAID_NO, Answer
from recsys_tasks.cli.arguments import SEEN, signature_of, workplace_of
from recsys_tasks.cli.gate_plan import gate_plan
from recsys_tasks.cli.suspects import suspects
from recsys_tasks.core.domain import Verdict, parse_day
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.release.compared import incumbent_release, naming_the_incumbent
from recsys_tasks.release.judgements import Judgement, Judgements, nothing_judged
from recsys_tasks.release.log import Entry
from recsys_tasks.release.series import judgement_row
from recsys_tasks.reporting.overview import NEXT
from recsys_tasks.reporting.standing import in_lines, next_steps
from recsys_tasks.steps import judge_again, rewrite_reports
from recsys_tasks.steps.verdict import recomputed
from recsys_tasks.storage.stores import store_at

DIFFERS = "The stored figures give another verdict than the one that was stored. Which program judged that day?"


def register(commands: Any) -> None:
    """Add the command to the parser."""
    text = "the verdicts of a date again, from the stored figures of single users alone"
    gate: ArgumentParser = commands.add_parser("gate", help=text, description=text)
    gate.add_argument(
        "what", nargs="?", choices=("plan",), help="what the policy can see on this service, and its cost"
    )
    gate.add_argument("--date", default="", help="date of the data, e.g. 2026-11-22")
    how = gate.add_mutually_exclusive_group()
    how.add_argument(
        "--todays-policy", action="store_true", help="show it by the configuration's policy; nothing stays"
    )
    how.add_argument("--judge-again", action="store_true", help="have it judged by the configuration's policy for good")
    how.add_argument(
        "--suspects", action="store_true", help="the accounts that do not count as one listener each, by id"
    )
    gate.add_argument("--by", default="", help="who you are, for --judge-again; stands with the verdict")
    gate.add_argument("--why", default="", help="the reason, for --judge-again; stands with the verdict")
    gate.add_argument("--seen", **SEEN)
    gate.add_argument("--json", action="store_true", help="the answer as JSON")
    gate.set_defaults(handler=_gate)


def _gate(args: Namespace) -> Answer:
    if args.what == "plan":
        return gate_plan(workplace_of(args))
    if not args.date:
        raise ConfigError("Say which date (--date YYYY-MM-DD), or ask for the plan (recsys gate plan).")
    if args.judge_again:
        return _judge_again(args)
    if args.suspects:
        return suspects(workplace_of(args), parse_day(args.date))
    store, day = store_at(args.root), parse_day(args.date)
    policy = workplace_of(args).config.gate if args.todays_policy else None
    judgements = Judgements(store)
    judged = judgements.of(day)
    if not judged:
        raise nothing_judged(day)
    again = [_row(judgement, *recomputed(judgements, judgement, policy)) for judgement in judged]
    text = "\n\n".join(_as_text(row, bool(policy)) for row in again)
    if policy is None and not all(row["same"] for row in again):
        return Answer({"judgements": again}, text, exit_code=1, warning=DIFFERS)
    refused = any(row["outcome"] != "PASS" for row in again)
    return Answer({"judgements": again}, text, exit_code=SAID_NO if refused else 0)


def _judge_again(args: Namespace) -> Answer:
    at, day = workplace_of(args), parse_day(args.date)
    done = judge_again(at, day, signature_of(args), args.seen)
    rewrite_reports(at, done.candidate)
    log = at.releases.log()
    row = judgement_row(log, at.judgements, Judgement(day, done.judgement))
    said = f"{day} is {done.outcome} by the policy of now: {'; '.join(row['reasons'])}."
    lines = [said, f"It was {done.before}, which stays beside it.", *_judged_once_more(log.live, row)]
    found = in_lines(next_steps(log, [row], at.days))
    text = "\n".join([*lines, NEXT, *found] if found else lines)
    return Answer(done.to_json() | {"next": found}, text, exit_code=0 if done.outcome == "PASS" else SAID_NO)


def _judged_once_more(live: Entry | None, row: dict[str, Any]) -> list[str]:
    """What else has to pass before the candidate goes live; nothing where it was compared with what is live."""
    if live is None or live.day.isoformat() >= row["day"] or live.release == row["incumbent_release"]:
        return []
    return [
        f"Release {live.release} went live since: whatever publishes the candidate compares it with that one first."
    ]


def _row(judgement: Judgement, then: Verdict, again: Verdict) -> dict[str, Any]:
    release = incumbent_release(again.figures)
    named = {"reasons": [naming_the_incumbent(reason, release) for reason in again.reasons]}
    return {
        "day": judgement.day.isoformat(),
        "judgement": judgement.name,
        **asdict(again),
        **named,
        "same": again == then,
    }


def _as_text(row: dict[str, Any], other_policy: bool) -> str:
    how = "as it was stored" if row["same"] else "not what was stored"
    by = "by the configuration's policy" if other_policy else "by the policy of that day"
    reasons = "\n".join(f"  {reason}" for reason in (*row["reasons"], *row["figures"]["warnings"]))
    return f"{row['day']} {row['judgement']}: {row['outcome']}, {by} ({how})\n{reasons}"
