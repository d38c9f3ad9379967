"""Which listeners a report shows, and what it shows of them."""

import numpy as np
import pyarrow as pa
from scipy import sparse

from recsys_tasks.evaluation.evaluated_models import Evaluation
from recsys_tasks.evaluation.samples import sampled, samples
from recsys_tasks.matrix.split import Holdout


def test_shown_are_the_listeners_at_every_second_tenth():
    """From few tracks known to many, however the listeners stand; of one listener that one, of nobody nobody."""
    known = np.random.default_rng(1).permutation(100)
    assert sorted(known[sampled(known)].tolist()) == [10, 30, 50, 70, 90]
    assert sampled(np.array([7.0])).tolist() == [0]
    assert not len(sampled(np.zeros(0)))


def test_a_listener_is_shown_by_the_most_played_tracks_and_both_lists():
    """Most plays first; titles, ids for those without one, and which places are hits; a missing place is left out."""
    history = sparse.csr_matrix(np.array([[2, 9, 0, 4]], np.uint32))
    holdout = Holdout(np.array([0]), history, history, sparse.csr_matrix(np.array([[0, 0, 1, 0]], np.uint32)))
    lists = {"candidate": np.array([[2, -1]]), "incumbent": np.array([[0, 2]])}
    found = Evaluation({"activity": np.array([3.0])}, {}, np.array([0]), lists)
    names = pa.table({"title": ["zero", "one", None, "three"], "artist": ["a", "b", "c", "d"]})
    rows = samples(holdout, found, names, pa.array([10, 11, 12, 13])).to_pylist()
    assert [(row["kind"], row["place"], row["title"], row["hit"]) for row in rows] == [
        ("heard", 1, "one", False),
        ("heard", 2, "three", False),
        ("heard", 3, "zero", False),
        ("candidate", 1, "12", True),
        ("incumbent", 1, "zero", False),
        ("incumbent", 2, "12", True),
    ]
