"""The words of an alert: what happened and what to do, for a person who is woken up. No secret, no user id."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recsys_tasks.alerting.failures import after_failure, stopped_subject
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.formatting import count, signed_percent, with_error
from recsys_tasks.release.advice import Judged, Step, cause, explanation, rule_of, steps
from recsys_tasks.release.commands import Run
from recsys_tasks.release.compared import incumbent_name, incumbent_release, naming_the_incumbent
from recsys_tasks.release.log import Entry

SUBJECT_LENGTH, LINE_LENGTH = 150, 1_000  # characters
NEXT = "What to do next:"
_ADDRESS = re.compile(r"(://)[^\s\"'<>]*@")  # up to the last @: a password may hold / and @
_FIELD = re.compile(
    r"""(?i)((?:passw(?:or)?d|secret|token|api_?key|authorization)["']?\s*[=:]\s*(?:bearer\s+|basic\s+)?)"""
    r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,;&'"]+)"""
)


def scrubbed(text: str) -> str:
    """The text without what may be a secret: user and password of an address, and values of fields named so."""
    return _FIELD.sub(r"\1***", _ADDRESS.sub(r"\1***@", text))


@dataclass(frozen=True)
class Alert:
    """One event. ``key`` is the same for the same event, so that a receiver recognises a repetition."""

    key: str
    subject: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as plain text."""
        return "\n".join(self.lines)

    @property
    def html(self) -> str:
        """The lines as HTML; everything is escaped, and addresses can be followed."""
        return "".join(f"<p>{_linked(line)}</p>" for line in self.lines)

    @property
    def slack(self) -> str:
        """Subject and lines as Slack takes them, its three control characters escaped."""
        return html.escape(f"{self.subject}\n{self.text}", quote=False)


def of_verdict(
    verdict: Mapping[str, Any],
    live: str,
    run: str,
    report: str,
    newest_entry: Entry | None = None,
    judged_by: Run | None = None,
) -> Alert:
    """The alert that the gate decided HOLD or BLOCK.

    Args:
        verdict: as the gate step returned it.
        live: what is live now, as a sentence.
        run: address of the run's page.
        report: address of the report's page.
        newest_entry: of the release log, which decides what the advised commands must say; None where nobody knows.
        judged_by: the run, for the commands; None where nobody knows it.
    """
    day, outcome, candidate = verdict["day"], verdict["outcome"], verdict["candidate"]
    rule, release = rule_of(verdict), incumbent_release(verdict["figures"])
    judged_by = judged_by and replace(judged_by, id=scrubbed(judged_by.id))
    reasons = [naming_the_incumbent(reason, release) for reason in verdict["reasons"]]
    lines = [
        f"The gate {'held back' if outcome == 'HOLD' else 'blocked'} the candidate of {day}: what was live stays live.",
        f"Date {day}, verdict {outcome}: {'; '.join(reasons)}.",
        *_figures(verdict["figures"]),
        explanation(rule),
        live,
        *_addresses(run, report),
        *_to_do(steps(Judged(day, candidate, outcome, verdict["exact"], rule, judged_by), newest_entry)),
    ]
    return _alert(("verdict", day, candidate, outcome), f"{outcome} of {day}: {cause(verdict)}", lines)


def of_drift(alarm: Mapping[str, str], day: str, live: str, run: str, report: str) -> Alert:
    """The alert that the recommendations decline slowly. alarm: ``key`` and ``text`` as the gate step returned them."""
    lines = [
        f"The recommendations decline slowly: {alarm['text']}.",
        f"Seen on {day}; an alert of this kind blocks nothing and comes once.",
        live,
        *_addresses(run, report),
        NEXT,
        "1. Look in the report since when, and at what changed then: the catalogue, the listeners, the parameters.",
        "2. Try a cold start (trigger with cold_start), and choose the parameters anew (recsys tune).",
        "3. If the decline is not ours, choose a newer release as [drift] reference_release.",
    ]
    return _alert(("drift", alarm["key"]), f"Slow decline of the recommendations, seen on {day}", lines)


def of_failure(failed: Mapping[str, Any], reason: str, log: str, day: str = "DATE") -> Alert:
    """The alert that a task failed for good.

    Args:
        failed: dag, run, task, how often the run had been cleared before (after a clear, a failure is a new one), and
            the run's logical_date in ISO-8601, if it has one.
        reason: the message of the task, which begins with the error's class and decides the advice; its first three
            lines are passed on.
        log: address of the task's log.
        day: ISO date that the run is about, for the commands; where nobody knows it, a word that stands for it.
    """
    run = Run(failed["dag"], scrubbed(failed["run"]), failed.get("logical_date", ""))  # before a command quotes it
    lines = [
        f"The task {failed['task']} of run {failed['run']} ({failed['dag']}) failed and is not retried.",
        *[line.strip() for line in reason.splitlines() if line.strip()][:3],
        "What was live stays live.",
        f"Log: {log}",
        *_to_do(after_failure(reason, day, run, failed["task"])),
    ]
    identity = ("failure", failed["dag"], failed["run"], failed["task"], failed["cleared"])
    return _alert(identity, stopped_subject(reason) or f"{failed['task']} failed in {failed['run']}", lines)


def of_staleness(episode: int, stale: bool, live: str, bound_hours: int, runs: str) -> Alert:
    """The alert that what is live grew older than the bound, or is within it again. runs: address of the DAG's runs."""
    if not stale:
        lines = [f"{live} That is within the bound of {count(bound_hours)} hours again.", f"Runs: {runs}"]
        return _alert(("alarm", "stale", episode, stale), "The live recommendations are fresh again", lines)
    lines = [
        f"{live} The bound is {count(bound_hours)} hours, so listeners miss what is new.",
        f"Runs: {runs}",
        NEXT,
        "1. Look at the newest runs of daily_recommendations: red, waiting for the day's streams, or paused?",
        "2. Mend the red task, or the source, and let the run go on.",
        "3. recsys status lists what the gate held back, and whether a pin holds.",
    ]
    return _alert(("alarm", "stale", episode, stale), "The live recommendations are stale", lines)


def of_damage(episode: int, damage: str, live: str, runs: str) -> Alert:
    """The alert that a file of what is live, or the release log, is damaged; or (empty ``damage``) sound again."""
    identity = ("alarm", "damaged", episode, bool(damage))
    if not damage:
        lines = [f"{live} All its files agree with their checksums again.", f"Runs: {runs}"]
        return _alert(identity, "What is live is sound again", lines)
    lines = [
        "What is live cannot be read as it was published. Open readers keep what they have; new ones refuse.",
        damage,
        live,
        f"Runs: {runs}",
        NEXT,
        "1. Look at the disk: what is damaged now may not be the last.",
        "2. Restore the file that is named, or recsys rollback N --by YOU --why REASON",
        "3. recsys verify reads everything again.",
    ]
    return _alert(identity, "What is live is damaged", lines)


def of_late_erasures(episode: int, late: str, runs: str) -> Alert:
    """The alert that people wait to be forgotten and their deadline is near; or (empty ``late``) that nobody does."""
    identity = ("alarm", "erasures", episode, bool(late))
    if not late:
        return _alert(identity, "No erasure is late any more", ["Nobody whose deadline is near waits to be forgotten."])
    lines = [
        f"{late} The tasks extract_streams and retention of the daily run do them.",
        f"Runs: {runs}",
        NEXT,
        "1. recsys erasures lists who waits, and where somebody was still found.",
        "2. Look at the task retention of the newest runs of daily_recommendations: red, or did no run come?",
        "3. Mend what its message names, then recsys retention does it at once.",
    ]
    return _alert(identity, "Erasures are near their deadline and not done", lines)


def alarm_key(name: str, episode: int, raised: bool) -> str:
    """The key of the alert that begins the n-th episode of an alarm, or that ends it."""
    return _key(("alarm", name, episode, raised))


def _alert(identity: Sequence[Any], subject: str, lines: Sequence[str]) -> Alert:
    """An alert whose every line is one line, of bounded length, without secrets."""
    kept = tuple(_line(line, LINE_LENGTH) for line in lines if line.strip())
    return Alert(_key(identity), _line(subject, SUBJECT_LENGTH), kept)


def _key(identity: Sequence[Any]) -> str:
    return digest_of("alert", *identity)[:32]


def _line(text: str, length: int) -> str:
    line = " ".join(scrubbed(text).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _addresses(run: str, report: str) -> list[str]:
    return [f"Run: {run}", f"Report: {report}"]


def _to_do(found: Iterable[Step]) -> list[str]:
    return [NEXT, *(f"{number}. {step}" for number, step in enumerate(found, 1))]


def _linked(line: str) -> str:
    label, address, rest = line.partition("http")
    if not address or " " in rest:
        return html.escape(line)
    target = html.escape(address + rest)
    return f'{html.escape(label)}<a href="{target}">{target}</a>'


def _figures(figures: Mapping[str, Any]) -> list[str]:
    """The two or three figures that decided."""
    lines = []
    if figures.get("precision") is not None:
        precision, popularity = (
            with_error(figures[name], figures.get(f"{name}_error")) for name in ("precision", "popularity")
        )
        lines.append(
            f"precision@k {precision}, of the popular tracks {popularity} ({count(figures['users'])} listeners)."
        )
    pair = figures.get("pair")
    if pair and pair["incumbent"] and pair["standard_error"] is not None:
        values = (pair["difference"], figures["low"], figures["high"])
        found, low, high = (signed_percent(value / pair["incumbent"], minus="-") for value in values)
        other = incumbent_name(incumbent_release(figures))
        alike = "joined as that joins its components, " if "as_is" in figures else ""
        lines.append(
            f"Against {other}, the incumbent when it was judged: {alike}{found}, 95% interval {low} to {high}."
        )
    return lines
