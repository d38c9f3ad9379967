"""Fold the partitions up to a day, beginning with the newest stored matrix that is a true prefix, and split its day."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.domain import Day, PlayCounts, PlayMatrix
from recsys_tasks.core.errors import NotStored
from recsys_tasks.matrix.chain import Chain, chain_digests, dates, stale_days
from recsys_tasks.matrix.play_matrix import empty_matrix, fold
from recsys_tasks.matrix.split import key_of_format_1, split_day, split_key
from recsys_tasks.steps.remaining import Remaining
from recsys_tasks.steps.results import Folded
from recsys_tasks.steps.shapes import ShapesOfFold
from recsys_tasks.steps.words import matrix_in_words
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.scratch import scratch_in


def increment_matrix(at: Workplace, day: Day, rebuild_through: bool = False) -> Folded:
    """Store the matrix of ``day`` and its split; an ordinary day is one merge onto yesterday's.

    Args:
        at: store and configuration.
        day: business day of the run.
        rebuild_through: fold the stale matrices of later dates again too; otherwise their next run does, by itself.

    Raises:
        DataRefused: the day is quarantined: a candidate of an empty day would be none of it.
        NotStored: a partition is missing.
        CorruptArtefact: a partition or the matrix that is extended differs from its manifest.
    """
    if quarantined := at.quarantine.find(day):
        raise quarantined.refusal()
    chain = chain_of(at, day)
    digest, matrix = _stored(at, chain)
    split = _split(at, chain, digest, matrix)
    later = stale_from(at, day + timedelta(days=1)) if rebuild_through else ()
    for date in later:
        _stored(at, chain_of(at, date))
    return Folded(day, digest, at.matrices.figures(day, digest), later, split)


def chain_of(at: Workplace, day: Day) -> Chain:
    """(date, partition digest) of every date from ``history_start`` to ``day``; a quarantined one is empty.

    Raises:
        NotStored: a date has no partition; the matrix is never folded over a hole.
    """
    chain = [(date, at.quarantine.folded_digest(date)) for date in dates(at.config.source.history_start, day)]
    holes = [date.isoformat() for date, digest in chain if digest is None]
    if holes:
        raise NotStored(f"No partition of {holes[0]} ({len(holes)} dates missing). Run extract_streams for {day}.")
    return tuple((date, digest) for date, digest in chain if digest is not None)


def stale_from(at: Workplace, since: Day) -> tuple[Day, ...]:
    """Dates from ``since`` on whose stored matrices are all folded from other partitions than there are now.

    A quarantined date is none of them: no run makes anything of it until it is mended or accepted.
    """
    stored = [day for day in at.matrices.days() if day >= since]
    found = stale_days(stored, at.config.source.history_start, at.quarantine.folded_digest, at.matrices.holds)
    return tuple(day for day in found if at.quarantine.find(day) is None)


def _stored(at: Workplace, chain: Chain) -> tuple[str, PlayMatrix | None]:
    """Digest of the matrix of a chain, which is folded and stored if it is not there; the matrix, if it was folded."""
    day, digests, matrix = chain[-1][0], chain_digests(chain), None
    if at.matrices.holds(day, digests[-1]):
        at.progress(f"the matrix of {day} is stored already")
    else:
        matrix = _folded(at, chain, digests)
        at.matrices.save(matrix, digests[-1])
    at.progress(f"matrix of {day}: {matrix_in_words(at.matrices.figures(day, digests[-1]))}")
    return digests[-1], matrix


def _folded(at: Workplace, chain: Chain, digests: list[str]) -> PlayMatrix:
    """Extend the longest stored prefix of the chain, short of all of it, by the dates that it lacks."""
    stored = (n for n in range(len(chain) - 1, 0, -1) if at.matrices.holds(chain[n - 1][0], digests[n - 1]))
    n = next(stored, 0)
    with ThreadPoolExecutor(1) as beside:
        first = beside.submit(at.partitions.load, *chain[n])
        matrix = at.matrices.load(chain[n - 1][0], digests[n - 1]) if n else None
    counts: PlayCounts = first.result()
    matrix = matrix or empty_matrix(counts.user_ids.type, counts.track_ids.type)
    remaining, shapes = Remaining(len(chain) - n), ShapesOfFold(at, chain)
    with at.store.workspace() as folder:
        scratch = scratch_in(folder)
        for done, (date, digest) in enumerate(chain[n:], 1):
            counts = counts if done == 1 else at.partitions.load(date, digest)
            shapes.keep(matrix, (date, digest), counts)
            matrix = fold(matrix, date, counts, digest, scratch)
            at.progress(f"folded {date} ({remaining.after(done)}): {matrix.counts.nnz:,} pairs")
    return matrix


def _split(at: Workplace, chain: Chain, digest: str, matrix: PlayMatrix | None) -> str:
    """Digest of the split of the chain's newest day, which is made and stored if it is not there."""
    day, partition = chain[-1]
    former, salted = key_of_format_1(day, digest, at.config.evaluation), _salted(at)
    if at.splits.holds(former):
        return former.digest
    key = split_key(day, digest, salted)
    if not at.splits.holds(key):
        matrix = matrix or at.matrices.load(day, digest)
        at.splits.save(key, split_day(matrix, at.partitions.load(day, partition), day, salted))
    return key.digest


def _salted(at: Workplace) -> EvaluationConfig:
    """The settings of the split, with the salt of this store where the file names none."""
    settings = at.config.evaluation
    if settings.salt:
        at.progress("[evaluation] salt stands in the configuration: whoever reads it can make accounts that are scored")
        return settings
    return settings.model_copy(update={"salt": at.splits.salt(fresh=secrets.token_hex(16))})
