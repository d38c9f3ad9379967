"""ALS in slices: the same bytes as in one piece, whatever the size of a slice."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.matrix.play_matrix import of_users
from recsys_tasks.matrix.trained_plays import TrainedPlays
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.als_slices import ListenerSlices, transposed, transposed_by_ranges
from recsys_tasks.recommenders.confidence import confidence
from recsys_tasks.recommenders.factors import cold_factors
from recsys_tasks.storage.scratch import scratch_in

CONFIG = AlsConfig(factors=6, weight="log", a=2.0, regularization=3.0, max_iterations=2, tolerance=1e-6)
SHAPE = (300, 170)


@pytest.fixture(scope="module")
def plays():
    """A training: plays of which some listeners' last day is taken out; rows and columns without a play among them."""
    rng = np.random.default_rng(5)
    counts = sparse.random(*SHAPE, 0.1, format="lil", rng=rng)
    counts[[0, 7, 8, 299]] = 0
    counts[:, [0, 3, 169]] = 0
    counts = counts.tocsr()
    counts.data = rng.integers(1, 2000, counts.nnz).astype(np.uint32)
    day = counts.copy()
    day.data = np.where(rng.random(day.nnz) < 0.2, day.data, day.data // 2)  # some cells are of that day alone
    day.eliminate_zeros()
    return TrainedPlays(counts, of_users(day, rng.random(SHAPE[0]) < 0.3))


@pytest.fixture(scope="module")
def start():
    """The factors that every training here begins with."""
    ids = (Vocabulary(pa.array(range(n), type=pa.int64()), np.zeros(n, np.int32)) for n in SHAPE)
    return cold_factors(*ids, CONFIG.factors, CONFIG.seed)


@pytest.fixture(scope="module", params=[False, True], ids=["cold", "warm"])
def unsliced(request, plays, start):
    """Whether the start counts as warm, and what one slice gives."""
    return request.param, Als(CONFIG).alternate(plays[slice(0, SHAPE[0])], start, request.param)


@pytest.mark.parametrize(("pairs", "threads"), [(1, 1), (500, 1), (500, 2), (2_000, 2)])
def test_slices_of_any_size_give_the_same_bytes(plays, start, unsliced, tmp_path, pairs, threads):
    """Factors, losses and figures are those of the whole, from one pair a slice on, cold and warm, on 1 and 2 threads,
    with the transposed matrix in a file."""
    warm, expected = unsliced
    als = Als(CONFIG.model_copy(update={"threads": threads}), slice_pairs=pairs)
    found = als.alternate(plays, start, warm, scratch=scratch_in(str(tmp_path)))
    assert found.figures == expected.figures
    assert found.component.user_factors.tobytes() == expected.component.user_factors.tobytes()
    assert found.component.item_factors.tobytes() == expected.component.item_factors.tobytes()


@pytest.mark.parametrize("pairs", [1, 37, 500])
def test_ranges_of_tracks_are_the_transposed_matrix(plays, pairs):
    """Every track has its own listeners and confidences, in their order, in whatever ranges they were gathered."""
    expected = transposed(confidence(plays[slice(0, SHAPE[0])], CONFIG), pairs)
    found = transposed_by_ranges(plays, CONFIG, pairs, np.empty)
    for name in ("listeners", "confidences", "ends"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    whole = sparse.vstack([cells for _, cells in found])
    assert whole.shape == (SHAPE[1], SHAPE[0])
    assert (whole != sparse.vstack([cells for _, cells in expected])).nnz == 0


def test_the_solver_gets_no_more_pairs_than_a_slice_holds(plays):
    """But for a row that alone has more, and 32 bits number what it gets."""
    most = max(np.diff(plays.indptr).max(), 37)
    slices = list(ListenerSlices(plays, CONFIG, 37))
    assert len(slices) > plays.nnz // most
    assert max(cells.nnz for _, cells in slices) <= most
    assert {cells.indptr.dtype for _, cells in slices} == {np.dtype(np.int32)}
