"""The page *Live*: what is live, its figures beside the release before it, and whether its files are sound."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from recsys_tasks.core.errors import CorruptArtefact, RecsysError
from recsys_tasks.core.policy import FreshnessConfig
from recsys_tasks.pages.remembered import days_of, log_of, quarantined_of
from recsys_tasks.release.bundles import Bundles, part_name
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.reporting.intervals import estimate
from recsys_tasks.reporting.overview import age_hours
from recsys_tasks.storage.store import ArtefactStore

Row = Mapping[str, Any]
DID = {"HOLD": "was held back", "BLOCK": "was blocked"}


def live(store: ArtefactStore, freshness: FreshnessConfig, now: datetime) -> dict[str, Any]:
    """Everything that the page *Live* names.

    Args:
        store: where to look.
        freshness: from which age on a release is stale.
        now: the instant of the request, UTC.

    Raises:
        CorruptArtefact: the log or a manifest of a judgement is damaged.
    """
    log = log_of(store)
    days = days_of(store, log)
    newest = days[-1] if days else None
    shown = {
        "newest": newest,
        "entry": log.live,
        "sentence": sentence(log, newest),
        "bound": freshness.max_age_hours,
        "quarantined": quarantined_of(store),
    }
    if log.live is None:
        return shown
    return shown | _details(store, log, log.live, days, now)


def sentence(log: ReleaseLog, newest: Row | None) -> str:
    """What is live, and what came of the newest judged date, in plain words."""
    entry = log.live
    if entry is None:
        nothing = "Nothing is live: no release has been published yet"
    else:
        nothing = f"Release {entry.release} (data of {entry.day}) is live"
    if newest is None:
        return f"{nothing}; no day has been judged."
    of = f"the candidate of {newest['day']}"
    if newest["outcome"] in DID and newest["release"] is None:
        return f"{nothing}; {of} {DID[newest['outcome']]}: {'; '.join(newest['reasons'])}."
    if newest["release"] is None and newest["outcome"] == "PASS" and entry is not None:
        why = f"release {entry.release} is pinned by {entry.by}" if entry.pinned else "newer data are live"
        return f"{nothing}; {of} passed the gate but was kept, because {why}."
    return f"{nothing}."


def _details(store: ArtefactStore, log: ReleaseLog, entry: Entry, days: Sequence[Row], now: datetime) -> dict[str, Any]:
    age = age_hours(entry.day.isoformat(), now)
    published = log.release(entry.release)
    before = next((e for e in reversed(log.entries[: entry.number - 1]) if e.release != entry.release), None)
    parts, damage = _parts(store, entry)
    return {
        "age": age,
        "published": published,
        "before": before,
        "judged": next((row for row in reversed(days) if row["candidate"] == entry.candidate), None),
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
