"""Weighted ALS by ``implicit``: confidence, warm start, convergence, fold-in.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, equation 3: minimise

    sum over all (u, i) of c_ui * (p_ui - x_u . y_i)^2  +  lambda * (sum |x_u|^2 + sum |y_i|^2)

with p_ui = 1 and c_ui = 1 + a * w(plays) where u played i, and p_ui = 0, c_ui = 1 elsewhere. The library multiplies
what it is given by its own alpha and adds nothing, so it is handed c_ui itself with alpha 1. The loss (``als_loss``) is
this sum divided by the sum of all c_ui.
"""

import functools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Factors, FloatArray, Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.keyed_random import keyed_normals
from recsys_tasks.recommenders.als_loss import Pairs, loss_of, some_listeners

VERSION = 3
"""Of the way from plays and a start to factors and losses; part of a model's identity. Before 2, a warm start took
three steps of conjugate gradients in each solution and at least two iterations, and the loss came from the library;
before 3, the last loss was of all listeners."""
INITIAL_SCALE = 0.01
WARM_STEPS = 2
"""Steps of conjugate gradients in each solution of a warm start, three (the library's own) in a cold one: near the
solution the third takes a fifth of the time, and what it gains the next day's training gains as well."""
WARM_GAIN = 4.0
"""A warm start's first iteration gains more than so many times what its second does (six to ten times, measured): one
that changed the loss by less than so many tolerances was therefore the last that is worth its time."""
LOOKED_AT = 100_000
"""Losses are of about so many listeners, evenly spread over all."""
MOST_PAIRS = 2**31 - 1
"""The library numbers the pairs of user and track in 32 bits."""
Told = Callable[[int, float], None]
"""Is told how many iterations are done, and the loss after the last of them."""


@dataclass(frozen=True)
class Training:
    """Factors, and the loss after each iteration that made them."""

    factors: Factors
    losses: tuple[float, ...]
    warm: bool


def confidence(plays: sparse.csr_matrix, config: AlsConfig) -> sparse.csr_matrix:
    """c_ui = 1 + a * w(min(plays, cap)) of the played cells. (n_users, n_tracks) float32.

    The library takes what it is given: it trains on negative, infinite and all-zero counts without a word.

    Raises:
        BadData: nothing was played at all, so nothing can be learned; a cell is no positive count; there are more pairs
            than the library can number.
    """
    if plays.nnz == 0:
        raise BadData("The play matrix is empty: nothing can be learned from it. Check the source and history_start.")
    if plays.nnz > MOST_PAIRS:
        raise BadData(
            f"The play matrix has {plays.nnz:,} pairs, and the library can number {MOST_PAIRS:,}. Let the history "
            "begin later (source.history_start)."
        )
    if plays.data.dtype.kind != "u" or not plays.data.all():
        raise BadData(f"The play matrix holds {plays.dtype} or a stored zero, and no positive counts. Fold it again.")
    values = plays.data.astype(np.float32)  # in place from here: a number for each pair, and no second one
    np.minimum(values, float(config.cap), out=values)
    if config.weight == "log":
        np.log1p(values, out=values)
    values *= config.a
    values += 1
    cols, ends = (np.require(part, requirements="W") for part in (plays.indices, plays.indptr))
    return sparse.csr_matrix((values, cols, ends), shape=plays.shape)  # the library refuses arrays that are mapped


def cold_factors(users: Vocabulary, tracks: Vocabulary, config: AlsConfig) -> Factors:
    """Initial factors of every row, drawn from (seed, id): 0.01 * N(0, 1)."""
    return Factors(
        INITIAL_SCALE * keyed_normals(users.ids, config.seed, "user", config.factors),
        INITIAL_SCALE * keyed_normals(tracks.ids, config.seed, "track", config.factors),
    )


def warm_factors(
    parent: Factors, parent_users: Vocabulary, parent_tracks: Vocabulary, users: Vocabulary, tracks: Vocabulary
) -> Factors:
    """The parent's factors under today's row numbers, aligned by id; ids that it did not know start at zero."""
    return Factors(
        _aligned(parent.user_factors, parent_users, users), _aligned(parent.item_factors, parent_tracks, tracks)
    )


