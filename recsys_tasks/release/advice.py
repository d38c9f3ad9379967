"""What a person can do about a verdict: each rule, what it means, the setting behind it, and the next commands.

One table for alerts, reports, pages and the command line. Every command here was tried; what a person has to fill in
stands in capitals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recsys_tasks.core.business_days import UTC_DAYS, BusinessDays
from recsys_tasks.core.formatting import fraction, percent, signed_percent
from recsys_tasks.gate.rules import COLLAPSE, EXACT, FLOOR, INCUMBENT, NONE, POOLED, POPULAR, USERS
from recsys_tasks.release import commands
from recsys_tasks.release.compared import incumbent_name, incumbent_release, naming_the_incumbent
from recsys_tasks.release.log import Entry

UNKNOWN = "unknown"
OLDER_WORDS = (
    ("only ", USERS),
    ("is below the floor", FLOOR),
    ("is not above that of the popular", POPULAR),
    ("the live release", INCUMBENT),
)
"""By what its first reason says, the rule of a verdict that was stored before verdicts named their rule."""


@dataclass(frozen=True)
class Rule:
    """What a rule of the gate looks at, and the settings that decide it."""

    meaning: str
    settings: str  # empty: none


RULES: Mapping[str, Rule] = {
    EXACT: Rule(
        "an exact check failed: the candidate is not what it was made to be, and nobody can override that",
        "no setting overrides it; [gate] min_recall and min_user_coverage say what two of the checks ask",
    ),
    USERS: Rule("too few listeners could be scored to say anything of the candidate", "[gate] min_users"),
    FLOOR: Rule("the precision is below what this service asks of any release", "[gate] floor"),
    POPULAR: Rule(
        "a list of the most popular tracks did as well, so that the candidate adds nothing",
        "[gate] block_z tells BLOCK from HOLD; [als] decides how good a model is (recsys tune)",
    ),
    INCUMBENT: Rule(
        "on the same listeners it is worse than the release before, or not surely good enough beside it",
        "[gate] margin, pass_z and hold_z for PASS, block_z and block_loss for BLOCK (see recsys gate plan)",
    ),
    POOLED: Rule(
        "over the last days together the candidates are worse than those of the days before, though no day shows it",
        "[gate] pooled_z (see recsys gate plan)",
    ),
    COLLAPSE: Rule(
        "what is scored every day fell far below its own last 28 days, so that the day itself is not to be trusted: it "
        "is quarantined, and the days after it are made without it",
        "[gate] collapse_loss and collapse_spreads, history_days",
    ),
    UNKNOWN: Rule("the reasons stand above", "[gate]"),
}


@dataclass(frozen=True)
class Judged:
    """A judgement, as far as advice depends on it."""

    day: str  # ISO date
    candidate: str  # digest
    outcome: str
    exact: bool
    rule: str
    run: commands.Run | None = None  # that judged it, where somebody knows
    days: BusinessDays = UTC_DAYS


@dataclass(frozen=True)
class Step:
    """One thing to do: in words, and the commands for it, any one of which will do."""

    words: str
    commands: tuple[str, ...] = ()  # for a terminal

    def __str__(self) -> str:
        return f"{self.words}: {' or '.join(self.commands)}" if self.commands else f"{self.words}."


def rule_of(verdict: Mapping[str, Any]) -> str:
    """The rule that decided, from a verdict's stored form: ``outcome``, ``exact``, ``reasons`` and ``figures``."""
    named = verdict.get("figures", {}).get("rule")
    if named:
        return str(named)
    if verdict["exact"]:
        return EXACT
    if verdict["outcome"] == "PASS":
        return NONE
    first = next(iter(verdict["reasons"]), "")
    return next((rule for words, rule in OLDER_WORDS if words in first), UNKNOWN)


def made_anew(day: str, run: commands.Run | None, days: BusinessDays = UTC_DAYS) -> Step:
    """How a date is made anew when its streams were wrong: what is stored of them is used again by any later task.

    Args:
        day: ISO date.
        run: what is cleared; None where nobody knows it, and then the date's scheduled run is.
        days: which instants belong to the date.
    """
    words = (
        "If the streams were wrong, mend the source, then clear the run from extract_streams on, downstream tasks with "
        "it; clearing a later task alone would use the same streams again"
    )
    cleared = commands.clear(run) if run else commands.clear_scheduled(day, days)
    return Step(words, (commands.run(day), cleared))


