"""The exact checks: no statistics, and nobody can override them.

Each compares a stored artefact with what it must follow from, so that a part of another day, a moved id, a lost cell or
a broken file is found however little it changes the figures; the loss alone is of 100,000 listeners. Together they cost
a fraction of one iteration of the training.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.domain import BoolArray, Day, FloatArray, IntArray, PlayMatrix, Vocabulary, day_number
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.formatting import count, fraction, significant
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.gate.check import Check
from recsys_tasks.index.annoy_index import blocks_of, held_vectors
from recsys_tasks.index.annoy_trees import Metric
from recsys_tasks.index.calibration import sampled_queries
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.recall import Recall, measure_recall
from recsys_tasks.index.two_tier_search import TwoTierSearch
from recsys_tasks.recommenders.cold_tracks import NO_COLD_TRACKS, ColdTracks, mixed
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.recommenders.ranker import Ranker
from recsys_tasks.recommenders.vectors import Played, has_direction, row_norms

LOSS_TOLERANCE = 1e-6
"""Relative. Other processors' kernels moved the loss by 3e-8; ten cells lost of two million, by 3e-6."""


def finite_check(*factors: FloatArray) -> Check:
    """Whether every number is finite."""
    bad = sum(int((~np.isfinite(values)).any(axis=1).sum()) for values in factors)
    return Check("finite factors", bad == 0, f"{count(bad)} rows with an infinite or missing number", "none")


def coverage_check(vectors: FloatArray, plays: sparse.csr_matrix, least: float) -> Check:
    """Share of the users with plays who have a vector that is not zero."""
    known, has_vector = np.diff(plays.indptr) > 0, np.asarray(vectors.any(axis=1))
    share = float((has_vector & known).sum() / known.sum()) if known.any() else 0.0
    return Check("share of listeners with a vector", share >= least, fraction(share), f"at least {fraction(least)}")


def loss_check(found: float, recorded: float) -> Check:
    """Whether the stored factors have the loss that their training recorded last, on the plays it was to be trained on.

    One number holds factors, ids, plays and weights together: other factors, the same ones under other ids, cells lost
    or doubled on the way into the solver, or hidden plays that got there, all have another loss.

    Args:
        found: the loss, computed anew from what is stored.
        recorded: what the training recorded.
    """
    return Check(
        "recorded loss",
        abs(found - recorded) <= LOSS_TOLERANCE * abs(recorded),
        f"{significant(found, 8)} of the stored factors on the plays to train on",
        f"{significant(recorded, 8)}, which the training recorded last",
    )


def index_checks(
    search: TwoTierSearch, held: FloatArray, metric: Metric, tracks: Vocabulary, factors: Factors, items: Vocabulary
) -> list[Check]:
    """Whether the index is the one that follows from the model: its tracks, its order, its vectors.

    Args:
        search: as it was stored, with its index.
        held: (n_indexed, n_factors) vectors in the index's file.
        metric: of the index.
        tracks: the vocabulary beside it.
        factors: of the model, those of tracks without plays among them.
        items: what has to be in that vocabulary: the matrix's tracks, and those without plays where these have factors.
    """
    ranked, index, item_factors = search.tracks, search.index, factors.item_factors
    expected = rank_tracks(item_factors)
    own = foreign = 0
    for some in blocks_of(len(ranked)):
        vectors = ranked.ranked_factors[some]
        own += int((vectors != item_factors[ranked.rank_cols[some]]).any(axis=1).sum())
        foreign += int((held[some] != held_vectors(vectors, ranked.ranked_norms[some], metric)).any(axis=1).sum())
    in_order = len(ranked) == len(expected) and bool(
        (ranked.rank_cols == expected.rank_cols).all() and (ranked.ranked_norms == expected.ranked_norms).all()
    )
    return [
        Check(
            "track vocabulary",
            tracks.ids.equals(items.ids),
            f"{count(len(tracks))} tracks in the index's vocabulary",
            f"the {count(len(items))} of the matrix, in its order",
        ),
        Check(
            "index size",
            len(ranked) == len(expected) == index.get_n_items(),
            f"{count(index.get_n_items())} tracks in the Annoy index",
            f"the {count(len(expected))} with a factor",
        ),
        Check("index holds the model", own == 0, f"{count(own)} tracks with another factor than the model's", "none"),
        Check(
            "norm order",
            in_order,
            "as the norms fall" if in_order else "another order, or other norms",
            "the model's tracks as their norms fall",
        ),
        Check(
            "Annoy file holds the tracks",
            foreign == 0,
            f"{count(foreign)} of {count(len(held))} vectors differ from the track of their rank",
            "none",
        ),
    ]


