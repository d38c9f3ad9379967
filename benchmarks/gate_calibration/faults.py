"""Faults of integrity, each planted at the one place of the real steps where it would happen.

A fault is a context: inside it, one function of a step does what the fault would make it do.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

import recsys_tasks.steps.index as index_step
import recsys_tasks.steps.matrix as matrix_step
import recsys_tasks.steps.train as train_step
from benchmarks.gate_calibration.listening import thinned
from benchmarks.gate_calibration.models import shifted
from benchmarks.gate_calibration.scene import Scene, save_day
from recsys_tasks.core.domain import Factors, FloatArray, PlayCounts, Vocabulary
from recsys_tasks.index.ranked_tracks import RankedTracks, rank_tracks
from recsys_tasks.matrix.play_matrix import canonical, day_counts
from recsys_tasks.matrix.popularity import listeners_of
from recsys_tasks.recommenders.als import training_loss
from recsys_tasks.steps import increment_matrix

Planting = Callable[[Scene], AbstractContextManager[None]]
Function = Callable[..., Any]


@dataclass(frozen=True)
class Fault:
    """What is planted, and where."""

    name: str
    where: str
    planted: Planting


@contextmanager
def replaced(module: Any, name: str, wrap: Callable[[Function], Function]) -> Iterator[None]:
    """While inside, a function of a step is another one, made from the original."""
    original = getattr(module, name)
    setattr(module, name, wrap(original))
    try:
        yield
    finally:
        setattr(module, name, original)


def on_the_way_in(change: Callable[[Scene, Any], Any]) -> Planting:
    """The solver is handed other plays than the step meant."""
    return lambda scene: replaced(
        train_step, "train", lambda train: lambda plays, *rest: train(change(scene, plays), *rest)
    )


def on_the_way_out(change: Callable[[Scene, Factors], Factors]) -> Planting:
    """Other factors are stored than the solver returned; the losses are those that it recorded."""

    def planted(scene: Scene) -> AbstractContextManager[None]:
        def wrap(train: Function) -> Function:
            def damaged(*args: Any) -> Any:
                trained = train(*args)
                return replace(trained, factors=change(scene, trained.factors))

            return damaged

        return replaced(train_step, "train", wrap)

    return planted


def in_the_ranking(change: Callable[[Scene, FloatArray, RankedTracks], RankedTracks]) -> Planting:
    """The index is built over another ranking than the model's."""
    return lambda scene: replaced(
        index_step, "rank_tracks", lambda rank: lambda items: change(scene, items, rank(items))
    )


def in_the_annoy_file(change: Callable[[Scene, FloatArray], FloatArray]) -> Planting:
    """The Annoy file alone is built over other vectors."""
    return lambda scene: replaced(
        index_step, "build_annoy", lambda build: lambda vectors, *rest: build(change(scene, vectors), *rest)
    )


def in_the_fold(change: Callable[[Scene, Any, PlayCounts], Any]) -> Planting:
    """One drawn day is folded wrongly."""

    def planted(scene: Scene) -> AbstractContextManager[None]:
        days = scene.at.store.partition_days()
        wrong = days[scene.rng.integers(len(days))]

        def wrap(fold: Function) -> Function:
            def damaged(matrix: Any, day: Any, counts: PlayCounts, digest: str) -> Any:
                folded = fold(matrix, day, counts, digest)
                return change(scene, folded, counts) if day == wrong else folded

            return damaged

        return replaced(matrix_step, "fold", wrap)

    return planted


def doubled_in_the_matrix(_scene: Scene, matrix: Any, counts: PlayCounts) -> Any:
    """A day's plays are added a second time."""
    return replace(matrix, counts=canonical(matrix.counts + day_counts(counts, matrix.users, matrix.tracks)))


def doubled_in_the_solver(scene: Scene, plays: Any) -> Any:
    """The plays of a drawn earlier day are added a second time."""
    matrix = scene.at.store.load_matrix(scene.day, increment_matrix(scene.at, scene.day)["matrix"])
    earlier = scene.at.store.partition_days()[:-1]
    counts = scene.counts_of(earlier[scene.rng.integers(len(earlier))])
    return canonical(plays + day_counts(counts, matrix.users, matrix.tracks))


