"""The sentences of a report: what the gate decided, what came of it, and what can be done."""

from dataclasses import asdict, dataclass

from recsys_tasks.core.business_days import UTC_DAYS, BusinessDays
from recsys_tasks.core.domain import Verdict
from recsys_tasks.core.formatting import count, instant, setting_percent
from recsys_tasks.release.advice import Judged, Step, explanation, publish_steps, rule_of, steps
from recsys_tasks.release.keys import JudgementKey
from recsys_tasks.release.log import PUBLISH_OLDER, Entry, ReleaseLog


@dataclass(frozen=True)
class Stage:
    """What came of a judgement, as the release log tells it."""

    name: str  # published, overridden, older, later, passed, kept, held, blocked or forbidden
    entry: Entry | None = None  # that published the candidate
    reason: str = ""  # why a candidate that passed was kept


def stage_of(verdict: Verdict, log: ReleaseLog, key: JudgementKey) -> Stage:
    """What came of this judgement."""
    entry = log.published(key.candidate)
    if entry is not None:
        if entry.verdict != "PASS":
            return Stage("overridden", entry)
        if entry.kind == PUBLISH_OLDER:
            return Stage("older", entry)
        return Stage("published" if verdict.passed else "later", entry)
    if verdict.passed:
        decision = log.decide(key.candidate, key.day)
        return Stage("passed" if decision.publish else "kept", reason=decision.reason)
    if verdict.exact:
        return Stage("forbidden")
    return Stage("held" if verdict.outcome == "HOLD" else "blocked")


def headline(stage: Stage, verdict: Verdict, key: JudgementKey, margin: float) -> str:
    """The verdict in one sentence. margin: loss that the gate still lets pass, a share."""
    what = f"The recommendations made from the listening of {key.day}"
    users = f"{count(verdict.figures['users'])} test listeners"
    if stage.entry is not None:
        went_live = f"{what} were published as release {stage.entry.release}"
        if stage.name == "overridden":
            did = "held them back" if stage.entry.verdict == "HOLD" else "blocked them"
            return f"{went_live} on the word of {stage.entry.by}, although the gate had {did}."
        if stage.name == "older":
            return f"{went_live} on the word of {stage.entry.by}, although newer ones had been live."
        if stage.name == "later":
            return f"{went_live}: this comparison did not pass them, another one with a later release did."
        return f"{went_live}: {_good(verdict, users, margin)}."
    return {
        "passed": f"{what} passed the test: {_good(verdict, users, margin)}.",
        "kept": f"{what} passed the test, but were not published: {stage.reason}.",
        "held": f"{what} were held back: the test could not show that they are good enough to go live.",
        "blocked": f"{what} were blocked: on {users} they fell short of what they have to beat.",
        "forbidden": f"{what} were blocked: a check that nobody can override failed.",
    }[stage.name]


def _good(verdict: Verdict, users: str, margin: float) -> str:
    if "pair" in verdict.figures:
        allowed = f"the {setting_percent(margin)} that are allowed"
        return f"on {users} they were surely not worse than the release before by more than {allowed}"
    return f"on {users} they did better than a list of the most popular tracks; there was no release to compare with"


def meaning(stage: Stage, log: ReleaseLog) -> str:
    """What listeners notice of it."""
    if stage.entry is not None:
        return f"Listeners were given them from {instant(stage.entry.at)} on."
    if stage.name == "passed":
        return "They go live with the next step of the run, unless something else has been published by then."
    if log.live is None:
        return "Nothing changed for listeners: no release has been published yet."
    live = f"release {log.live.release} (listening up to {log.live.day}) was live when this page was written"
    return f"Nothing changed for listeners: {live}."


def advice(
    stage: Stage, verdict: Verdict, key: JudgementKey, log: ReleaseLog, days: BusinessDays = UTC_DAYS
) -> tuple[str, list[Step]]:
    """What decided and by which setting, and what can be done; empty where nothing has to be.

    The page is written once: what is live then decides what its commands say.
    """
    rule = rule_of(asdict(verdict))
    judged = Judged(key.day.isoformat(), key.candidate, verdict.outcome, verdict.exact, rule, days=days)
    if stage.name in ("held", "blocked", "forbidden"):
        return explanation(rule), steps(judged, log.live)
    return ("", publish_steps(judged, log.live)) if stage.name == "kept" else ("", [])
