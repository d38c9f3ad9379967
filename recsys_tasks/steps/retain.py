"""Remove what no run, reader or rollback can still need, and say what it was and how large.

The newest version of a partition is never removed while a run may fold it: the play matrix is a fold over every date
since ``history_start``. What may go of the partitions are versions that a restatement replaced, once no stored matrix
was folded from them, and dates before ``history_start``.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import BadData, CorruptArtefact
from recsys_tasks.core.formatting import count
from recsys_tasks.partitions.repository import partition_name, plays_file
from recsys_tasks.release.bundles import FOLDER as BUNDLES
from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.release.log import Entry
from recsys_tasks.repositories.catalogues import FOLDER as CATALOGUES
from recsys_tasks.repositories.deliveries import RECORDS as DELIVERED
from recsys_tasks.repositories.matrices import FOLDER as MATRICES
from recsys_tasks.repositories.models import FOLDER as MODELS
from recsys_tasks.repositories.models import model_name
from recsys_tasks.repositories.splits import FOLDER as SPLITS
from recsys_tasks.steps.erase import erase_people
from recsys_tasks.steps.results import Erased, Removed, Retained
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.manifest import MANIFEST
from recsys_tasks.storage.run_records import FOLDER as RUNS
from recsys_tasks.storage.store import day_in

DATED = (CATALOGUES, MATRICES, SPLITS, MODELS)
"""Folders whose names begin with the date that decides how long they are kept."""


def retain(at: Workplace, now: datetime, dry_run: bool = False) -> Retained:
    """Keep what the policy counts, what was written of late, and always what is live or pinned; remove the rest.

    A removed matrix loses nothing: it folds again from the partitions.

    Args:
        at: store and configuration.
        now: the instant of the call.
        dry_run: only say what would be removed.

    Raises:
        CorruptArtefact: the release log is damaged, so that nobody can say what may go.
    """
    swept = [] if dry_run else at.store.sweep()
    needed, rest = _released(at), at.config.retention.keep_written_days
    dated = [name for name in _old(at) if name not in needed and _rested(at, name, now, rest)]
    deliveries = [name for name in _deliveries(at) if _rested(at, name, now, rest)]
    doomed = [*dated, *_partitions(at, now, set(dated)), *deliveries, *_runs(at, now)]
    items = tuple(Removed(name, at.store.bytes_of(name)) for name in doomed)
    for item in items:
        if not dry_run:
            at.store.remove(item.name)
        at.progress(f"{'would remove' if dry_run else 'removed'} {item.name}: {count(item.bytes)} bytes")
    for name in swept:
        at.progress(f"removed temporary {name}, whose writer is gone")
    erased = Erased() if dry_run else erase_people(at, now)  # last: making room comes first
    return Retained(len(items), sum(item.bytes for item in items), items, dry_run, erased)


def _old(at: Workplace) -> list[str]:
    """What belongs to any but the newest dates; a late window needs one date more than it is long.

    A quarantined date counts as none of them: the next run begins with the matrix and the model of a date before it.
    """
    days = {f"{folder}/{name}": day for folder in DATED for name in at.store.names(folder) if (day := day_in(name))}
    days |= _bundles(at)
    count = max(at.config.retention.keep_days, at.config.source.late_window_days + 1)
    quarantined = {found.day for found in at.quarantine.days()}
    kept = sorted(set(days.values()) - quarantined)[-count:]
    return sorted(name for name, day in days.items() if len(kept) == count and day < kept[0])


def _bundles(at: Workplace) -> dict[str, Day]:
    """Bundles with their dates; one whose manifest cannot be read is nobody's to remove."""
    days = {}
    for candidate in at.bundles.candidates():
        try:
            days[f"{BUNDLES}/{candidate}"] = at.bundles.key(candidate).day
        except (CorruptArtefact, BadData):
            continue
    return days


def _released(at: Workplace) -> set[str]:
    """Bundles that are live or pinned, and those to roll back to; the reference of slow drift, with its models."""
    log, kept = at.releases.log(), at.config.retention.keep_releases
    reference = [entry for entry in log.releases if entry.number == at.config.drift.reference_release]
    live = log.entries[-1:]
    before = [entry for entry in log.entries if entry.release != live[0].release][-1:]
    bundles = {bundle_name(entry.candidate) for entry in (*log.releases[-kept:], *live, *before, *reference)}
    return bundles | {name for entry in reference for name in _models(at, entry)}


def _models(at: Workplace, entry: Entry) -> list[str]:
    """Where the models of a release lie, if its bundle is still there."""
    if not at.bundles.holds(entry.candidate):
        return []
    key = at.bundles.key(entry.candidate)
    return [model_name(key.day, model) for model in key.models]


def _partitions(at: Workplace, now: datetime, doomed: set[str]) -> Iterator[str]:
    """Replaced versions that no stored matrix was folded from, and dates before the history that have had their years.

    Args:
        at: store and configuration.
        now: the instant of the call.
        doomed: names of artefacts that are about to go, whose word does not count.
    """
    folded = _folded(at, doomed)
    if folded is None:
        return
    policy, start = at.config.retention, at.config.source.history_start
    years = timedelta(days=365.25 * policy.keep_partition_years)
    for day in at.partitions.days():
        name = partition_name(day)
        if not _rested(at, f"{name}/{MANIFEST}", now, policy.keep_written_days):
            continue  # restated just now: another run may still be folding the version before
        if day < start and day not in folded:
            if policy.keep_partition_years and day < now.date() - years:
                yield name
            continue
        needed = folded.get(day, set()) | {plays_file(str(at.partitions.digest(day)))}
        yield from (f"{name}/{file}" for file in at.partitions.count_files(day) if file not in needed)


def _folded(at: Workplace, doomed: set[str]) -> dict[Day, set[str]] | None:
    """Date -> files of play counts that a stored matrix was folded from; None where a matrix cannot say so."""
    folded: dict[Day, set[str]] = {}
    try:
        for chain in at.matrices.chains(but=doomed):
            for day, digest in chain:
                folded.setdefault(day, set()).add(plays_file(digest))
    except CorruptArtefact as error:
        at.progress(f"no partition is removed, for nobody knows what this matrix was folded from: {error}")
        return None
    return folded


def _deliveries(at: Workplace) -> list[str]:
    """All deliveries but the newest, of which the sink holds the last and new lists are held against the others."""
    kept = max(at.config.deliver.keep, at.config.products.without_shown_deliveries + 1)
    return at.deliveries.names()[:-kept]


def _runs(at: Workplace, now: datetime) -> list[str]:
    """Records of runs and of deliveries that nothing was added to for the days of the policy."""
    names = [f"{folder}/{name}" for folder in (RUNS, DELIVERED) for name in at.store.names(folder)]
    return [name for name in names if _rested(at, name, now, at.config.retention.keep_runs_days)]


def _rested(at: Workplace, name: str, now: datetime, days: int) -> bool:
    """Whether something was written more than so many days ago."""
    return now.timestamp() - at.store.written_at(name) > days * 86_400
