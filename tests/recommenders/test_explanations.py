"""The reasons that lists give."""

import numpy as np
import pytest
from scipy import sparse

from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders import explanations
from recsys_tasks.recommenders.explanations import reasons
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.recommenders.vectors import Played


def similar(cells: dict[tuple[int, int], float], n: int = 6) -> SimilarTracks:
    """Similarities of tracks, (from, to) -> value."""
    matrix = sparse.lil_matrix((n, n), dtype=np.float32)
    for place, value in cells.items():
        matrix[place] = value
    return SimilarTracks(matrix.tocsr())


PLAYED = Played(np.array([0, 3, 3, 4]), np.array([0, 1, 5, 2]))
"""The first listener played 0, 1 and 5, the second nothing, the third 2."""


def test_the_track_with_the_largest_share_is_the_reason() -> None:
    """Of a listener's tracks the most similar one is named, of equal ones the lowest, and nobody else's."""
    near = similar({(0, 3): 0.2, (1, 3): 0.7, (2, 3): 0.9, (0, 4): 0.5, (5, 4): 0.5})
    lists = np.array([[4, 3, -1], [3, 4, -1], [3, 0, -1]])
    assert reasons([near], PLAYED, lists).tolist() == [[0, 1, -1], [-1, -1, -1], [2, -1, -1]]


def test_the_first_component_that_names_a_track_is_believed() -> None:
    """What co-listening cannot explain, content does; and a component may know fewer tracks than the lists hold."""
    heard, by_content = similar({(0, 3): 0.1}, 4), similar({(1, 3): 0.9, (5, 4): 0.3})
    assert reasons([heard, by_content], PLAYED, np.array([[3, 4], [3, 4], [3, 4]])).tolist() == [
        [0, 5],
        [-1, -1],
        [-1, -1],
    ]


def test_what_speaks_against_a_track_is_no_reason_for_it() -> None:
    """Of similarities below zero, as EASE has, none is named, though there is no other."""
    near = similar({(0, 3): -0.2, (1, 3): 0.1, (5, 4): -0.5})
    assert reasons([near], PLAYED, np.array([[3, 4], [3, 4], [3, 4]])).tolist() == [[1, -1], [-1, -1], [-1, -1]]


@pytest.mark.parametrize("at_once", [1, 50, explanations.AT_ONCE])
def test_each_listener_gets_the_reasons_that_they_get_alone(monkeypatch, at_once) -> None:
    """However many are looked through together, each place names the listener's own track that is nearest to it."""
    monkeypatch.setattr(explanations, "AT_ONCE", at_once)
    rng, n_users, n_tracks = np.random.default_rng(4), 40, 30
    near = rng.choice(np.float32([-1, 0, 0, 0, 1, 2]), (n_tracks, n_tracks))
    histories = [np.sort(rng.choice(n_tracks, rng.integers(0, 9), replace=False)) for _ in range(n_users)]
    lists = np.array([rng.choice(np.arange(-1, n_tracks + 3), 7, replace=False) for _ in range(n_users)])
    lists[5] = -1
    played = Played(np.cumsum([0, *map(len, histories)]), np.concatenate(histories))
    found = reasons([SimilarTracks(sparse.csr_matrix(near))], played, lists)
    for own, wanted, named in zip(histories, lists, found, strict=True):
        for track, reason in zip(wanted.tolist(), named.tolist(), strict=True):
            values = near[own, track] if 0 <= track < n_tracks and len(own) else np.zeros(1)
            assert reason == (own[np.argmax(values)] if values.max() > 0 else -1)


def test_no_component_gives_no_reason() -> None:
    """A release of ALS alone names no reasons, and does not fail."""
    assert reasons([], PLAYED, np.array([[3], [4], [-1]])).tolist() == [[-1], [-1], [-1]]


def test_lists_of_other_listeners_are_refused() -> None:
    """As many lists as listeners, or a clear error."""
    with pytest.raises(BadData, match="do not fit 1 lists"):
        reasons([], PLAYED, np.array([[3]]))
