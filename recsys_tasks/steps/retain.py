"""Remove what no run, reader or rollback can still need. Partitions are never removed here."""

from collections.abc import Iterator
from pathlib import Path

from recsys_tasks.files import remove_tree, sweep
from recsys_tasks.release_log import PUBLISH
from recsys_tasks.releases import read_log
from recsys_tasks.steps.workplace import Reference, Workplace


def retain(at: Workplace, dry_run: bool = False) -> Reference:
    """Keep the newest dates and releases of the policy, and always what is live or pinned; remove the rest.

    A removed matrix loses nothing: it folds again from the partitions.

    Args:
        at: store and configuration.
        dry_run: only say what would be removed.

    Raises:
        CorruptArtefact: the release log is damaged, so that nobody can say what may go.
    """
    doomed = [*_old_dates(at, "matrices"), *_old_dates(at, "models"), *_old_bundles(at)]
    names = [str(path.relative_to(at.store.root)) for path in doomed]
    if not dry_run:
        for path in doomed:
            remove_tree(path)
        names += sweep(at.store.root)
    for name in names:
        at.progress(f"{'would remove' if dry_run else 'removed'} {name}")
    return {"removed": len(names), "dry_run": dry_run}


def _old_dates(at: Workplace, kind: str) -> Iterator[Path]:
    """Directories ``<date>-<digest>`` of all but the newest dates."""
    paths = sorted((at.store.root / kind).glob("[0-9]*"))
    kept = sorted({path.name[:10] for path in paths})[-at.config.retention.keep_days :]
    return (path for path in paths if path.name[:10] not in kept)


def _old_bundles(at: Workplace) -> Iterator[Path]:
    """Bundles of no kept release and of no kept date."""
    log = read_log(at.store)
    releases = [entry for entry in log.entries if entry.kind == PUBLISH][-at.config.retention.keep_releases :]
    kept = {at.store.bundle_path(entry.candidate) for entry in [*releases, *log.entries[-1:]]}
    paths = at.store.evaluations_of()
    days = sorted({path.parent.name for path in paths})[-at.config.retention.keep_days :]
    lately = {path.name.split("-")[0] for path in paths if path.parent.name in days}
    judged = {path.name.split("-")[0] for path in paths}
    for path in sorted((at.store.root / "bundles").glob("[0-9a-f]*")):
        if path not in kept and path.name in judged and path.name not in lately:
            yield path
