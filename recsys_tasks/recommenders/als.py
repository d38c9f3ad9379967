"""Weighted ALS: warm start, convergence, fold-in. The solver is a backend.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, equation 3: minimise

    sum over all (u, i) of c_ui * (p_ui - x_u . y_i)^2  +  lambda * (sum |x_u|^2 + sum |y_i|^2)

with p_ui = 1 and c_ui = 1 + a * w(plays) where u played i, and p_ui = 0, c_ui = 1 elsewhere. ``implicit`` multiplies
what it is given by its own alpha and adds nothing, so it is handed c_ui itself with alpha 1. The loss (``als_loss``) is
this sum divided by the sum of all c_ui.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import FloatArray, IntArray, Scratch
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.records import Json
from recsys_tasks.matrix.row_ranges import SLICE_PAIRS, PlayRows, by_blocks
from recsys_tasks.recommenders.als_loss import Pairs, loss_of, sampled_rows
from recsys_tasks.recommenders.als_slices import ListenerSlices, TrackSlices, transposed, transposed_by_ranges
from recsys_tasks.recommenders.backends import Backend, HalfStep, HalfSteps, WholeTraining
from recsys_tasks.recommenders.backends.implicit_cpu import ImplicitCpu, exact_vectors
from recsys_tasks.recommenders.base import Arrays, Fit, Parent, Progress, TrainingData, TrainingFigures, unheard
from recsys_tasks.recommenders.confidence import confidence
from recsys_tasks.recommenders.factors import Factors, cold_factors, warm_factors

ALS_FORMAT = 4
"""Version of the way from plays and a start to factors and losses; part of a model's identity. Before 2, a warm start
took three steps of conjugate gradients in each solution and at least two iterations, and the loss came from the
library; before 3, the last loss was of all listeners; before 4, the key named the settings of the hidden listeners
instead of their split, and no backend (factors and losses of 3 and 4 are the same)."""
WARM_FIRST_TOLERANCES = 4.0
"""A warm start's first iteration gains six to ten times (measured) what its second does: one that changed the loss by
less than so many tolerances was therefore the last that is worth its time."""
LOSS_LISTENERS = 100_000
"""Losses are of about so many listeners, evenly spread over all. In one iteration the loss of 20,000 of a million rose
by a thousandth, that of all did not."""


class Als:
    """Weighted ALS under one choice of parameters; a ``Recommender`` of ``Factors``."""

    name = "als"

    def __init__(
        self,
        config: AlsConfig,
        backend: Backend | None = None,
        loss_listeners: int = LOSS_LISTENERS,
        slice_pairs: int = SLICE_PAIRS,
    ) -> None:
        """Nothing is trained yet.

        Args:
            config: parameters.
            backend: what trains; None: ``implicit``. Folding listeners in is the same with each of them.
            loss_listeners: how many listeners a loss is of; models of a format before 3 recorded that of all.
            slice_pairs: pairs that are solved together; the bytes do not depend on it.
        """
        self.config, self._backend = config, backend or ImplicitCpu()
        self._loss_listeners, self._slice_pairs = loss_listeners, slice_pairs

    def identity(self) -> Json:
        """As ``Recommender``; the bytes do not depend on the number of threads."""
        return {
            "parameters": self.config.model_dump(exclude={"threads", "backend"}),
            "training": ALS_FORMAT,
            "backend": self._backend.identity(),
        }

    @property
    def starts_warm(self) -> bool:
        """Whether a training can begin with a parent's factors."""
        return not isinstance(self._backend, WholeTraining)

    def fit(
        self, data: TrainingData, parent: Parent[Factors] | None = None, progress: Progress = unheard
    ) -> Fit[Factors]:
        """As ``Recommender``: from the parent's factors, or from drawn ones."""
        if isinstance(self._backend, WholeTraining):
            return self._trained_whole(self._backend, data.plays, progress)
        if parent is None:
            start = cold_factors(data.users, data.tracks, self.config.factors, self.config.seed)
        else:
            start = warm_factors(parent.component, parent.users, parent.tracks, data.users, data.tracks)
        return self.alternate(data.plays, start, parent is not None, progress, data.scratch)

    def alternate(
        self,
        plays: PlayRows,
        start: Factors,
        warm: bool,
        progress: Progress = unheard,
        scratch: Scratch = np.empty,
    ) -> Fit[Factors]:
        """Alternate until the relative change of the loss is below the tolerance, or the iterations are used up.

        Args:
            plays: (n_users, n_tracks) play counts, canonical.
            start: factors to begin with; copied.
            warm: whether they come from a parent (kept with the result): it then takes less to settle.
            progress: called after each iteration.
            scratch: gives room for the transposed matrix where that is more than one slice.

        Raises:
            BadData: there are no plays, so that nothing can be learned, or the factors become infinite.
        """
        _refuse_none(plays)
        step = cast(HalfSteps, self._backend).half_step(self.config, warm)
        config, losses, factors = self.config, [], start
        # What one thread does beside the solver for the listeners, which needs the plays of each track only then.
        with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(1) as beside:
            copied = beside.submit(_copy, start)
            listeners = ListenerSlices(plays, config, self._slice_pairs)
            tracks = beside.submit(self._transposed, listeners, plays, scratch)
            pairs = beside.submit(self._sampled, plays)
            before = beside.submit(lambda: [self._loss(pairs.result(), start)] if warm else [])
            factors = copied.result()
            for iteration in range(1, config.max_iterations + 1):
                _solve(step, listeners, factors.user_factors, factors.item_factors)
                _solve(step, tracks.result(), factors.item_factors, factors.user_factors)
                losses.append(_finite(self._loss(pairs.result(), factors), iteration))
                progress(iteration, losses[-1])
                tolerances = WARM_FIRST_TOLERANCES if warm and iteration == 1 else 1.0
                if _settled([*before.result(), *losses], tolerances * config.tolerance):
                    break
        kept, weight = tuple(map(_digits, losses)), _weight(plays, tracks.result().extra())
        return Fit(factors, TrainingFigures(len(losses), kept, warm, int(plays.nnz), weight))

    def _trained_whole(self, backend: WholeTraining, plays: PlayRows, progress: Progress) -> Fit[Factors]:
        """By a backend that begins and ends by itself: one loss, after its last iteration."""
        _refuse_none(plays)
        factors, iterations = backend.train(plays, self.config), self.config.max_iterations
        loss = _finite(self._loss(self._sampled(plays), factors), iterations)
        progress(iterations, loss)
        extra = sum(float(np.sum(confidence(cells, self.config).data - 1.0)) for _, cells in by_blocks(plays))
        return Fit(factors, TrainingFigures(iterations, (_digits(loss),), False, int(plays.nnz), _weight(plays, extra)))

    def _transposed(self, listeners: ListenerSlices, plays: PlayRows, scratch: Scratch) -> TrackSlices:
        if listeners.only is not None:
            return transposed(listeners.only, self._slice_pairs)
        return transposed_by_ranges(plays, self.config, self._slice_pairs, scratch)

    def _sampled(self, plays: PlayRows) -> Pairs:
        """The pairs that a loss is of."""
        cells, rows = sampled_rows(plays, self._loss_listeners)
        return Pairs(confidence(cells, self.config), rows)

    def open(self, files: Arrays) -> Factors:
        """As ``Recommender``."""
        return Factors(np.asarray(files["user_factors"]), np.asarray(files["item_factors"]))

    def fold_in(self, component: Factors, plays: sparse.csr_matrix, user_rows: IntArray) -> Factors:
        """As ``Recommender``."""
        return component.with_users(user_rows, self.user_vectors(plays, component.item_factors))

    def user_vectors(self, plays: sparse.csr_matrix, item_factors: FloatArray) -> FloatArray:
        """Factors of users from their plays against fixed item factors, by the exact solver. (n_users, n_factors).

        x_u = (Y'Y + Y'(C_u - I)Y + lambda I)^-1 Y'C_u p_u (Hu, Koren and Volinsky 2008, equation 4). A user without
        plays gets the zero vector.
        """
        if plays.nnz == 0:
            return np.zeros((plays.shape[0], item_factors.shape[1]), dtype=np.float32)
        with threadpool_limits(limits=1, user_api="blas"):
            return exact_vectors(confidence(plays, self.config), item_factors, self.config)

    def recorded_loss(self, component: Factors, plays: PlayRows) -> float:
        """As ``Recommender``: of about as many listeners as the training looked at.

        Raises:
            BadData: the factors are of another shape.
        """
        n_users, n_tracks = len(component.user_factors), len(component.item_factors)
        if plays.shape != (n_users, n_tracks):
            raise BadData(
                f"Factors of {n_users} users and {n_tracks} tracks do not fit plays of shape {plays.shape}. Train "
                "again."
            )
        return self._loss(self._sampled(plays), component)

    def _loss(self, pairs: Pairs, factors: Factors) -> float:
        sides = factors.user_factors, factors.item_factors
        return loss_of(pairs, *sides, self.config.regularization, self.config.threads)


def _solve(step: HalfStep, slices: ListenerSlices | TrackSlices, own: FloatArray, others: FloatArray) -> None:
    """Solve one side against the other in place, slice by slice: no row of it reads another row of it."""
    for rows, weighted in slices:
        step(weighted, own[rows], others)


def _refuse_none(plays: PlayRows) -> None:
    """Raises BadData where nothing was played at all."""
    if plays.nnz == 0:
        raise BadData("The play matrix is empty: nothing can be learned from it. Check the source and history_start.")


def _copy(factors: Factors) -> Factors:
    return Factors(factors.user_factors.copy(), factors.item_factors.copy())


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


def _settled(losses: Sequence[float], tolerance: float) -> bool:
    """Whether the last relative change is below the tolerance."""
    return len(losses) > 1 and abs(losses[-2] - losses[-1]) < tolerance * abs(losses[-2])


def _weight(plays: PlayRows, extra: float) -> float:
    """Sum of the confidences of all cells, by which a loss is divided. extra: sum of c_ui - 1."""
    return _digits(float(plays.shape[0]) * plays.shape[1] + extra)


def _digits(loss: float) -> float:
    """As it is kept: other processors' kernels differ in the digits that are left out."""
    return float(f"{loss:.8g}")
