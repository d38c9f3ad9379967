"""The backend of a CUDA device, on a stand-in for the device that solves with the library's own CPU code."""

import implicit.gpu
import numpy as np
import pytest
from implicit.cpu import _als
from small_plays import random_plays, vocabulary

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.errors import BadData, TrainerUnavailable
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.backends.implicit_gpu import ImplicitGpu
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.factors import cold_factors

CONFIG = AlsConfig(factors=5, regularization=3.0, max_iterations=4, tolerance=1e-9, threads=1)


class Matrix:
    """A copy of an array, as the device has one."""

    def __init__(self, values):
        self.values = np.array(values)

    @classmethod
    def zeros(cls, n_rows, n_cols):
        """Room for a result."""
        return cls(np.zeros((n_rows, n_cols), np.float32))

    def to_numpy(self):
        """A copy on this side."""
        return self.values.copy()


class Solver:
    """The two calls of the device's solver."""

    def calculate_yty(self, others, squares, regularization):
        """It alone is told lambda."""
        squares.values[:] = others.values.T @ others.values
        self.regularization = regularization

    def least_squares(self, weighted, own, squares, others, steps):
        """In place, from where the rows are."""
        assert squares.values.any()
        sides = weighted, own.values, others.values
        _als.least_squares_cg(*sides, self.regularization, num_threads=1, cg_steps=steps)


@pytest.fixture
def sent(monkeypatch):
    """The matrices of confidences that went to the device."""
    sent = []
    for name, stand_in in {"Matrix": Matrix, "LeastSquaresSolver": Solver}.items():
        monkeypatch.setattr(implicit.gpu, name, stand_in, raising=False)
    monkeypatch.setattr(implicit.gpu, "CSRMatrix", lambda cells: sent.append(cells) or cells, raising=False)
    return sent


@pytest.mark.parametrize("warm", [False, True])
def test_it_trains_as_the_processor_does(sent, warm):
    """The same steps from the same factors give the same bytes, in a cold start and in a warm one."""
    plays = random_plays()
    start = cold_factors(vocabulary(60), vocabulary(40), CONFIG.factors, CONFIG.seed)
    ours, theirs = (Als(CONFIG, backend).alternate(plays, start, warm) for backend in (None, ImplicitGpu({})))
    assert ours.figures == theirs.figures
    assert ours.component.user_factors.tobytes() == theirs.component.user_factors.tobytes()
    assert ours.component.item_factors.tobytes() == theirs.component.item_factors.tobytes()


def test_confidences_stay_on_the_device(sent):
    """Each side is sent once for all iterations; in slices the last two are kept, and no wrong one is used."""
    plays = random_plays()
    start = cold_factors(vocabulary(60), vocabulary(40), CONFIG.factors, CONFIG.seed)
    once = Als(CONFIG, ImplicitGpu({})).alternate(plays, start, False)
    assert [cells.shape for cells in sent] == [(60, 40), (40, 60)]
    sliced = Als(CONFIG, ImplicitGpu({}), slice_pairs=100).alternate(plays, start, False)
    assert len(sent) > 4 * CONFIG.max_iterations
    assert once.component.user_factors.tobytes() == sliced.component.user_factors.tobytes()


def test_no_third_side_lies_on_the_device(sent, monkeypatch):
    """In slices, room is made before the next one is sent: never are there more than two."""
    there = []

    class Cells:
        def __init__(self, cells):
            there.append(cells)
            assert len(there) <= 2
            self.cells = cells

        def __del__(self):
            there.remove(self.cells)

    monkeypatch.setattr(implicit.gpu, "CSRMatrix", Cells)
    monkeypatch.setattr(Solver, "least_squares", lambda *_args: None)
    step = ImplicitGpu({}).half_step(CONFIG, warm=False)
    for _ in range(5):
        step(random_plays().astype(np.float32), np.ones((60, 5), np.float32), np.ones((40, 5), np.float32))
    assert len(there) == 2


@pytest.mark.parametrize("call", ["__init__", "calculate_yty", "least_squares"])
@pytest.mark.parametrize("error", [MemoryError("std::bad_alloc: out_of_memory"), RuntimeError("cublas error\nat 7")])
def test_what_the_device_says_is_told_in_a_sentence(sent, monkeypatch, call, error):
    """Too little memory, or a device that broke off, fails the task with what to look at, and is tried again."""

    def broken(*_args):
        raise error

    monkeypatch.setattr(Solver, call, broken)
    with pytest.raises(TrainerUnavailable, match=r"^The CUDA device broke off \((std|cublas error at 7).* nvidia-smi"):
        Als(CONFIG, ImplicitGpu({})).fit(TrainingData(random_plays(), vocabulary(60), vocabulary(40)))


def test_more_factors_than_it_can_number(sent):
    """Another side whose rows lie beyond 32 bits is refused before anything is sent: others would be read."""
    many = np.broadcast_to(np.float32(0), (2**28, 8))
    step = ImplicitGpu({}).half_step(CONFIG, warm=False)
    with pytest.raises(BadData, match=r"268,435,456 rows of 8 factors are more .* \(2,147,483,647\)\. Lower als"):
        step(random_plays(), np.ones((40, 8), np.float32), many)
    assert sent == []


def test_its_versions_are_part_of_a_model():
    """What the bytes depend on stands beside the name."""
    assert ImplicitGpu({"version": "0.7.3", "rmm": "26.4.0"}).identity() == {
        "name": "implicit-gpu",
        "version": "0.7.3",
        "rmm": "26.4.0",
    }