def ids_shifted_in_the_matrix(scene: Scene, matrix: Any, _counts: PlayCounts) -> Any:
    """One track in a hundred stands under the id of the next one among them."""
    places = shifted(np.arange(len(matrix.tracks)), 0.01, scene.rng)
    return replace(matrix, tracks=Vocabulary(matrix.tracks.ids.take(pa.array(places)), matrix.tracks.first_days))


def ids_shifted_in_the_index(scene: Scene, _items: FloatArray, ranked: RankedTracks) -> RankedTracks:
    """The same, between the ranks and the tracks."""
    return replace_ranked(ranked, rank_cols=shifted(ranked.rank_cols, 0.01, scene.rng))


def padded(values: FloatArray, n: int) -> FloatArray:
    """The first n rows, zeros where there are fewer."""
    return np.concatenate([values[:n], np.zeros((max(0, n - len(values)), values.shape[1]), values.dtype)])


def yesterdays_factors(scene: Scene, factors: Factors) -> Factors:
    """Those of the day before, row by row."""
    old = scene.yesterday
    return Factors(
        padded(old.user_factors, len(factors.user_factors)), padded(old.item_factors, len(factors.item_factors))
    )


def stale_ranking(scene: Scene, items: FloatArray, _ranked: RankedTracks) -> RankedTracks:
    """Order, norms and vectors of yesterday, and so of the Annoy file as well."""
    return rank_tracks(padded(scene.yesterday.item_factors, len(items)))


def stale_vectors(scene: Scene, vectors: FloatArray) -> FloatArray:
    """Yesterday's vectors in yesterday's order; today's where it had fewer."""
    old = rank_tracks(scene.yesterday.item_factors).ranked_factors[: len(vectors)]
    return np.concatenate([old, vectors[len(old) :]])


def not_a_number(scene: Scene, factors: Factors) -> Factors:
    """One number of one drawn row."""
    sides = [factors.user_factors.copy(), factors.item_factors.copy()]
    side = sides[scene.rng.integers(2)]
    side[scene.rng.integers(len(side)), scene.rng.integers(side.shape[1])] = np.nan
    return Factors(*sides)


def not_a_number_in_the_index(scene: Scene, vectors: FloatArray) -> FloatArray:
    """The same, on the way into the Annoy file."""
    broken = vectors.copy()
    broken[scene.rng.integers(len(broken)), 0] = np.nan
    return broken


def replace_ranked(ranked: RankedTracks, **arrays: Any) -> RankedTracks:
    """The same ranking with other arrays."""
    own = {name: getattr(ranked, name) for name in ("rank_cols", "ranked_factors", "ranked_norms", "n_tracks")}
    return RankedTracks(**own | arrays)


def quiet_tracks_first(scene: Scene, _items: FloatArray, ranked: RankedTracks) -> RankedTracks:
    """The norms fall as they should; the tracks beside them come in a drawn other order."""
    order = scene.rng.permutation(len(ranked))
    return replace_ranked(
        ranked, rank_cols=ranked.rank_cols[order], ranked_factors=np.ascontiguousarray(ranked.ranked_factors[order])
    )


def _popular(plays: Any, n_factors: int) -> Factors:
    users, items = (np.zeros((n, n_factors), np.float32) for n in plays.shape)
    users[:, 0], items[:, 0] = 1, listeners_of(plays) / plays.shape[0]
    return Factors(users, items)


def popularity_for_als(recorded: bool) -> Planting:
    """Popularity in place of what the solver returned, with the solver's losses, or with its own."""

    def planted(scene: Scene) -> AbstractContextManager[None]:
        def wrap(train: Function) -> Function:
            def damaged(plays: Any, start: Factors, is_warm: bool, config: Any, progress: Any) -> Any:
                trained = train(plays, start, is_warm, config, progress)
                factors = _popular(plays, config.factors)
                losses = trained.losses if recorded else (float(training_loss(plays, factors, config)),)
                return replace(trained, factors=factors, losses=losses)

            return damaged

        return replaced(train_step, "train", wrap)

    return planted