def train(
    plays: sparse.csr_matrix, start: Factors, warm: bool, config: AlsConfig, told: Told = lambda _done, _loss: None
) -> Training:
    """Alternate until the relative change of the loss is below the tolerance, or the iterations are used up.

    Args:
        plays: (n_users, n_tracks) play counts, canonical.
        start: factors to begin with; copied.
        warm: whether they come from a parent (kept with the result): it then takes less to settle.
        config: weights, length, bounds.
        told: of each iteration.

    Raises:
        BadData: there are no plays, or the factors become infinite.
    """
    solve = _solver(config, warm)
    losses: list[float] = []

    def loss(pairs: Pairs, of: Factors) -> float:
        return loss_of(pairs, of.user_factors, of.item_factors, config.regularization, config.threads)

    # What one thread does, while the library solves for the listeners: it needs the plays of each track only then.
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(1) as beside:
        copied = beside.submit(lambda: Factors(start.user_factors.copy(), start.item_factors.copy()))
        weighted = confidence(plays, config)
        transposed = beside.submit(lambda: weighted.T.tocsr())
        looked_at = beside.submit(lambda: Pairs(*some_listeners(weighted, LOOKED_AT)))
        before = beside.submit(lambda: [loss(looked_at.result(), start)] if warm else [])
        factors = copied.result()
        for iteration in range(1, config.max_iterations + 1):
            solve(weighted, factors.user_factors, factors.item_factors)
            solve(transposed.result(), factors.item_factors, factors.user_factors)
            losses.append(_finite(loss(looked_at.result(), factors), iteration))
            told(iteration, losses[-1])
            if _settled([*before.result(), *losses], WARM_GAIN if warm and iteration == 1 else 1.0, config.tolerance):
                break
    return Training(factors, tuple(map(_digits, losses)), warm)


def _solver(config: AlsConfig, warm: bool) -> Callable[..., None]:
    """The library's solution for one side against the other: of the confidences and both sides' factors, in place."""
    model = _library_model(config)
    model.cg_steps = WARM_STEPS if warm else model.cg_steps
    return functools.partial(model.solver, regularization=config.regularization, num_threads=config.threads)


def _finite(loss: float, iteration: int) -> float:
    """The loss, into which every factor goes: if it is finite, so are they.

    Raises:
        BadData: it is not.
    """
    if not math.isfinite(loss):
        raise BadData(
            f"The training broke off: after iteration {iteration} a factor is not finite. Lower als.a, or raise "
            "als.regularization."
        )
    return loss


def _settled(losses: Sequence[float], times: float, tolerance: float) -> bool:
    """Whether the last change is below so many times the tolerance."""
    return len(losses) > 1 and abs(losses[-2] - losses[-1]) < times * tolerance * abs(losses[-2])


def _digits(loss: float) -> float:
    """As it is kept: other processors' kernels differ in the digits that are left out."""
    return float(f"{loss:.8g}")


def training_loss(plays: sparse.csr_matrix, factors: Factors, config: AlsConfig, looked_at: int = LOOKED_AT) -> float:
    """The loss of factors on play counts: what ``train`` records last, of about so many listeners.

    Raises:
        BadData: there are no plays, or the factors are of another shape.
    """
    if plays.shape != (len(factors.user_factors), len(factors.item_factors)):
        raise BadData(
            f"Factors of {len(factors.user_factors)} users and {len(factors.item_factors)} tracks do not fit plays of "
            f"shape {plays.shape}. Train again."
        )
    cells, rows = some_listeners(plays, looked_at)
    pairs = Pairs(confidence(cells, config), rows)
    return loss_of(pairs, factors.user_factors, factors.item_factors, config.regularization, config.threads)


def fold_in_users(plays: sparse.csr_matrix, item_factors: FloatArray, config: AlsConfig) -> FloatArray:
    """Vectors of users from their plays against fixed track factors, by the exact solver. (n_users, n_factors).

    x_u = (Y'Y + Y'(C_u - I)Y + lambda I)^-1 Y'C_u p_u (Hu, Koren and Volinsky 2008, equation 4). A user without plays
    gets the zero vector.
    """
    if plays.nnz == 0:
        return np.zeros((plays.shape[0], item_factors.shape[1]), dtype=np.float32)
    model = _library_model(config)
    model.item_factors = np.require(item_factors, requirements="W")  # the library refuses arrays that are mapped
    with threadpool_limits(limits=1, user_api="blas"):
        vectors = model.recalculate_user(np.arange(plays.shape[0]), confidence(plays, config))
    return np.asarray(vectors, dtype=np.float32)


def _library_model(config: AlsConfig) -> AlternatingLeastSquares:
    """Always a new object: refitted on a larger matrix, one reads out of bounds."""
    return AlternatingLeastSquares(
        factors=config.factors,
        regularization=config.regularization,
        alpha=1.0,
        iterations=config.max_iterations,
        num_threads=config.threads,
        random_state=config.seed,
    )


def _aligned(values: FloatArray, old: Vocabulary, new: Vocabulary) -> npt.NDArray[np.float32]:
    aligned = np.zeros((len(new), values.shape[1]), dtype=np.float32)
    if new.ids[: len(old)].equals(old.ids):  # an ordinary day only appends
        aligned[: len(old)] = values
        return aligned
    rows = old.rows_of(new.ids)
    known = rows >= 0
    aligned[known] = values[rows[known]]
    return aligned
