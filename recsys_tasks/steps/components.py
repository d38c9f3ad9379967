"""The components beside ALS and the weights that join them: trained on one split, stored as models, found again.

Which there are is a matter of the configuration, and their keys name neither a parent nor a moment; so the model of ALS
alone is handed from task to task, and everybody finds the others by it. The recent plays of a date go on from those of
the newest stored prefix of its chain, as the matrix does, and are the same bytes wherever they went on from. Of the
neighbours the similar tracks are stored alone: what listeners played stands in the matrix.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from threadpoolctl import threadpool_limits

from recsys_tasks.core.config import Config
from recsys_tasks.core.domain import Day, PlayMatrix, Vocabulary
from recsys_tasks.core.errors import BadData, NotStored
from recsys_tasks.evaluation.blend_weights import fitted_weights
from recsys_tasks.evaluation.lists import played_of
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.matrix.play_matrix import day_counts
from recsys_tasks.matrix.split import Holdout, Split, hold_out
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Arrays, Parent, Retriever, TrainingData, TrainingFigures
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.neighbours import Neighbours, SimilarTracks
from recsys_tasks.recommenders.recent import Recent, RecentPlays
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps.workplace import Workplace

BLEND_FORMAT = 1
"""Version of the way from components to weights; part of the weights' identity."""


@dataclass(frozen=True)
class Extras:
    """The components beside ALS, opened; nothing where ALS stands alone."""

    recent: Mapping[float, RecentPlays] = field(default_factory=dict)  # by half-life, in their order
    similar: SimilarTracks | None = None

    def labels(self, names: Sequence[str]) -> list[str]:
        """Names of components, those of recent plays with their half-life."""
        recent = (f"recent ({half_life:g} days)" for half_life in self.recent)
        return [next(recent) if name == "recent" else name for name in names]

    @property
    def before(self) -> tuple[RecentPlays, ...]:
        """The recent plays as a candidate is judged by them: without its own day."""
        return tuple(plays.before for plays in self.recent.values())


@dataclass(frozen=True)
class Beside:
    """A component beside ALS: what it is made from, and what makes it."""

    key: ModelKey
    recommender: Recent | NearestTracks


def train_components(at: Workplace, day: Day, als: str) -> None:
    """Store what the configuration names beside ALS, and the weights; nothing where it names ALS alone.

    Args:
        at: store and configuration.
        day: newest date of the matrix.
        als: digest of the model of ALS.

    Raises:
        CorruptArtefact: a matrix, a split or a model differs from its manifest.
    """
    beside = _beside(at, day, als)
    if not beside:
        return
    weights = _weights_key(at, day, als, beside)
    if at.models.holds(day, weights.digest):
        return
    matrix, split = at.matrices.load(day, weights.matrix), at.splits.load(day, str(weights.split))
    for each in beside:
        if not at.models.holds(day, each.key.digest):
            at.progress(f"training {each.recommender.name} of {day}")
            at.models.save(each.key, _trained(at, each, matrix, split), TrainingFigures())
    found = _fitted(at, als, beside, hold_out(matrix, split, split.blend_rows))
    at.models.save(weights, {"weights": np.array(found)}, TrainingFigures())
    words = ", ".join(f"{name} {weight:g}" for name, weight in zip(_names(beside), found, strict=True))
    at.progress(f"weights of {day}, fitted on {len(split.blend_rows)} listeners: {words}")


def joined(at: Workplace, day: Day, als: str) -> tuple[tuple[str, ...], Blend]:
    """Digests of all components of a candidate, ALS first, and how they are joined.

    Raises:
        NotStored: the configuration names components that were not trained.
    """
    beside = _beside(at, day, als)
    if not beside:
        return (als,), Blend()
    weights = _weights_key(at, day, als, beside)
    if not at.models.holds(day, weights.digest):
        raise NotStored(f"The components under [blend] were not trained for {day}. Run train_als for it.")
    found = arrays_of(at.models.load(day, weights.digest))["weights"].tolist()
    return (als, *(each.key.digest for each in beside)), Blend(tuple(found), _names(beside), at.config.blend.depth)


def open_extras(at: Workplace, key: CandidateKey) -> Extras:
    """The components of a candidate beside ALS, verified and mapped.

    Raises:
        CorruptArtefact: a file differs from its manifest.
        BadData: its files hold no sound component.
    """
    recent: dict[float, RecentPlays] = {}
    similar = None
    for digest, name in list(zip(key.components, key.blend.names, strict=True))[1:]:
        artefact = at.models.load(key.day, digest)
        with artefact.named():
            if name == "recent":
                half_life = at.models.key(key.day, digest).parameters["half_life_days"]
                recent[half_life] = Recent(half_life).open(arrays_of(artefact))
            else:
                similar = SimilarTracks.of(arrays_of(artefact))
    return Extras(recent, similar)