def similar_checks(name: str, stored: SimilarTracks | None, trained: SimilarTracks | None) -> list[Check]:
    """Whether the candidate holds the similar tracks of a component; nothing where it has none.

    Args:
        name: of the component.
        stored: beside the index.
        trained: of the model.
    """
    if stored is None and trained is None:
        return []
    pairs = 0 if stored is None else stored.matrix.nnz
    return [_is_held(name, stored, trained, f"{count(pairs)} pairs, ")]


def ranker_checks(stored: Ranker | None, trained: Ranker | None) -> list[Check]:
    """Whether the candidate holds the trees that were trained for it; nothing where it has none.

    Args:
        stored: beside the index.
        trained: of the model.
    """
    if stored is None and trained is None:
        return []
    return [_is_held("trees", stored, trained)]


def _is_held(
    what: str, stored: SimilarTracks | Ranker | None, trained: SimilarTracks | Ranker | None, size: str = ""
) -> Check:
    """Whether a part of the candidate has the same files as that of the model."""
    one, other = ({} if each is None else each.files() for each in (stored, trained))
    same = one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
    found = f"{size}{'those' if same else 'not those'} of the model"
    return Check(f"candidate holds the {what}", same, found, "those of the model")


def cold_check(
    stored: ColdTracks, factors: Factors, means: FloatArray, listeners: npt.NDArray[np.int64], few: int
) -> Check:
    """Whether the factors of tracks without plays are those that follow from the others, at the stored scale.

    Args:
        stored: what the index was made with.
        factors: of ALS.
        means: (n_items, n_factors) by content, of those with few listeners.
        listeners: (n_items,) of the training.
        few: listeners from which on a track has the factors of ALS alone.
    """
    learned = NO_COLD_TRACKS.put_into(factors, len(listeners)).item_factors
    expected = mixed(learned, means, listeners, few, stored.scale)
    same = np.array_equal(stored.cols, expected.cols) and np.array_equal(stored.factors, expected.factors)
    found = f"{count(len(stored.cols))} tracks, {'as' if same else 'not as'} content gives them"
    return Check("factors of cold tracks", same, found, f"the {count(len(expected.cols))} with few listeners")


def measured_recall(
    day: Day, search: TwoTierSearch, factors: Factors, training: sparse.csr_matrix, index: IndexConfig, queries: int
) -> Recall:
    """Recall of both ways of asking through the stored index.

    On users and tracks that the day draws from those that the search parameters were not chosen on.

    Args:
        day: of the candidate.
        search: as it was stored, with its index.
        factors: of the model.
        training: (n_users, n_tracks) the plays it was trained on.
        index: the parameters that the index was built with.
        queries: how many users, and how many tracks.
    """
    rng, fitted = np.random.default_rng(day_number(day)), sampled_queries(index, factors.user_factors, search.tracks)
    users, tracks = (
        _drawn(rng, has_direction(row_norms(vectors)), but, queries)
        for vectors, but in zip((factors.user_factors, factors.item_factors), fitted, strict=True)
    )
    plays = training[users]
    played = Played(plays.indptr, plays.indices)
    return measure_recall(search, factors.item_factors, factors.user_factors[users], played, tracks, index.k)


def recall_checks(recall: Recall, policy: GateConfig) -> list[Check]:
    """Whether the index finds what the model would recommend."""
    ways = (
        ("user-track", recall.user_recall, f"{count(recall.n_users)} listeners"),
        ("track-track", recall.similar_recall, f"{count(recall.n_tracks)} tracks"),
    )
    return [
        Check(
            f"recall of {way} search",
            found >= policy.min_recall,
            f"{fraction(found)} on {drawn}",
            f"at least {fraction(policy.min_recall)}",
        )
        for way, found, drawn in ways
    ]


def _drawn(rng: np.random.Generator, of: BoolArray, but: IntArray, n: int) -> IntArray:
    """At most n of the rows that are true, without some of them unless there are no others. Rising."""
    others = of.copy()
    others[but] = False
    return np.sort(rng.permutation(np.flatnonzero(others if others.any() else of))[:n])


def check_sizes(tracks: Vocabulary, matrix: PlayMatrix, factors: Factors, items: Vocabulary | None = None) -> None:
    """Refuse parts of different sizes: what follows would read beyond their ends.

    Args:
        tracks: the vocabulary beside the index.
        matrix: what the model was trained on.
        factors: of the model.
        items: what has to be in that vocabulary; None: the matrix's tracks.

    Raises:
        BadData: the sizes differ.
    """
    found = (len(factors.user_factors), len(factors.item_factors), len(tracks))
    n_users, n_tracks = matrix.counts.shape
    if found != (n_users, n_tracks, n_tracks if items is None else len(items)):
        raise BadData(
            f"The matrix has {count(n_users)} listeners and {count(n_tracks)} tracks, the model {count(found[0])} and "
            f"{count(found[1])}, the index {count(found[2])} tracks: these do not belong together. Remove the day's "
            "model and bundle; rerun it."
        )