def leaking(name: str) -> Planting:
    """The hidden plays of some hidden listeners, from one of them to all, are in the training.

    Args:
        name: ``holdout_of`` lets them into one training; ``hold_out``, the split itself, into everybody's.
    """

    def planted(scene: Scene) -> AbstractContextManager[None]:
        share = scene.rng.random()
        seed = int(scene.rng.integers(2**31))

        def wrap(split: Function) -> Function:
            def damaged(*args: Any) -> Any:
                holdout = split(*args)
                rng = np.random.default_rng(seed)
                let_in = rng.random(len(holdout.user_rows)) < share
                let_in[rng.integers(len(let_in))] = True
                leaked = holdout.hidden.multiply(let_in[:, None].astype(np.uint32)).tocoo()
                rows = holdout.user_rows[leaked.row]
                shape = holdout.training.shape
                plays = type(holdout.training)((leaked.data, (rows, leaked.col)), shape=shape, dtype=np.uint32)
                return replace(holdout, training=canonical(holdout.training + plays))

            return damaged

        return replaced(train_step, name, wrap)

    return planted


@contextmanager
def lost_at_the_source(scene: Scene) -> Iterator[None]:
    """Three in a hundred pairs of the day never reach the extraction; everything after it is in order."""
    counts = scene.counts_of(scene.day)
    kept = pa.array(scene.rng.random(len(counts)) >= 0.03)
    left = PlayCounts(counts.user_ids.filter(kept), counts.track_ids.filter(kept), counts.plays[np.asarray(kept)])
    save_day(scene.at, scene.day, left)
    yield


NOTHING = Fault("nothing", "nowhere", lambda _scene: nullcontext())
FAULTS = (
    Fault("3 % of cells lost", "into the solver", on_the_way_in(lambda s, plays: thinned(plays, 0.03, s.rng))),
    Fault("10 % of cells lost", "into the solver", on_the_way_in(lambda s, plays: thinned(plays, 0.10, s.rng))),
    Fault(
        "id shift on 1 % of tracks",
        "factors as stored",
        on_the_way_out(lambda s, f: Factors(f.user_factors, shifted(f.item_factors, 0.01, s.rng))),
    ),
    Fault("id shift on 1 % of tracks", "matrix's vocabulary", in_the_fold(ids_shifted_in_the_matrix)),
    Fault("id shift on 1 % of tracks", "ranks of the index", in_the_ranking(ids_shifted_in_the_index)),
    Fault("yesterday's factors", "factors as stored", on_the_way_out(yesterdays_factors)),
    Fault("stale index", "ranking and Annoy file", in_the_ranking(stale_ranking)),
    Fault("stale index", "Annoy file alone", in_the_annoy_file(stale_vectors)),
    Fault("NaN factor", "factors as stored", on_the_way_out(not_a_number)),
    Fault("NaN factor", "into the Annoy file", in_the_annoy_file(not_a_number_in_the_index)),
    Fault("one day double-counted", "fold of the matrix", in_the_fold(doubled_in_the_matrix)),
    Fault("one day double-counted", "into the solver", on_the_way_in(doubled_in_the_solver)),
    Fault("popularity instead of ALS", "factors as stored", popularity_for_als(recorded=True)),
    Fault("hidden plays leak", "into one training", leaking("holdout_of")),
    Fault("hidden plays leak", "into the split itself", leaking("hold_out")),
    Fault("norm order broken", "ranking", in_the_ranking(quiet_tracks_first)),
)
NOT_OF_INTEGRITY = (  # every part fits every other: nothing exact can tell
    Fault("3 % of the day lost", "at the source", lost_at_the_source),
    Fault("popularity instead of ALS", "with losses of its own", popularity_for_als(recorded=False)),
)