def _recommenders(config: Config) -> Iterator[Recent | NearestTracks]:
    """The recommenders beside ALS, in the order of the configuration."""
    for name in config.blend.components[1:]:
        if name == "recent":
            yield from map(Recent, config.recent.half_life_days)
        else:
            yield NearestTracks(config.neighbours, config.als.threads)


def _beside(at: Workplace, day: Day, als: str) -> list[Beside]:
    """The components beside ALS. None has a parent: the way there leaves no trace in the bytes."""
    if len(at.config.blend.components) == 1:
        return []
    of = at.models.key(day, als)
    return [
        Beside(ModelKey(day, of.matrix, of.split, each.name, parent=None, **each.identity()), each)
        for each in _recommenders(at.config)
    ]


def _weights_key(at: Workplace, day: Day, als: str, beside: Sequence[Beside]) -> ModelKey:
    of = at.models.key(day, als)
    parameters = {
        "components": [als, *(each.key.digest for each in beside)],
        "depth": at.config.blend.depth,
        "k": at.config.evaluation.k,
    }
    return ModelKey(day, of.matrix, of.split, "blend", parameters, BLEND_FORMAT, backend=None, parent=None)


def _names(beside: Sequence[Beside]) -> tuple[str, ...]:
    return ("als", *(each.recommender.name for each in beside))


def _trained(at: Workplace, each: Beside, matrix: PlayMatrix, split: Split) -> Arrays:
    """The files of a component."""
    if isinstance(each.recommender, Recent):
        return _recent(at, each.recommender, each.key, matrix).files()
    data = TrainingData(hold_out(matrix, split).training, matrix.users, matrix.tracks)
    return each.recommender.fit(data).component.similar.files()


def _recent(at: Workplace, recommender: Recent, key: ModelKey, matrix: PlayMatrix) -> RecentPlays:
    """The faded plays of a chain, from those of its longest prefix that is stored."""
    n, parent = _stored_prefix(at, recommender, key, matrix)
    for date, partition in matrix.chain[n:]:
        counts = at.partitions.load(date, partition)
        if parent is None and not len(counts):  # nothing was played up to now
            continue
        data = TrainingData(day_counts(counts, matrix.users, matrix.tracks), matrix.users, matrix.tracks)
        parent = Parent(recommender.fit(data, parent).component, matrix.users, matrix.tracks)
    if parent is None:
        raise BadData("Nothing was played on any date, so no track is popular. Check the source and history_start.")
    return parent.component


def _stored_prefix(
    at: Workplace, recommender: Recent, key: ModelKey, matrix: PlayMatrix
) -> tuple[int, Parent[RecentPlays] | None]:
    """How many dates the stored faded plays of the longest prefix hold, and these plays; 0 and None without any."""
    digests = chain_digests(matrix.chain)
    for n in range(len(matrix.chain) - 1, 0, -1):
        date = matrix.chain[n - 1][0]
        for stored in at.models.of(date):
            prefix = replace(stored.key, day=key.day, matrix=key.matrix, split=key.split)
            if stored.key.matrix == digests[n - 1] and prefix == key:
                component = recommender.open(arrays_of(at.models.load(date, stored.digest)))
                known = len(component.sums)  # the vocabulary of a prefix is the beginning of ours
                tracks = Vocabulary(matrix.tracks.ids[:known], matrix.tracks.first_days[:known])
                return n, Parent(component, matrix.users, tracks)
    return 0, None


def _fitted(at: Workplace, als: str, beside: Sequence[Beside], holdout: Holdout) -> tuple[float, ...]:
    """Weights, fitted on the blend's listeners by components that know nothing of their day."""
    key = at.models.key(beside[0].key.day, als)
    factors = Als(key.als).open(arrays_of(at.models.load(key.day, als)))
    components: list[Retriever] = [Factors(factors.user_factors[holdout.user_rows], factors.item_factors)]
    for each in beside:
        files = arrays_of(at.models.load(key.day, each.key.digest))
        if isinstance(each.recommender, Recent):
            components.append(each.recommender.open(files).before)
        else:
            components.append(Neighbours(SimilarTracks.of(files), played_of(holdout.history)))
    with threadpool_limits(limits=1, user_api="blas"):
        return fitted_weights(components, holdout, at.config.evaluation.k, at.config.blend.depth)
