"""Where the service stands, in one sentence for every place that says it: what is live, and the gate's last word."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recsys_tasks.core.business_days import UTC_DAYS, BusinessDays
from recsys_tasks.core.domain import parse_day
from recsys_tasks.release.advice import Step, publish_steps, steps
from recsys_tasks.release.log import ReleaseLog
from recsys_tasks.release.series import judged_of, newest

Row = Mapping[str, Any]
DID = {"HOLD": "was held back", "BLOCK": "was blocked"}


def sentence(log: ReleaseLog, rows: Sequence[dict[str, Any]], quarantined: Iterable[str] = ()) -> str:
    """What is live, and what came of the newest judged date.

    Args:
        log: the release log.
        rows: every judgement, as ``series.judgement_row`` gives them.
        quarantined: ISO dates; those after the newest judged one are named, for the gate said nothing of them.
    """
    entry, last = log.live, newest(rows)
    if entry is None:
        parts = ["Nothing is live: no release has been published yet"]
    else:
        parts = [f"Release {entry.release} (data of {entry.day}) is live"]
    if last is None:
        parts.append("no day has been judged")
    elif said := last_word(log, rows):
        parts.append(said)
    parts += [f"{day} is quarantined" for day in sorted(quarantined) if last is None or day > last["day"]]
    return f"{'; '.join(parts)}."


def last_word(log: ReleaseLog, rows: Sequence[dict[str, Any]]) -> str:
    """The gate's last word on the newest judged date, and what came of it; empty where it simply went live."""
    row = newest(rows)
    if row is None or (row["release"] is not None and row["signed_by"] is None):
        return ""
    of = f"{_which(row, rows)} candidate of {row['day']}"
    if log.live is not None and row["day"] < log.live.day.isoformat() and row["release"] is None:
        of += ", older than what is live,"
    if row["signed_by"] is not None:
        return (
            f"{of} {DID[row['outcome']]}, and went live as release {row['release']} on the word of {row['signed_by']}"
        )
    if row["outcome"] == "PASS":
        return f"{of} passed the gate but {_kept(log, row)}"
    return f"{of} {DID[row['outcome']]}: {'; '.join(row['reasons'])}{again(row)}"


def again(row: Row) -> str:
    """Who had a candidate judged again by another policy, in brackets; empty where nobody had."""
    if not row["earlier"]:
        return ""
    last = row["earlier"][-1]
    return f" (judged again by {last['by']}: {last['why']}; it was {last['outcome']})"


def next_steps(log: ReleaseLog, rows: Sequence[dict[str, Any]], days: BusinessDays = UTC_DAYS) -> list[Step]:
    """What can be done about the gate's last word; nothing where the candidate was published."""
    row = newest(rows)
    if row is None or row["release"] is not None:
        return []
    judged = judged_of(row, days)
    return publish_steps(judged, log.live) if row["outcome"] == "PASS" else steps(judged, log.live)


def in_lines(found: Iterable[Step]) -> list[str]:
    """Things to do as numbered lines."""
    return [f"{number}. {step}" for number, step in enumerate(found, 1)]


def _which(row: Row, rows: Iterable[Row]) -> str:
    """Another candidate of the same date may have been published before this one was judged."""
    others = (other for other in rows if other["day"] == row["day"] and other["candidate"] != row["candidate"])
    return "a later" if any(other["release"] is not None for other in others) else "the"


def _kept(log: ReleaseLog, row: Row) -> str:
    """Why a candidate that passed is not live."""
    decision = log.decide(row["candidate"], parse_day(row["day"]))
    if decision.publish or log.live is None:
        return f"is not published yet{again(row)}"
    pin = f"release {log.live.release} is pinned by {log.live.by}"
    return f"was kept, because {pin if log.live.pinned else 'newer data are live'}{again(row)}"
