"""Faults of integrity, each of which is planted at the one place of the real steps where it would happen."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from benchmarks.gate_calibration.listening import thinned
from benchmarks.gate_calibration.models import shifted
from benchmarks.gate_calibration.planting import (
    Planting,
    Stored,
    in_the_annoy_file,
    in_the_factors,
    in_the_fold,
    in_the_ranking,
    leaked_for_everybody,
    leaked_into_a_training,
    on_the_way_in,
    on_the_way_out,
)
from benchmarks.gate_calibration.scene import Scene
from benchmarks.synthetic import save_day
from recsys_tasks.core.domain import FloatArray, PlayCounts, PlayMatrix, Vocabulary
from recsys_tasks.index.ranked_tracks import RankedTracks, rank_tracks
from recsys_tasks.matrix.play_matrix import canonical, day_counts
from recsys_tasks.matrix.popularity import listeners_of
from recsys_tasks.matrix.row_ranges import whole
from recsys_tasks.matrix.split import hold_out
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Arrays, TrainingFigures
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.steps.extract import qualification_rule

Both = tuple[FloatArray, FloatArray]
"""Factors of users and of items."""


@dataclass(frozen=True)
class Fault:
    """What is planted, and where."""

    name: str
    where: str
    planted: Planting


def cells_lost(share: float) -> Callable[[Scene, PlayMatrix], sparse.csr_matrix]:
    """Drawn cells are missing."""
    return lambda scene, matrix: thinned(matrix.counts, share, scene.rng)


def doubled_in_the_matrix(_scene: Scene, matrix: PlayMatrix, counts: PlayCounts) -> PlayMatrix:
    """A day's plays are added a second time."""
    return replace(matrix, counts=canonical(matrix.counts + day_counts(counts, matrix.users, matrix.tracks)))


def doubled_in_the_solver(scene: Scene, matrix: PlayMatrix) -> sparse.csr_matrix:
    """The plays of a drawn earlier day are added a second time."""
    earlier = scene.at.partitions.days()[:-1]
    counts = scene.counts_of(earlier[scene.rng.integers(len(earlier))])
    return canonical(matrix.counts + day_counts(counts, matrix.users, matrix.tracks))


def ids_shifted_in_the_matrix(scene: Scene, matrix: PlayMatrix, _counts: PlayCounts) -> PlayMatrix:
    """One track in a hundred stands under the id of the next one among them."""
    places = shifted(np.arange(len(matrix.tracks)), 0.01, scene.rng)
    return replace(matrix, tracks=Vocabulary(matrix.tracks.ids.take(pa.array(places)), matrix.tracks.first_days))


def ids_shifted_in_the_factors(scene: Scene, users: FloatArray, items: FloatArray) -> Both:
    """The same, between the factors and the tracks."""
    return users, shifted(items, 0.01, scene.rng)


def ids_shifted_in_the_index(scene: Scene, ranked: RankedTracks) -> RankedTracks:
    """The same, between the ranks and the tracks."""
    return replace_ranked(ranked, rank_cols=shifted(ranked.rank_cols, 0.01, scene.rng))


def padded(values: FloatArray, n: int) -> FloatArray:
    """The first n rows, zeros where there are fewer."""
    return np.concatenate([values[:n], np.zeros((max(0, n - len(values)), values.shape[1]), values.dtype)])


def yesterdays_factors(scene: Scene, users: FloatArray, items: FloatArray) -> Both:
    """Those of the day before, row by row."""
    old = scene.yesterday
    return padded(old.user_factors, len(users)), padded(old.item_factors, len(items))


def stale_ranking(scene: Scene, ranked: RankedTracks) -> RankedTracks:
    """Order, norms and vectors of yesterday, and so of the Annoy file as well."""
    return rank_tracks(padded(scene.yesterday.item_factors, ranked.n_tracks))


def stale_vectors(scene: Scene, vectors: FloatArray) -> FloatArray:
    """Yesterday's vectors in yesterday's order; today's where it had fewer."""
    old = rank_tracks(scene.yesterday.item_factors).ranked_factors[: len(vectors)]
    return np.concatenate([old, vectors[len(old) :]])


def not_a_number(scene: Scene, users: FloatArray, items: FloatArray) -> Both:
    """One number of one drawn row."""
    sides = users.copy(), items.copy()
    side = sides[scene.rng.integers(2)]
    side[scene.rng.integers(len(side)), scene.rng.integers(side.shape[1])] = np.nan
    return sides


