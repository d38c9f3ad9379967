"""Fold the partitions up to a day, beginning with the newest stored matrix that is a true prefix of them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import takewhile

from recsys_tasks.core.domain import Day, PlayMatrix, parse_day
from recsys_tasks.core.errors import NotStored
from recsys_tasks.matrix.play_matrix import Chain, chain_digests, empty_matrix, fold
from recsys_tasks.steps.remaining import Remaining
from recsys_tasks.steps.workplace import Reference, Workplace, told


def chain_of(at: Workplace, day: Day) -> Chain:
    """(date, partition digest) of every date from ``history_start`` to ``day``.

    Raises:
        NotStored: a date has no partition; the matrix is never folded over a hole.
    """
    chain = _links(at, day)
    holes = [date.isoformat() for date, digest in chain if digest is None]
    if holes:
        raise NotStored(f"No partition of {holes[0]} ({len(holes)} dates missing). Run extract_streams for {day}.")
    return tuple((date, digest) for date, digest in chain if digest is not None)


def _links(at: Workplace, day: Day) -> list[tuple[Day, str | None]]:
    """Every date from ``history_start`` to ``day`` with the digest of its partition, None where there is none."""
    start = at.config.source.history_start
    days = [start + timedelta(days=offset) for offset in range((day - start).days + 1)]
    return [(date, at.store.partition_digest(date)) for date in days]


def stale_days(at: Workplace, since: Day) -> list[Day]:
    """Dates from ``since`` on that have stored matrices, none of them folded from the partitions as they are now."""
    stored = {parse_day(path.name[:10]) for path in at.store.root.glob("matrices/[0-9]*")}
    wanted = sorted(day for day in stored if day >= since)
    if not wanted:
        return []
    whole = takewhile(lambda link: link[1] is not None, _links(at, wanted[-1]))
    chain = tuple((date, str(digest)) for date, digest in whole)
    digests = dict(zip((date for date, _ in chain), chain_digests(chain), strict=True))
    return [day for day in wanted if day not in digests or not at.store.matrix_path(day, digests[day]).is_dir()]


def increment_matrix(at: Workplace, day: Day, rebuild_through: bool = False) -> Reference:
    """Store the matrix of ``day``; an ordinary day is one merge onto yesterday's.

    Args:
        at: store and configuration.
        day: UTC date of the run.
        rebuild_through: fold the stale matrices of later dates again too; otherwise their next run does, by itself.

    Returns:
        The day, its matrix's digest and figures, and the later dates that were folded again.

    Raises:
        NotStored: a partition is missing.
        CorruptArtefact: a partition or the matrix that is extended differs from its manifest.
    """
    digest = _stored(at, day)
    later = stale_days(at, day + timedelta(days=1)) if rebuild_through else []
    for date in later:
        _stored(at, date)
    figures, rebuilt = at.store.matrix_figures(day, digest), [date.isoformat() for date in later]
    return {"day": day.isoformat(), "matrix": digest, "figures": figures, "rebuilt": rebuilt}


def _stored(at: Workplace, day: Day) -> str:
    """Digest of the matrix of a date, which is folded and stored if it is not there."""
    chain = chain_of(at, day)
    digests = chain_digests(chain)
    path = at.store.matrix_path(day, digests[-1])
    if path.is_dir():
        at.progress(f"the matrix of {day} is stored already")
    else:
        at.store.save_matrix(_folded(at, chain, digests), digests[-1])
    at.progress(f"matrix of {day}: {told(at.store.matrix_figures(day, digests[-1]))}")
    return digests[-1]


def _folded(at: Workplace, chain: Chain, digests: list[str]) -> PlayMatrix:
    """Extend the longest stored prefix of the chain, short of all of it, by the dates that it lacks."""
    stored = (n for n in range(len(chain) - 1, 0, -1) if at.store.matrix_path(chain[n - 1][0], digests[n - 1]).is_dir())
    n = next(stored, 0)
    with ThreadPoolExecutor(1) as beside:
        first = beside.submit(at.store.load_partition, *chain[n])
        matrix = at.store.load_matrix(chain[n - 1][0], digests[n - 1]) if n else None
    counts = first.result()
    matrix = matrix or empty_matrix(counts.user_ids.type, counts.track_ids.type)
    remaining = Remaining(len(chain) - n)
    for done, (date, digest) in enumerate(chain[n:], 1):
        counts = counts if done == 1 else at.store.load_partition(date, digest)
        matrix = fold(matrix, date, counts, digest)
        at.progress(f"folded {date} ({remaining.after(done)}): {matrix.counts.nnz:,} pairs")
    return matrix


def matrix_of(at: Workplace, key: dict[str, str]) -> PlayMatrix:
    """The stored matrix that an artefact's input key names."""
    return at.store.load_matrix(parse_day(key["day"]), key["matrix"])
