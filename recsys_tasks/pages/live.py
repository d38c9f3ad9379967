"""The page *Live*: what is live, its figures beside the release before it, and whether its files are sound."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from recsys_tasks.core.business_days import UTC_DAYS, BusinessDays
from recsys_tasks.core.errors import CorruptArtefact, RecsysError
from recsys_tasks.core.policy import FreshnessConfig
from recsys_tasks.pages.remembered import RememberedJudgements, log_of, quarantined_of
from recsys_tasks.pages.viewed import Viewed
from recsys_tasks.release.bundles import Bundles, part_name
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.release.series import newest, that_made
from recsys_tasks.reporting.intervals import estimate
from recsys_tasks.reporting.overview import age_hours
from recsys_tasks.reporting.standing import next_steps, sentence
from recsys_tasks.storage.store import ArtefactStore

Row = Mapping[str, Any]


def live(
    store: ArtefactStore, freshness: FreshnessConfig, now: datetime, days: BusinessDays = UTC_DAYS
) -> dict[str, Any]:
    """Everything that the page *Live* names.

    Args:
        store: where to look.
        freshness: from which age on a release is stale.
        now: the instant of the request, UTC.
        days: which instants belong to which date.

    Raises:
        CorruptArtefact: the log or a manifest of a judgement is damaged.
    """
    log, seen = log_of(store), Viewed(store)
    rows, quarantined = _rows(seen, log), quarantined_of(seen)
    shown = {
        "entry": log.live,
        "sentence": sentence(log, rows, [each.day.isoformat() for each in quarantined]),
        "steps": next_steps(log, rows, days),
        "bound": freshness.max_age_hours,
        "quarantined": quarantined,
    }
    if log.live is None:
        return shown
    age = age_hours(log.live.day.isoformat(), now, days)
    ended = "" if days.is_default else days.clock(days.end(log.live.day))
    return shown | {"age": age, "ended": ended} | _details(store, log, log.live, rows)


def _rows(seen: Viewed, log: ReleaseLog) -> list[dict[str, Any]]:
    """The judgements of the newest date on which the gate has spoken, and of the date of what is live; no others."""
    judgements = RememberedJudgements(seen, log)
    dates = ((day, judgements.on(day)) for day in judgements.newest_first())
    day, rows = next(((day, found) for day, found in dates if newest(found)), (None, []))
    return rows if log.live is None or log.live.day == day else [*judgements.on(log.live.day), *rows]


def _details(store: ArtefactStore, log: ReleaseLog, entry: Entry, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    published = log.release(entry.release)
    before = next((e for e in reversed(log.entries[: entry.number - 1]) if e.release != entry.release), None)
    parts, damage = _parts(store, entry)
    return {
        "published": published,
        "before": before,
        "judged": that_made(entry, rows),
        "figures": entry.figures,
        "precision": estimate(entry.figures.get("precision"), entry.figures.get("precision_error")),
        "before_figures": before.figures if before else {},
        "parts": parts,
        "damage": damage,
    }


def _parts(store: ArtefactStore, entry: Entry) -> tuple[list[Row], str]:
    """Each part with its files and bytes, and what is wrong with the live bundle, empty when nothing is.

    Only names, sizes and manifests are checked; ``verify`` and the hourly watch read every byte.
    """
    parts: list[Row] = []
    bundles, candidate = Bundles(store), entry.candidate
    try:
        for name, sha256 in entry.parts.items():
            if name not in bundles.parts(candidate) or bundles.vouched(candidate, name) != sha256:
                raise CorruptArtefact(f"{name}: its manifest is missing or not the one that was published")
            files = bundles.manifest(candidate, name).files
            for file, expected in files.items():
                found = store.stamp(f"{part_name(candidate, name)}/{file}")
                if found is None or found.size != expected.size:
                    raise CorruptArtefact(f"{name}/{file} is missing or not of its size")
            sizes = [expected.size for expected in files.values()]
            parts.append({"name": name.split("-")[0], "files": len(sizes), "bytes": sum(sizes)})
    except (RecsysError, OSError) as error:
        return parts, str(error)
    return parts, ""
