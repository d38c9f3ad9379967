"""The answer of ``gate plan``: what the gate can see on this service, and what that costs, from its own judged days."""

from dataclasses import asdict

from recsys_tasks.cli.answers import Answer
from recsys_tasks.core.errors import NotStored
from recsys_tasks.core.formatting import count, decimal, percent, setting_percent, significant
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.gate.plan import Plan, plan
from recsys_tasks.release.series import past_days, series
from recsys_tasks.steps.workplace import Workplace

DAYS = 56
"""Judged days that it rests on, at the most."""


def gate_plan(at: Workplace) -> Answer:
    """What to expect of the configuration's policy.

    Raises:
        NoRelease: nothing is live that a candidate could be compared with.
        NotStored: no candidate was ever compared with a live release.
    """
    at.releases.log().require_live()
    found = plan(past_days(series(at.store), DAYS), at.config.gate)
    if found is None:
        raise NotStored("No candidate was compared with a live release yet. Run another day, then ask again.")
    return Answer(asdict(found), _text(found, at.config.gate))


def _text(found: Plan, policy: GateConfig) -> str:
    """The plan in sentences."""
    earlier = f", {percent(found.earlier_error)} against one of a week before" if found.earlier_error else ""
    losses = ", ".join(
        f"{percent(loss)} within {days} {'day' if days == 1 else 'days'}" for days, loss in found.found_in.items()
    )
    lines = [
        f"From {count(found.days)} judged days, at margin {setting_percent(policy.margin)} and min_users "
        f"{count(policy.min_users)}:",
        f"- standard error of a day: {percent(found.error)} against the live release{earlier}",
        f"- expected stops of sound candidates: {decimal(found.holds_of_a_day, 1)} a year from single days, "
        f"{decimal(found.holds_of_several, 1)} from several days together",
        f"- smallest loss found in 95 of 100 cases: {losses}",
    ]
    if found.listeners_factor <= 1:
        return "\n".join([*lines, "One day decides at this margin: nothing need change."])
    wide = f"margin = {significant(found.margin, 2)} would be excluded on one day, with one stop a year"
    more = (
        f"or {decimal(found.listeners_factor, 1)} times the scored listeners at this margin ([evaluation] wanted_users)"
    )
    return "\n".join([*lines, f"One day does not decide at this margin; several do. {wide}; {more}."])
