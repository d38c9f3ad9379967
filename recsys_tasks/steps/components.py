"""The components beside ALS and the weights that join them, as stored models: found again, and opened.

Which there are is a matter of the configuration, and their keys name neither a parent nor a moment; so the model of ALS
alone is handed from task to task, and everybody finds the others by it. The recent plays of a date go on from those of
the newest stored prefix of its chain, as the matrix does, and are the same bytes wherever they went on from. Of the
neighbours the similar tracks are stored alone: what listeners played stands in the matrix.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from recsys_tasks.core.domain import Day, FloatArray
from recsys_tasks.core.errors import NotStored
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.cold_tracks import ColdTracks
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.recommenders.ranker import TREES, Ranker
from recsys_tasks.recommenders.recent import Recent, RecentPlays
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps.beside import Beside, beside_als, names_of
from recsys_tasks.steps.cold_tracks import (
    cold_key,
    open_cold_tracks,
    similar_by_content,
)
from recsys_tasks.steps.ranked import ranker_identity, trained_ranker
from recsys_tasks.steps.workplace import Workplace

BLEND_FORMAT = 3
"""Version of the way from components to weights; part of the weights' identity. In format 1 candidates of equal score
stood by column, not by norm, and all candidates taught the trees; in 2 recent plays had other names in them."""


@dataclass(frozen=True)
class Extras:
    """The components beside ALS, opened; nothing where ALS stands alone."""

    recent: Mapping[Recent, RecentPlays] = field(default_factory=dict)  # by what counts them, in their order
    similar: SimilarTracks | None = None
    content: SimilarTracks | None = None  # part of the blend or not
    cold: ColdTracks | None = None
    ranker: Ranker | None = None  # what puts the candidates in order, where it is not the weights

    def widened(self, n_items: int) -> "Extras":
        """The same with a place for each item of a candidate."""
        recent = {counting: plays.widened(n_items) for counting, plays in self.recent.items()}
        return replace(self, recent=recent, similar=self.similar and self.similar.widened(n_items))

    def item_factors(self, factors: Factors, n_items: int) -> FloatArray:
        """What the index holds: the factors of ALS, those of tracks without plays among them. (n_items, n_factors)."""
        return (factors if self.cold is None else self.cold.put_into(factors, n_items)).item_factors

    def labels(self, names: Sequence[str]) -> list[str]:
        """Names of components, those of recent plays with their half-life."""
        recent = (counting.label for counting in self.recent)
        return [next(recent) if name == "recent" else name for name in names]

    @property
    def before(self) -> tuple[RecentPlays, ...]:
        """The recent plays as a candidate is judged by them: without its own day."""
        return tuple(plays.before for plays in self.recent.values())


def components_and_blend(at: Workplace, day: Day, als: str) -> tuple[tuple[str, ...], Blend]:
    """Digests of all components of a candidate, ALS first, and how they are joined.

    Raises:
        NotStored: the configuration names components that were not trained.
    """
    beside = beside_als(at, at.models.key(day, als))
    if not beside:
        return (als,), Blend()
    weights = weights_key(at, day, als, beside)
    if not at.models.holds(day, weights.digest):
        raise NotStored(f"The components under [blend] were not trained for {day}. Run train_als for it.")
    found = arrays_of(at.models.load(day, weights.digest))
    blend = Blend(tuple(found["weights"].tolist()), names_of(beside), at.config.blend.depth)
    digests = (als, *(each.key.digest for each in beside))
    return digests, replace(blend, trees=weights.digest) if TREES in found else blend


def open_extras(at: Workplace, key: CandidateKey) -> Extras:
    """The components of a candidate beside ALS, verified and mapped.

    Raises:
        CorruptArtefact: a file differs from its manifest.
        BadData: its files hold no sound component.
    """
    similar, content = None, None
    for digest, name in list(zip(key.components, key.blend.names, strict=True))[1:]:
        if name == "recent":
            continue
        artefact = at.models.load(key.day, digest)
        with artefact.named():
            found = SimilarTracks.of(arrays_of(artefact))
        similar, content = (found, content) if name == "neighbours" else (similar, found)
    cold = open_cold_tracks(at, key)
    if cold is not None and content is None:
        content = similar_by_content(at, key)
    return Extras(open_recent(at, key), similar, content, cold, trained_ranker(at, key))


def open_recent(at: Workplace, key: CandidateKey) -> dict[Recent, RecentPlays]:
    """The recent plays of a candidate by what counts them, in their order; nothing else of it need be stored any more.

    Raises:
        CorruptArtefact: a file differs from its manifest.
        BadData: its files hold no sound component.
    """
    found: dict[Recent, RecentPlays] = {}
    for digest, name in zip(key.components, key.blend.names, strict=True):
        if name == "recent":
            counting, artefact = Recent(**at.models.key(key.day, digest).parameters), at.models.load(key.day, digest)
            with artefact.named():
                found[counting] = counting.open(arrays_of(artefact))
    return found


def weights_key(at: Workplace, day: Day, als: str, beside: Sequence[Beside]) -> ModelKey:
    """What the weights of components are fitted on. als: digest of its model."""
    of = at.models.key(day, als)
    parameters = {
        "components": [als, *(each.key.digest for each in beside)],
        "depth": at.config.blend.depth,
        "k": at.config.evaluation.k,
    }
    if (cold := cold_key(at, day, als)) is not None:
        parameters["cold"] = cold.digest
    parameters |= ranker_identity(at, day)
    return ModelKey(day, of.matrix, of.split, "blend", parameters, BLEND_FORMAT, backend=None, parent=None)