def accepted(day: str) -> Step:
    """How streams that were stopped for what they are go into the matrix all the same."""
    words = (
        "If the streams are right all the same, trigger the DAG, signed in, with this day and a reason as accept_data"
    )
    return Step(words, (commands.accept(day),))


def explanation(rule: str) -> str:
    """What a rule means and which setting decides it, in a sentence."""
    found = RULES.get(rule, RULES[UNKNOWN])
    meaning = f"{found.meaning[0].upper()}{found.meaning[1:]}"
    return f"{meaning}. What decides it: {found.settings}."


def steps(judged: Judged, live: Entry | None) -> list[Step]:
    """What can be done about a HOLD or a BLOCK, in the order in which to try it; nothing where it is a PASS.

    Args:
        judged: what was judged.
        live: the newest entry of the release log; None where nothing is live, or nobody knows.
    """
    if judged.outcome not in ("HOLD", "BLOCK"):
        return []
    mended = made_anew(judged.day, judged.run, judged.days)
    if judged.exact:
        cold = Step(
            "Mend what the failed check names, then train the day anew", (commands.run(judged.day, "--cold-start"),)
        )
        return [cold, mended]
    if judged.rule == COLLAPSE:
        return [mended, accepted(judged.day)]
    again = Step(
        "If the setting is wrong, change it, then have the day judged by it", (commands.judge_again(judged.day),)
    )
    return [mended, again, *release_by_hand(judged, live)]


def release_by_hand(judged: Judged, live: Entry | None) -> list[Step]:
    """How a named person publishes a candidate in spite of its verdict, beside what is live now."""
    words, older = "If the reasons are understood and harmless, publish it all the same", _is_older(judged, live)
    if live is not None and older:
        words += f"; its data are older than those of live release {live.release}, so it is then pinned"
    found = Step(words, (commands.release(judged.candidate, older),))
    return [_lift_the_pin(live), found] if live is not None and live.pinned else [found]


def publish_steps(judged: Judged, live: Entry | None) -> list[Step]:
    """How a candidate that passes, and is not published yet, goes live."""
    words, older = "A run of the day publishes what it finds made and judged", _is_older(judged, live)
    if live is not None and older:
        words = f"Its data are older than those of live release {live.release}: say why it shall go live and be pinned"
    ran = commands.run(judged.day, "--publish-older WHY" if older else "")
    publish = Step(words, (ran, commands.release(judged.candidate, older)))
    return [_lift_the_pin(live), publish] if live is not None and live.pinned else [publish]


def _is_older(judged: Judged, live: Entry | None) -> bool:
    return live is not None and judged.day < live.day.isoformat()


def _lift_the_pin(live: Entry) -> Step:
    words = f"Release {live.release} is pinned by {live.by}: nothing is published until that pin is lifted"
    return Step(words, (commands.unpin(),))


def cause(verdict: Mapping[str, Any]) -> str:
    """Why a candidate was held or blocked, in a few words for a subject line."""
    rule, figures, reasons = rule_of(verdict), verdict["figures"], verdict["reasons"]
    first = next(iter(reasons), "no reason is stored")
    if rule == EXACT:
        return f"an exact check failed ({first.partition(':')[0]})"
    if rule == USERS:
        return first.partition(";")[0]
    if rule == POPULAR:
        ours, theirs = fraction(figures["precision"]), fraction(figures["popularity"])
        return f"precision {ours} is not above the popular tracks' {theirs}"
    pair = figures.get(figures.get("stopped_by", "pair"))
    if rule == INCUMBENT and pair and pair["incumbent"] > 0:
        share, other = pair["difference"] / pair["incumbent"], incumbent_name(incumbent_release(figures))
        if verdict["outcome"] == "BLOCK":
            return f"{percent(-share)} worse than {other}"
        return f"{signed_percent(share, 1, minus='-')} against {other}, not surely good enough"
    return naming_the_incumbent(first, incumbent_release(figures))
