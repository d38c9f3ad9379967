"""Factors of tracks without plays, as a stored model: made from ALS and the similar tracks by content, found again."""

import numpy as np

from recsys_tasks.core.domain import Day, IntArray, PlayMatrix
from recsys_tasks.core.formatting import count
from recsys_tasks.matrix.play_matrix import pad, without_users
from recsys_tasks.matrix.split import Split, training_of
from recsys_tasks.matrix.trained_plays import widened
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import TrainingFigures
from recsys_tasks.recommenders.cold_tracks import (
    COLD_FORMAT,
    NO_COLD_TRACKS,
    ColdTracks,
    DayOfPlays,
    content_means,
    fit_cold_tracks,
)
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps.beside import content_beside, items_for
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


def train_cold_tracks(at: Workplace, key: ModelKey, matrix: PlayMatrix, split: Split) -> None:
    """Store the factors of tracks without plays, unless they are."""
    if at.models.holds(key.day, key.digest):
        return
    of, plays = key.parameters, _plays(at, key.day, matrix, split)
    als = Als(at.models.key(key.day, of["als"]).als)
    factors = als.open(arrays_of(at.models.load(key.day, of["als"])))
    similar = SimilarTracks.of(arrays_of(at.models.load(key.day, of["content"])))
    found = fit_cold_tracks(als, factors, similar, plays, of["few_listeners"], of["k"])
    at.models.save(key, found.files(), TrainingFigures())
    n_cold = len(plays.items) - len(matrix.tracks)
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


def as_before(at: Workplace, key: ModelKey, user_rows: IntArray, cols: IntArray, n_items: int) -> Factors:
    """Factors of some tracks by content alone, whatever the day taught of them, as those of tracks without plays are.

    Args:
        at: store and configuration.
        key: of the factors of tracks without plays, which are stored.
        user_rows: (n_users,) rows of those who ask.
        cols: of the tracks, rising; all others have no factors.
        n_items: of the candidate.
    """
    of, scale = key.parameters, stored_cold_tracks(at, key.day, key.digest).scale
    factors = Als(at.models.key(key.day, of["als"]).als).open(arrays_of(at.models.load(key.day, of["als"])))
    similar = SimilarTracks.of(arrays_of(at.models.load(key.day, of["content"])))
    learned = NO_COLD_TRACKS.put_into(factors, n_items).item_factors
    means = content_means(learned, SimilarTracks(similar.matrix[:, cols]))
    found = ColdTracks(cols.astype(np.int32), np.float32(scale) * means, scale)
    nobody_else = Factors(factors.user_factors[user_rows], np.zeros((0, learned.shape[1]), np.float32))
    return found.put_into(nobody_else, n_items)


def similar_by_content(at: Workplace, key: CandidateKey) -> SimilarTracks:
    """The similar tracks that the factors of a candidate's tracks without plays were made from."""
    content = at.models.key(key.day, str(key.cold)).parameters["content"]
    artefact = at.models.load(key.day, content)
    with artefact.named():
        return SimilarTracks.of(arrays_of(artefact))


def _plays(at: Workplace, day: Day, matrix: PlayMatrix, split: Split) -> DayOfPlays:
    """What the training knows of a day, with a column for each item."""
    items, everybody = items_for(at, day, matrix), np.arange(len(matrix.users))
    today, _ = without_users(split.day_counts, split.day_counts, np.isin(everybody, split.hidden_rows))
    training = widened(training_of(matrix, split), len(items))
    return DayOfPlays(training, pad(today, (len(everybody), len(items))), items, day)
