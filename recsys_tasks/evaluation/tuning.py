"""Choose weight, a, lambda and factors on hidden plays, and report the winner on users not used to choose it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Day, PlayCounts, PlayMatrix, Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.keyed_random import keyed_hash
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.evaluation.metrics import precision
from recsys_tasks.matrix.play_matrix import canonical, fold
from recsys_tasks.matrix.popularity import first_unplayed, listeners_of, popular_order
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.exact_search import exact_top
from recsys_tasks.recommenders.vectors import Played

LINEAR_A = (0.01, 0.1, 1.0, 10.0, 40.0)
LOG_A = (0.3, 1.0, 3.0, 10.0)
LAMBDAS = (0.1, 1.0, 10.0, 30.0)
HIDDEN_SHARE = 0.2


@dataclass(frozen=True)
class TuningSplit:
    """Plays to train on, and hidden plays of two groups of users."""

    users: Vocabulary
    tracks: Vocabulary
    training: sparse.csr_matrix  # (n_users, n_tracks) play counts
    hidden: sparse.csr_matrix  # (n_users, n_tracks), no cell of training among them
    choosing: npt.NDArray[np.int64]  # rows of the users that the parameters are chosen on
    reporting: npt.NDArray[np.int64]  # rows of the others


@dataclass(frozen=True)
class Trial:
    """One setting, and its precision@k on the choosing users."""

    config: AlsConfig
    precision: float


@dataclass(frozen=True)
class Tuned:
    """All trials, best first, and what the best is worth on the users that it was not chosen on."""

    trials: tuple[Trial, ...]
    reported: float
    reported_popularity: float
    users: int

    @property
    def winner(self) -> AlsConfig:
        """The best setting."""
        return self.trials[0].config


def settings(base: AlsConfig, factors: Iterable[int]) -> Iterator[AlsConfig]:
    """The settings that are tried: both weights, a wide range of a and lambda, each length of a vector."""
    weights = [("linear", a) for a in LINEAR_A] + [("log", a) for a in LOG_A]
    for (weight, a), regularization, n in product(weights, LAMBDAS, factors):
        update = {"weight": weight, "a": a, "regularization": regularization, "factors": n}
        yield AlsConfig.model_validate(base.model_dump() | update)


def split_random(plays: sparse.csr_matrix, users: Vocabulary, tracks: Vocabulary, seed: int) -> TuningSplit:
    """Hide a fifth of the cells of undated play counts, drawn at random."""
    cells = canonical(plays.astype(np.uint32)).tocoo()
    hidden = np.random.default_rng(seed).random(cells.nnz) < HIDDEN_SHARE
    parts = [
        sparse.csr_matrix((cells.data[chosen], (cells.row[chosen], cells.col[chosen])), shape=plays.shape)
        for chosen in (~hidden, hidden)
    ]
    return _grouped(users, tracks, canonical(parts[0]), canonical(parts[1]))


def split_time(before: PlayMatrix, after: Sequence[tuple[Day, PlayCounts]]) -> TuningSplit:
    """Hide the discoveries of the last days: tracks that a known user had not played before them."""
    whole = before
    for day, counts in after:
        whole = fold(whole, day, counts, "")
    n_users, n_tracks = before.counts.shape
    later = canonical(whole.counts[:n_users, :n_tracks] - before.counts)
    known = later.multiply(before.counts > 0)
    return _grouped(before.users, before.tracks, before.counts, canonical(sparse.csr_matrix(later - known)))


def tune(split: TuningSplit, configs: Iterable[AlsConfig], k: int, progress: Callable[[str], None]) -> Tuned:
    """Train each setting cold, and order them by precision@k on the choosing users.

    Raises:
        BadData: no user has a hidden play.
    """
    if not len(split.choosing) or not len(split.reporting):
        raise BadData("No play could be hidden: give more days (--days) or more users.")
    trials = []
    for config in configs:
        scored = score(split, config, split.choosing, k)
        trials.append(Trial(config, scored))
        progress(f"{described(config)}: precision@{k} {scored:.4f}")
    trials.sort(key=lambda trial: -trial.precision)
    order = popular_order(listeners_of(split.training))
    popular = first_unplayed(order, split.training[split.reporting], k)
    return Tuned(
        tuple(trials),
        score(split, trials[0].config, split.reporting, k),
        float(precision(is_hit(popular, split.hidden[split.reporting])).mean()),
        len(split.reporting),
    )


def score(split: TuningSplit, config: AlsConfig, rows: npt.NDArray[np.int64], k: int) -> float:
    """Mean precision@k of exact lists for some users, from a cold start."""
    als, played = Als(config), split.training[rows]
    factors = als.fit(TrainingData(split.training, split.users, split.tracks)).component
    vectors = als.user_vectors(played, factors.item_factors)
    found = exact_top(factors.item_factors, vectors, Played(played.indptr, played.indices), k).cols
    return float(precision(is_hit(found.astype(np.int64), split.hidden[rows])).mean())


def described(config: AlsConfig) -> str:
    """A setting in a few words."""
    return f"{config.weight:6} a = {config.a:<5g} lambda = {config.regularization:<4g} {config.factors} factors"


def _grouped(
    users: Vocabulary, tracks: Vocabulary, training: sparse.csr_matrix, hidden: sparse.csr_matrix
) -> TuningSplit:
    """Two halves of the users who have both history and hidden plays, by a hash of their id."""
    asked = np.flatnonzero((np.diff(hidden.indptr) > 0) & (np.diff(training.indptr) > 0))
    first = keyed_hash(users.ids.take(asked), "tune") % np.uint64(2) == 0
    return TuningSplit(users, tracks, training, hidden, asked[first], asked[~first])
