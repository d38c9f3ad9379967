"""The command ``gate``: the verdicts of a date again, from the stored figures of single users alone."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.arguments import workplace_of
from recsys_tasks.core.domain import Verdict, parse_day
from recsys_tasks.core.errors import NotStored
from recsys_tasks.release.judgements import Judgement, Judgements
from recsys_tasks.steps.verdict import recomputed
from recsys_tasks.steps.workplaces import store_at

DIFFERS = "The stored figures give another verdict than the one that was stored. Which program judged that day?"


def register(commands: Any) -> None:
    """Add the command to the parser."""
    text = "the verdicts of a date again, from the stored figures of single users alone"
    gate: ArgumentParser = commands.add_parser("gate", help=text, description=text)
    gate.add_argument("--date", required=True, help="UTC date of the data, e.g. 2026-11-22")
    gate.add_argument("--todays-policy", action="store_true", help="by the configuration's policy, not that day's")
    gate.add_argument("--json", action="store_true", help="the answer as JSON")
    gate.set_defaults(handler=_gate)


def _gate(args: Namespace) -> Answer:
    store, day = store_at(args.root), parse_day(args.date)
    policy = workplace_of(args).config.gate if args.todays_policy else None
    judgements = Judgements(store)
    judged = judgements.of(day)
    if not judged:
        raise NotStored(f"Nothing was judged on {day}. `status` lists the judged days.")
    again = [_row(judgement, *recomputed(judgements, judgement, policy)) for judgement in judged]
    text = "\n\n".join(_as_text(row, bool(policy)) for row in again)
    if policy is None and not all(row["same"] for row in again):
        return Answer({"judgements": again}, text, exit_code=1, warning=DIFFERS)
    refused = any(row["outcome"] != "PASS" for row in again)
    return Answer({"judgements": again}, text, exit_code=3 if refused else 0)


def _row(judgement: Judgement, then: Verdict, again: Verdict) -> dict[str, Any]:
    return {"day": judgement.day.isoformat(), "judgement": judgement.name, **asdict(again), "same": again == then}


def _as_text(row: dict[str, Any], other_policy: bool) -> str:
    how = "as it was stored" if row["same"] else "not what was stored"
    by = "by the configuration's policy" if other_policy else "by the policy of that day"
    reasons = "\n".join(f"  {reason}" for reason in (*row["reasons"], *row["figures"]["warnings"]))
    return f"{row['day']} {row['judgement']}: {row['outcome']}, {by} ({how})\n{reasons}"
