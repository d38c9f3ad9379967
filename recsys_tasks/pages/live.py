"""What is live: the sentence on top, its figures beside those before it, and whether its files are those published."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from recsys_tasks.core.errors import CorruptArtefact, RecsysError
from recsys_tasks.core.policy import FreshnessConfig
from recsys_tasks.evaluation.estimates import Z_95
from recsys_tasks.pages.remembered import days_of, log_of
from recsys_tasks.pages.site import day
from recsys_tasks.release.bundle import part_paths
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.reporting.overview import age_hours
from recsys_tasks.storage.artefacts import MANIFEST, read_manifest
from recsys_tasks.storage.files import sha256_of
from recsys_tasks.storage.store import Store

Row = Mapping[str, Any]
DID = {"HOLD": "was held back", "BLOCK": "was blocked"}


def live(store: Store, freshness: FreshnessConfig, now: datetime) -> dict[str, Any]:
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
    shown = {"newest": newest, "entry": log.live, "sentence": sentence(log, newest), "bound": freshness.max_age_hours}
    if log.live is None:
        return shown
    return shown | _details(store, log, log.live, days, now)


def sentence(log: ReleaseLog, newest: Row | None) -> str:
    """What is live, and what came of the newest judged date, in plain words."""
    entry = log.live
    if entry is None:
        nothing = "Nothing is live: no release has been published yet"
    else:
        nothing = f"Release {entry.release} (data of {day(entry.day.isoformat())}) is live"
    if newest is None:
        return f"{nothing}; no day has been judged."
    of = f"the candidate of {day(newest['day'])}"
    if newest["outcome"] in DID and newest["release"] is None:
        return f"{nothing}; {of} {DID[newest['outcome']]}: {'; '.join(newest['reasons'])}."
    if newest["release"] is None and newest["outcome"] == "PASS" and entry is not None:
        why = f"release {entry.release} is pinned by {entry.by}" if entry.pinned else "newer data are live"
        return f"{nothing}; {of} passed the gate but was kept, because {why}."
    return f"{nothing}."


def _details(store: Store, log: ReleaseLog, entry: Entry, days: Sequence[Row], now: datetime) -> dict[str, Any]:
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
        "interval": _interval(entry.figures, "precision"),
        "before_figures": before.figures if before else {},
        "parts": parts,
        "damage": damage,
    }


def _interval(figures: Row, name: str) -> tuple[float, float] | None:
    """The 95 % interval of a mean; None where its error is unknown."""
    mean, error = figures.get(name), figures.get(f"{name}_error")
    return None if mean is None or error is None else (mean - Z_95 * error, mean + Z_95 * error)


def _parts(store: Store, entry: Entry) -> tuple[list[Row], str]:
    """Each part with its files and bytes; what is wrong with the live bundle at a glance, empty when nothing is.

    Names, sizes and manifests are looked at, not every byte: that is what ``verify`` and the hourly watch do.
    """
    parts: list[Row] = []
    try:
        for name, path in part_paths(store, entry).items():
            if not (path / MANIFEST).is_file() or sha256_of(path / MANIFEST) != entry.parts[name]:
                raise CorruptArtefact(f"{name}: its manifest is missing or not the one that was published")
            files = read_manifest(path)["files"]
            for file, told in files.items():
                if not (path / file).is_file() or (path / file).stat().st_size != told["size"]:
                    raise CorruptArtefact(f"{name}/{file} is missing or not of its size")
            sizes = [told["size"] for told in files.values()]
            parts.append({"name": name.split("-")[0], "files": len(sizes), "bytes": sum(sizes)})
    except (RecsysError, OSError) as error:
        return parts, str(error)
    return parts, ""
