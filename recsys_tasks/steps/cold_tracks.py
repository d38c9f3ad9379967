"""Factors of tracks without plays, as a stored model: made from ALS and the similar tracks by content, found again."""

import numpy as np

from recsys_tasks.core.domain import BoolArray, Day, FloatArray, IntArray
from recsys_tasks.core.formatting import count
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import TwoTierSearch
from recsys_tasks.matrix.play_matrix import pad, without_users
from recsys_tasks.matrix.trained_plays import widened
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import TrainingFigures
from recsys_tasks.recommenders.cold_tracks import (
    COLD_FORMAT,
    ColdTracks,
    DayOfPlays,
    content_means,
    fit_cold_tracks,
)
from recsys_tasks.recommenders.exact_search import Top
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps.beside import content_beside
from recsys_tasks.steps.training_day import TrainingDay
from recsys_tasks.steps.workplace import Workplace


def cold_key(at: Workplace, day: Day, als: str) -> ModelKey | None:
    """What the factors of tracks without plays are made from; None where the configuration does not ask for them."""
    if not at.config.content.cold_tracks:
        return None
    of = at.models.key(day, als)
    parameters = {
        "als": als,
        "content": content_beside(at, of).key.digest,
        "few_listeners": at.config.content.few_listeners,
        "k": at.config.evaluation.k,
    }
    return ModelKey(day, of.matrix, of.split, "cold", parameters, COLD_FORMAT, backend=None, parent=None)


def train_cold_tracks(of: TrainingDay, key: ModelKey) -> None:
    """Store the factors of tracks without plays, unless they are. key: theirs."""
    at, made_from = of.at, key.parameters
    if at.models.holds(key.day, key.digest):
        return
    als, factors = Als(at.models.key(key.day, made_from["als"]).als), of.factors(made_from["als"])
    similar = of.similar(made_from["content"])
    found = fit_cold_tracks(als, factors, similar, _plays(of), made_from["few_listeners"], made_from["k"], _scan)
    at.models.save(key, found.files(), TrainingFigures())
    n_cold = len(of.items) - len(of.matrix.tracks)
    words = f"{count(len(found.cols))} tracks have factors by content, scaled by {found.scale:.3g}"
    at.progress(f"cold tracks of {key.day}: {words}; {count(n_cold)} items have no play")


def stored_cold_tracks(at: Workplace, day: Day, digest: str) -> ColdTracks:
    """Stored factors of tracks without plays, verified.

    Raises:
        CorruptArtefact: a file differs from its manifest.
        BadData: its files do not fit together.
    """
    artefact = at.models.load(day, digest)
    with artefact.named():
        return ColdTracks.of(arrays_of(artefact))


def open_cold_tracks(at: Workplace, key: CandidateKey) -> ColdTracks | None:
    """Those of a candidate; None where it has none."""
    return None if key.cold is None else stored_cold_tracks(at, key.day, key.cold)


def as_before(of: TrainingDay, key: ModelKey, user_rows: IntArray, wanted: BoolArray) -> Factors:
    """Factors of some tracks by content alone, whatever the day taught of them, as those of tracks without plays are.

    Args:
        of: the day.
        key: of the factors of tracks without plays, which are stored.
        user_rows: (n_users,) rows of those who ask.
        wanted: (n_items,) the tracks; all others have no factors.
    """
    made_from, scale = key.parameters, stored_cold_tracks(of.at, key.day, key.digest).scale
    learned, similar = of.factors(made_from["als"]), of.similar(made_from["content"])
    means = content_means(learned.item_factors, similar, wanted)
    return Factors(np.float32(scale) * learned.user_factors[user_rows], means)  # as if the means were scaled


def similar_by_content(at: Workplace, key: CandidateKey) -> SimilarTracks:
    """The similar tracks that the factors of a candidate's tracks without plays were made from."""
    content = at.models.key(key.day, str(key.cold)).parameters["content"]
    artefact = at.models.load(key.day, content)
    with artefact.named():
        return SimilarTracks.of(arrays_of(artefact))


def _scan(item_factors: FloatArray, users: FloatArray, played: Played, k: int, allowed: BoolArray) -> Top:
    """The best tracks by falling norm: exact, and most of them are never scored."""
    found = TwoTierSearch.exact(rank_tracks(item_factors)).find(users, played, k, allowed)
    return Top(found.cols, found.scores)


def _plays(of: TrainingDay) -> DayOfPlays:
    """What the training knows of a day, with a column for each item."""
    n_items, hidden = len(of.items), np.isin(np.arange(len(of.matrix.users)), of.split.hidden_rows)
    today, _ = without_users(of.split.day_counts, of.split.day_counts, hidden)
    training, today = widened(of.training, n_items), pad(today, (len(hidden), n_items))
    return DayOfPlays(training, today, of.listeners, of.items, of.als.day)
