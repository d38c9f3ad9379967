"""Remove what no run, reader or rollback can still need. Partitions are never removed here."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from recsys_tasks.artefacts import read_manifest
from recsys_tasks.bundle import GATED
from recsys_tasks.errors import CorruptArtefact
from recsys_tasks.files import remove_tree, sweep
from recsys_tasks.release_log import PUBLISH
from recsys_tasks.releases import read_log
from recsys_tasks.steps.workplace import Reference, Workplace

FRESH_SECONDS = 48 * 3600
"""What was written within the last two days is never removed: another run, or a backfill, may be working on it."""


def retain(at: Workplace, now: datetime, dry_run: bool = False) -> Reference:
    """Keep the newest dates and releases of the policy, and always what is live or pinned; remove the rest.

    A removed matrix loses nothing: it folds again from the partitions.

    Args:
        at: store and configuration.
        now: the instant of the call.
        dry_run: only say what would be removed.

    Raises:
        CorruptArtefact: the release log is damaged, so that nobody can say what may go.
    """
    root = at.store.root
    names = [] if dry_run else sweep(root)
    dated = [_by_name(root.glob(f"{kind}/[0-9]*")) for kind in ("matrices", "models")]
    doomed = [path for paths in (*dated, _bundles(at)) for path in _old(paths, at.config.retention.keep_days)]
    needed = _released(at)
    doomed = [path for path in doomed if path not in needed and now.timestamp() - path.stat().st_mtime > FRESH_SECONDS]
    if not dry_run:
        for path in doomed:
            remove_tree(root, path)
    names += [str(path.relative_to(root)) for path in doomed]
    for name in names:
        at.progress(f"{'would remove' if dry_run else 'removed'} {name}")
    return {"removed": len(names), "dry_run": dry_run}


def _old(paths: dict[Path, str], keep_days: int) -> list[Path]:
    """Those of all but the newest dates. paths: directory -> date."""
    kept = sorted(set(paths.values()))[-keep_days:]
    return [path for path, day in sorted(paths.items()) if day not in kept]


def _by_name(paths: Iterable[Path]) -> dict[Path, str]:
    """Directories ``<date>-<digest>`` with their dates."""
    return {path: path.name[:10] for path in paths}


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
    """Bundles of the newest releases, and of what is live or pinned."""
    log = read_log(at.store)
    releases = [entry for entry in log.entries if entry.kind == PUBLISH][-at.config.retention.keep_releases :]
    return {at.store.bundle_path(entry.candidate) for entry in [*releases, *log.entries[-1:]]}