def not_a_number_in_the_index(scene: Scene, vectors: FloatArray) -> FloatArray:
    """The same, on the way into the Annoy file."""
    broken = vectors.copy()
    broken[scene.rng.integers(len(broken)), 0] = np.nan
    return broken


def replace_ranked(ranked: RankedTracks, **arrays: Any) -> RankedTracks:
    """The same ranking with other arrays."""
    own = {name: getattr(ranked, name) for name in ("rank_cols", "ranked_factors", "ranked_norms", "n_tracks")}
    return RankedTracks(**own | arrays)


def norm_order_broken(scene: Scene, ranked: RankedTracks) -> RankedTracks:
    """The norms fall as they should; the tracks beside them come in a drawn other order."""
    order = scene.rng.permutation(len(ranked))
    return replace_ranked(
        ranked, rank_cols=ranked.rank_cols[order], ranked_factors=np.ascontiguousarray(ranked.ranked_factors[order])
    )


def popularity_for_als(recorded: bool) -> Planting:
    """Popularity in place of what the solver returned, with the solver's losses, or with its own."""

    def popular(scene: Scene, key: ModelKey, files: Arrays, figures: TrainingFigures) -> Stored:
        matrix = scene.at.matrices.load(key.day, key.matrix)
        plays = whole(hold_out(matrix, scene.split_of(matrix)).training)
        users, items = (np.zeros_like(files[name]) for name in ("user_factors", "item_factors"))
        users[:, 0], items[:, 0] = 1, listeners_of(plays) / len(users)
        own = (Als(scene.at.config.als).recorded_loss(Factors(users, items), plays),)
        losses = figures.losses if recorded else own
        return {"user_factors": users, "item_factors": items}, replace(figures, losses=losses)

    return on_the_way_out(popular)


def lost_at_the_source(scene: Scene) -> AbstractContextManager[Scene]:
    """Three in a hundred pairs of the day never reach the extraction; everything after it is in order."""
    counts = scene.counts_of(scene.day)
    kept = pa.array(scene.rng.random(len(counts)) >= 0.03)
    left = PlayCounts(counts.user_ids.filter(kept), counts.track_ids.filter(kept), counts.plays[np.asarray(kept)])
    save_day(scene.at.store, scene.day, left, qualification_rule(scene.at.config.source))
    return nullcontext(scene)


NOTHING = Fault("nothing", "nowhere", nullcontext)
FAULTS = (
    Fault("3 % of cells lost", "into the solver", on_the_way_in(cells_lost(0.03))),
    Fault("10 % of cells lost", "into the solver", on_the_way_in(cells_lost(0.10))),
    Fault("id shift on 1 % of tracks", "factors as stored", in_the_factors(ids_shifted_in_the_factors)),
    Fault("id shift on 1 % of tracks", "matrix's vocabulary", in_the_fold(ids_shifted_in_the_matrix)),
    Fault("id shift on 1 % of tracks", "ranks of the index", in_the_ranking(ids_shifted_in_the_index)),
    Fault("yesterday's factors", "factors as stored", in_the_factors(yesterdays_factors)),
    Fault("stale index", "ranking and Annoy file", in_the_ranking(stale_ranking)),
    Fault("stale index", "Annoy file alone", in_the_annoy_file(stale_vectors)),
    Fault("NaN factor", "factors as stored", in_the_factors(not_a_number)),
    Fault("NaN factor", "into the Annoy file", in_the_annoy_file(not_a_number_in_the_index)),
    Fault("one day double-counted", "fold of the matrix", in_the_fold(doubled_in_the_matrix)),
    Fault("one day double-counted", "into the solver", on_the_way_in(doubled_in_the_solver)),
    Fault("popularity instead of ALS", "factors as stored", popularity_for_als(recorded=True)),
    Fault("hidden plays leak", "into one training", on_the_way_in(leaked_into_a_training)),
    Fault("hidden plays leak", "into the split itself", leaked_for_everybody),
    Fault("norm order broken", "ranking", in_the_ranking(norm_order_broken)),
)
NOT_OF_INTEGRITY = (  # every part fits every other: nothing exact can tell
    Fault("3 % of the day lost", "at the source", lost_at_the_source),
    Fault("popularity instead of ALS", "with losses of its own", popularity_for_als(recorded=False)),
)
