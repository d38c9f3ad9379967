"""Is what is live fresh and sound? Looked at from outside the daily run, which cannot tell that it never ran."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from recsys_tasks.alerting.alerts import Alert, alarm_key, of_damage, of_late_erasures, of_staleness
from recsys_tasks.alerting.outbox import Outbox
from recsys_tasks.core.business_days import UTC_DAYS, BusinessDays
from recsys_tasks.core.digests import canonical_json
from recsys_tasks.core.errors import CorruptArtefact, RecsysError, StorageError, Unreadable
from recsys_tasks.core.formatting import count
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import Releases
from recsys_tasks.reporting.overview import age_hours
from recsys_tasks.steps.results import Seen
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.store import ArtefactStore

NOTHING = "Nothing has been published yet."
VERIFIED = "releases/verified.json"
LARGEST_VERIFIED = 1 << 16  # bytes
"""When which parts of what is live were last found sound."""


def look_at_live(at: Workplace, now: datetime) -> Seen:
    """Look at the release log, the age of what is live, and, when it is time again, at each of its files.

    Raises:
        Unreadable: this account may not read it, which says nothing about it.
    """
    seen = Seen(bound_hours=at.config.freshness.max_age_hours, late_erasures=_late_erasures(at, now))
    try:
        live = at.releases.log().live
        if live is None:
            return seen
        age = age_hours(live.day.isoformat(), now, at.days)
        seen = replace(seen, live=_sentence(live, age), stale=age > at.config.freshness.max_age_hours)
        _verify_when_due(at, live, now)
    except Unreadable:
        raise
    except (RecsysError, OSError) as error:
        sentence = seen.live or "What is live cannot be said."
        return replace(seen, live=sentence, damage=f"{type(error).__name__}: {error}")
    return seen


def live_sentence(store: ArtefactStore, now: datetime, days: BusinessDays = UTC_DAYS) -> str:
    """What is live and how old it is, in words, whatever state the release log is in."""
    try:
        live = Releases(store).log().live
    except Unreadable:
        return "What is live cannot be said: the release log could not be read."
    except (RecsysError, OSError):
        return "What is live cannot be said: the release log is damaged."
    return _sentence(live, age_hours(live.day.isoformat(), now, days)) if live else NOTHING


def live_entry(store: ArtefactStore) -> Entry | None:
    """The newest entry of the release log; None where nothing is live, or where nobody can say what is."""
    try:
        return Releases(store).log().live
    except (RecsysError, OSError):
        return None


def freshness_alerts(outbox: Outbox, seen: Seen, runs: str) -> list[Alert]:
    """Alerts of what began or ended since the last look. The outbox itself remembers what was told.

    Args:
        outbox: where the alerts of earlier looks lie.
        seen: as ``look_at_live`` returned it.
        runs: address of the daily DAG's runs.
    """
    alerts = []
    episode, is_open = _episode(outbox, "stale")
    if seen.live and seen.stale is not None and seen.stale != is_open:
        alerts.append(of_staleness(episode, seen.stale, seen.live, seen.bound_hours, runs))
    episode, is_open = _episode(outbox, "damaged")
    if seen.live and bool(seen.damage) != is_open:
        alerts.append(of_damage(episode, seen.damage, seen.live, runs))
    episode, is_open = _episode(outbox, "erasures")
    if bool(seen.late_erasures) != is_open:
        alerts.append(of_late_erasures(episode, seen.late_erasures, runs))
    return alerts


def _late_erasures(at: Workplace, now: datetime) -> str:
    """Which erasures are near their deadline and not done, or that nobody can say; empty where none is."""
    policy = at.config.privacy
    near = now + timedelta(days=policy.warn_days)
    try:
        waiting = [person for person in at.suppressions.open_people() if not person.removed]
    except CorruptArtefact as error:
        return f"Whose erasure is due cannot be said: {error}"
    dues = sorted(due for person in waiting if (due := person.deadline(policy.deadline_days)) and due <= near)
    return f"{count(len(dues))} erasures are not done, the first of them due by {dues[0]:%Y-%m-%d}." if dues else ""


def _episode(outbox: Outbox, alarm: str) -> tuple[int, bool]:
    """Number of the alarm's episode that is open, or that would be the next; whether it is open."""
    number = 0
    while outbox.holds(alarm_key(alarm, number, True)):
        if not outbox.holds(alarm_key(alarm, number, False)):
            return number, True
        number += 1
    return number, False


def _sentence(live: Entry, age: float) -> str:
    pin = f" It is pinned by {live.by}: {live.why}." if live.pinned else ""
    return f"Release {live.release} (data of {live.day}, {age:,.0f} hours old) is live.{pin}"


def _verify_when_due(at: Workplace, live: Entry, now: datetime) -> None:
    """Read all files of what is live, unless they were found sound lately; remember when they were.

    Raises:
        CorruptArtefact: a file differs from its checksum.
    """
    found = _last_verified(at.store)
    pause = timedelta(hours=at.config.freshness.verify_every_hours)
    if found.get("parts") == live.parts and now - pause < datetime.fromisoformat(found["at"]) <= now:
        return
    at.bundles.verify(live)
    at.progress(f"every file of release {live.release} agrees with its checksum")
    try:
        at.store.replace(VERIFIED, canonical_json({"parts": live.parts, "at": now.isoformat()}), LARGEST_VERIFIED)
    except StorageError as error:  # then they are read again at the next look
        at.progress(str(error))


def _last_verified(store: ArtefactStore) -> dict[str, Any]:
    """When which parts were last found sound; empty when nobody knows."""
    try:
        found = dict(json.loads(store.read(VERIFIED, LARGEST_VERIFIED)))
        if datetime.fromisoformat(found["at"]).tzinfo is None:
            raise ValueError
        return found
    except (OSError, ValueError, KeyError, TypeError, RecursionError, RecsysError):
        return {}
