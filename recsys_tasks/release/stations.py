"""Which stations the way back from a release leads through, as far as the store still holds them.

The chain of a matrix that retention removed is proven from the partitions that are there: the digest of a matrix is
that of its chain.
"""

from dataclasses import dataclass

from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import NotStored
from recsys_tasks.matrix.chain import Chain, chain_digests
from recsys_tasks.partitions.checked import CheckedDays
from recsys_tasks.partitions.quarantine import Quarantine
from recsys_tasks.partitions.repository import Partitions
from recsys_tasks.recommenders.base import TrainingFigures
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.release.bundles import GATED, Bundles
from recsys_tasks.release.judgements import Judgement, Judgements
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.repositories.matrices import Matrices
from recsys_tasks.repositories.models import Models
from recsys_tasks.repositories.splits import Splits
from recsys_tasks.storage.run_records import RunRecords
from recsys_tasks.storage.store import ArtefactStore


@dataclass(frozen=True)
class Stations:
    """The stations of the way back that are known."""

    candidate: str
    day: Day
    entry: Entry | None  # that published it
    judgements: tuple[Judgement, ...]
    gated: CandidateKey | None  # None, as below: it is not stored any more
    model: str | None  # digest; None, as below: nothing that is stored names it
    trained: tuple[ModelKey, TrainingFigures] | None
    matrix: str | None
    chain: Chain  # empty: not known any more


class Kept:
    """The repositories that the way back leads through."""

    def __init__(self, store: ArtefactStore, runs: RunRecords | None, partitions: Partitions | None) -> None:
        self.bundles, self.judgements = Bundles(store), Judgements(store)
        self.models, self.matrices, self.splits = Models(store), Matrices(store), Splits(store)
        self.runs, self.partitions = runs or RunRecords(store), partitions or Partitions(store)
        self.quarantine = Quarantine(self.partitions, CheckedDays(store))


def candidate_of(bundles: Bundles, log: ReleaseLog, name: str) -> str:
    """Digest of what was asked for."""
    if name.isdecimal() and len(name) < SHORT:
        return log.release(int(name)).candidate
    logged = {entry.candidate for entry in log.entries if entry.candidate.startswith(name)}
    return logged.pop() if name and len(logged) == 1 else bundles.find(name)[0]


def stations_of(kept: Kept, log: ReleaseLog, candidate: str) -> Stations:
    """What is known of the stations of a candidate.

    Raises:
        NotStored: nothing is stored of it.
    """
    entry = log.published(candidate)
    gated = kept.bundles.key(candidate) if kept.bundles.holds(candidate, GATED) else None
    judgements = tuple(kept.judgements.of(candidate=candidate))
    keys = [gated] if gated else [kept.judgements.key(judgement) for judgement in judgements]
    if not keys and entry is None:
        raise NotStored(f"Nothing is stored of candidate {candidate[:SHORT]}.")
    day = keys[0].day if keys or entry is None else entry.day
    model = keys[0].components[0] if keys else None
    trained = kept.models.find(day, model) if model else None
    matrix = gated.matrix if gated else trained[0].matrix if trained else None
    return Stations(candidate, day, entry, judgements, gated, model, trained, matrix, _chain(kept, day, matrix))


def _chain(kept: Kept, day: Day, matrix: str | None) -> Chain:
    """What a matrix was folded from: from its manifest; where that is gone, the partitions, if they prove to be it.

    A quarantined date may have been folded as an empty one, or, before it was quarantined, as it is.
    """
    if matrix is None:
        return ()
    if kept.matrices.holds(day, matrix):
        return kept.matrices.chain(day, matrix)
    days = [date for date in kept.partitions.days() if date <= day]
    for newest in (kept.quarantine.folded_digest, kept.partitions.digest):
        chain = tuple((date, digest) for date in days if (digest := newest(date)))
        if chain and chain_digests(chain)[-1] == matrix:
            return chain
    return ()
