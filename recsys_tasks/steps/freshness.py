"""Is what is live fresh and sound? Looked at from outside the daily run, which cannot tell that it never ran."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from recsys_tasks.alerting.alerts import Alert, alarm_key, of_damage, of_staleness
from recsys_tasks.alerting.outbox import Outbox
from recsys_tasks.core.digests import canonical_json
from recsys_tasks.core.errors import RecsysError, StorageError
from recsys_tasks.release.bundle import verify_bundle
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import read_log
from recsys_tasks.reporting.overview import age_hours
from recsys_tasks.steps.workplace import Reference, Workplace
from recsys_tasks.storage.files import replace_file
from recsys_tasks.storage.store import Store

NOTHING = "Nothing has been published yet."


def look_at_live(at: Workplace, now: datetime) -> Reference:
    """Look at the release log, the age of what is live, and, when it is time again, at each of its files.

    Returns:
        ``live`` (what is live, in words; empty when nothing was ever published), ``stale`` (None when the log does not
        say what is live), ``damage`` (what is damaged, in words; empty when nothing is), ``bound_hours``.
    """
    seen: Reference = {"live": "", "stale": None, "damage": "", "bound_hours": at.config.freshness.max_age_hours}
    try:
        live = read_log(at.store).live
        if live is None:
            return seen
        age = age_hours(live.day.isoformat(), now)
        seen |= {"live": _said(live, age), "stale": age > at.config.freshness.max_age_hours}
        _verify_when_due(at, live, now)
    except (RecsysError, OSError) as error:
        seen |= {"live": seen["live"] or "What is live cannot be said.", "damage": f"{type(error).__name__}: {error}"}
    return seen


def live_sentence(store: Store, now: datetime) -> str:
    """What is live and how old it is, in words, whatever state the release log is in."""
    try:
        live = read_log(store).live
    except (RecsysError, OSError):
        return "What is live cannot be said: the release log is damaged."
    return _said(live, age_hours(live.day.isoformat(), now)) if live else NOTHING


def freshness_alerts(outbox: Outbox, seen: Reference, runs: str) -> list[Alert]:
    """Alerts of what began or ended since the last look. The outbox itself remembers what was told.

    Args:
        outbox: where the alerts of earlier looks lie.
        seen: as ``look_at_live`` returned it.
        runs: address of the daily DAG's runs.
    """
    alerts = []
    episode, told = _episode(outbox, "stale")
    if seen["live"] and seen["stale"] is not None and seen["stale"] != told:
        alerts.append(of_staleness(episode, seen["stale"], seen["live"], seen["bound_hours"], runs))
    episode, told = _episode(outbox, "damaged")
    if seen["live"] and bool(seen["damage"]) != told:
        alerts.append(of_damage(episode, seen["damage"], seen["live"], runs))
    return alerts


def _episode(outbox: Outbox, alarm: str) -> tuple[int, bool]:
    """Number of the alarm's episode that is open, or that would be the next; whether it is open."""
    number = 0
    while outbox.holds(alarm_key(alarm, number, True)):
        if not outbox.holds(alarm_key(alarm, number, False)):
            return number, True
        number += 1
    return number, False


def _said(live: Entry, age: float) -> str:
    pin = f" It is pinned by {live.by}: {live.why}." if live.pinned else ""
    return f"Release {live.release} (data of {live.day}, {age:,.0f} hours old) is live.{pin}"


def _verify_when_due(at: Workplace, live: Entry, now: datetime) -> None:
    """Read all files of what is live, unless they were found sound lately; remember when they were.

    Raises:
        CorruptArtefact: a file differs from its checksum.
    """
    path = at.store.root / "releases" / "verified.json"
    found = _last_verified(path)
    pause = timedelta(hours=at.config.freshness.verify_every_hours)
    if found.get("parts") == live.parts and now - pause < datetime.fromisoformat(found["at"]) <= now:
        return
    verify_bundle(at.store, live)
    at.progress(f"every file of release {live.release} agrees with its checksum")
    try:
        replace_file(at.store.root, path, canonical_json({"parts": live.parts, "at": now.isoformat()}))
    except StorageError as error:  # then they are read again at the next look
        at.progress(str(error))


def _last_verified(path: Path) -> dict[str, Any]:
    """When which parts were last found sound; empty when nobody knows."""
    try:
        found = json.loads(path.read_bytes())
        datetime.fromisoformat(found["at"])
        return dict(found)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
