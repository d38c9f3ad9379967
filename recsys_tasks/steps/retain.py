"""Remove what no run, reader or rollback can still need, and say what it was and how large.

The newest version of a partition is never removed while a run may fold it: the play matrix is a fold over every date
since ``history_start``. What may go of the partitions are versions that a restatement replaced, once no stored matrix
was folded from them, and dates before ``history_start``.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.release.bundle import GATED
from recsys_tasks.release.releases import read_log
from recsys_tasks.steps.sides import model_dir
from recsys_tasks.steps.workplace import Reference, Workplace
from recsys_tasks.storage.artefacts import MANIFEST, read_manifest
from recsys_tasks.storage.files import remove_tree, sweep
from recsys_tasks.storage.store import SHORT

DATED = ("matrices", "models")


def retain(at: Workplace, now: datetime, dry_run: bool = False) -> Reference:
    """Keep what the policy counts, what was written of late, and always what is live or pinned; remove the rest.

    A removed matrix loses nothing: it folds again from the partitions.

    Args:
        at: store and configuration.
        now: the instant of the call.
        dry_run: only say what would be removed.

    Returns:
        How many artefacts were removed (or would be), their bytes, and the name and bytes of each.

    Raises:
        CorruptArtefact: the release log is damaged, so that nobody can say what may go.
    """
    root, policy = at.store.root, at.config.retention
    left = [] if dry_run else sweep(root)
    needed = _released(at)
    dated = [path for path in _old(at) if path not in needed and _rested(path, now, policy.keep_written_days)]
    doomed = [*dated, *_partitions(at, now, dated), *_runs(at, now)]
    items = [{"name": str(path.relative_to(root)), "bytes": _bytes_of(path)} for path in doomed]
    for path, item in zip(doomed, items, strict=True):
        if not dry_run:
            remove_tree(root, path)
        at.progress(f"{'would remove' if dry_run else 'removed'} {item['name']}: {item['bytes']:,} bytes")
    for name in left:
        at.progress(f"removed temporary {name}, whose writer is gone")
    return {"removed": len(items), "bytes": sum(i["bytes"] for i in items), "items": items, "dry_run": dry_run}


def _old(at: Workplace) -> list[Path]:
    """Matrices, models and bundles of all but the newest dates; a late window needs one date more than it is long."""
    dates = {path: path.name[:10] for kind in DATED for path in at.store.root.glob(f"{kind}/[0-9]*")} | _bundles(at)
    count = max(at.config.retention.keep_days, at.config.source.late_window_days + 1)
    kept = sorted(set(dates.values()))[-count:]
    return sorted(path for path, day in dates.items() if day not in kept)


def _bundles(at: Workplace) -> dict[Path, str]:
    """Bundles with their dates; one whose manifest cannot be read is nobody's to remove."""
    dates = {}
    for path in at.store.root.glob("bundles/[0-9a-f]*"):
        try:
            dates[path] = str(read_manifest(path / GATED)["key"]["day"])
        except CorruptArtefact:
            continue
    return dates


def _released(at: Workplace) -> set[Path]:
    """Bundles that are live or pinned, and those to roll back to; the reference of slow drift, with its model."""
    log = read_log(at.store)
    reference = [entry for entry in log.releases if entry.number == at.config.drift.reference_release]
    live = log.entries[-1:]
    before = [entry for entry in log.entries if entry.release != live[0].release][-1:]
    releases = [*log.releases[-at.config.retention.keep_releases :], *live, *before, *reference]
    stored = [entry for entry in reference if at.store.bundle_path(entry.candidate).is_dir()]
    return {at.store.bundle_path(entry.candidate) for entry in releases} | {model_dir(at, entry) for entry in stored}


def _partitions(at: Workplace, now: datetime, doomed: Iterable[Path]) -> Iterator[Path]:
    """Replaced versions that no stored matrix was folded from, and dates before the history that have had their years.

    Args:
        at: store and configuration.
        now: the instant of the call.
        doomed: artefacts that are about to go, whose word does not count.
    """
    gone, policy = set(doomed), at.config.retention
    kept = [path for path in sorted(at.store.root.glob("matrices/[0-9]*")) if path not in gone]
    try:
        chains = [read_manifest(path)["key"]["chain"] for path in kept]
    except CorruptArtefact as error:
        at.progress(f"no partition is removed, for nobody knows what this matrix was folded from: {error}")
        return
    folded: dict[str, set[str]] = {}
    for day, digest in (link for chain in chains for link in chain):
        folded.setdefault(day, set()).add(f"plays-{digest[:SHORT]}.parquet")
    years = timedelta(days=365.25 * policy.keep_partition_years)
    for day in at.store.partition_days():
        path = at.store.partition_path(day)
        if not _rested(path / MANIFEST, now, policy.keep_written_days):
            continue  # restated just now: another run may still be folding the version before
        if day < at.config.source.history_start and day.isoformat() not in folded:
            if policy.keep_partition_years and day < now.date() - years:
                yield path
            continue
        needed = folded.get(day.isoformat(), set()) | read_manifest(path)["files"].keys()
        yield from (version for version in sorted(path.glob("plays-*.parquet")) if version.name not in needed)


def _runs(at: Workplace, now: datetime) -> list[Path]:
    """Records of runs that nothing was added to for the days of the policy."""
    paths = sorted(at.store.root.glob("runs/*"))
    return [path for path in paths if _rested(path, now, at.config.retention.keep_runs_days)]


def _rested(path: Path, now: datetime, days: int) -> bool:
    """Whether a path was written more than so many days ago."""
    return now.timestamp() - path.stat().st_mtime > days * 86_400


def _bytes_of(path: Path) -> int:
    """Size of a file, or of all files in a directory."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
