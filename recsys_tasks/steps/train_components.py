"""The components beside ALS and the weights that join them: trained on one split, and stored as models."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys_tasks.evaluation.blend_weights import fitted_weights, in_words, teachers_of
from recsys_tasks.evaluation.lists import played_of
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import TwoTierSearch
from recsys_tasks.matrix.play_matrix import pad
from recsys_tasks.matrix.split import Holdout, hold_out
from recsys_tasks.recommenders.base import Arrays, Retriever, TrainingData, TrainingFigures
from recsys_tasks.recommenders.content import Content
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.neighbours import Neighbours
from recsys_tasks.recommenders.recent import Recent
from recsys_tasks.steps.beside import Beside, beside_als, content_beside, labels_of
from recsys_tasks.steps.cold_tracks import (
    cold_key,
    stored_cold_tracks,
    train_cold_tracks,
)
from recsys_tasks.steps.components import weights_key
from recsys_tasks.steps.going_on import earlier_content, recent_plays, renewed_neighbours
from recsys_tasks.steps.ranked import train_ranker
from recsys_tasks.steps.training_day import TrainingDay


def train_beside(of: TrainingDay) -> None:
    """Store the components that the configuration names beside ALS; nothing where it names none. They need no factors;
    each has a thread of its own.

    Args:
        of: the day.

    Raises:
        NotStored: no snapshot of the catalogue was taken for the day.
        BadData: nothing was played, there are more pairs than one matrix can hold, or EASE finds no weights.
        CorruptArtefact: the matrix, the split or an earlier model differs from its manifest.
    """
    at, als = of.at, of.als
    wanted = beside_als(at, als) + ([content_beside(at, als)] if at.config.content.cold_tracks else [])
    missing = {each.key.digest: each for each in wanted if not at.models.holds(als.day, each.key.digest)}
    if not missing:
        return
    by_dates_alone = all(isinstance(each.recommender, Recent) for each in missing.values())
    training = of.training if by_dates_alone else of.whole_training()  # recent plays need no copy of all pairs

    def train(each: Beside) -> None:
        at.progress(f"training {each.label} of {als.day}")
        of.store(each.key, _trained(of, each, training), TrainingFigures())

    with ThreadPoolExecutor(len(missing)) as pool:
        list(pool.map(train, missing.values()))


def train_on_als(of: TrainingDay, als: str) -> None:
    """Store what needs the factors of ALS: those of tracks without plays, and what joins the components.

    Args:
        of: the day, whose components beside ALS are stored.
        als: digest of the model of ALS.

    Raises:
        CorruptArtefact: a matrix, a split or a model differs from its manifest.
    """
    at, day = of.at, of.als.day
    beside, cold = beside_als(at, of.als), cold_key(at, day, als)
    keys = [weights_key(at, day, als, beside)] if beside else []
    if all(at.models.holds(day, key.digest) for key in [*keys, *([cold] if cold else [])]):
        return
    if cold is not None:
        train_cold_tracks(of, cold)
    if beside:
        _fit_weights(of, als, beside)


def _fit_weights(of: TrainingDay, als: str, beside: Sequence[Beside]) -> None:
    """Store the weights of the components."""
    at, day, items = of.at, of.als.day, of.items
    weights = weights_key(at, day, als, beside)
    holdout = hold_out(of.matrix, of.split, of.split.blend_rows).widened(len(items))
    components = _blind(of, als, beside, holdout)
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(1) as pool:
        teachers = teachers_of(components, holdout, at.config.blend.depth)
        fitting = pool.submit(fitted_weights, teachers, len(components), at.config.evaluation.k)
        labelled = dict(zip(labels_of(beside), components, strict=True))
        ranker = train_ranker(of, teachers, labelled, holdout, cold_key(at, day, als))
        found = fitting.result()
    at.models.save(weights, {"weights": np.array(found), **ranker}, TrainingFigures())
    words = in_words(labels_of(beside), found, holdout, teachers, at.config.evaluation.max_users)
    at.progress(f"weights of {day}: {words}")


def _trained(of: TrainingDay, each: Beside, training: sparse.csr_matrix) -> Arrays:
    """The files of a component. training: (n_users, n_tracks) without the day of the hidden listeners; recent plays do
    not look at it."""
    at, matrix = of.at, of.matrix
    if isinstance(each.recommender, Recent):
        return recent_plays(of, each.recommender, each.key).files()
    if isinstance(each.recommender, NearestTracks) and each.recommender.renewed is not None:
        return renewed_neighbours(at, each.recommender, each.key, matrix, training).files()
    data = TrainingData(training, matrix.users, matrix.tracks)
    if isinstance(each.recommender, Content):
        items = of.items
        data = TrainingData(pad(training, (training.shape[0], len(items))), matrix.users, items, of.catalogue)
        return each.recommender.similar(data, earlier_content(at, each.key, matrix)).files()
    return each.recommender.fit(data).component.similar.files()


def _blind(of: TrainingDay, als: str, beside: Sequence[Beside], holdout: Holdout) -> list[Retriever]:
    """The components, which know nothing of the day of the blend's listeners; ALS answers exactly, without a budget."""
    at, day, n_items = of.at, of.als.day, len(of.items)
    factors, cold = of.factors(als), cold_key(at, day, als)
    if cold is not None:
        factors = stored_cold_tracks(at, day, cold.digest).put_into(factors, n_items)
    search = TwoTierSearch.exact(rank_tracks(factors.item_factors))
    components: list[Retriever] = [IndexedFactors(search, factors.user_factors[holdout.user_rows])]
    for each in beside:
        digest = each.key.digest
        if isinstance(each.recommender, Recent):
            components.append(each.recommender.open(of.model(digest)).before.widened(n_items))
        else:
            components.append(Neighbours(of.similar(digest).widened(n_items), played_of(holdout.history)))
    return components
