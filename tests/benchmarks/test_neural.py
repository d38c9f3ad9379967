"""The neural model of the benchmark of recommenders: what it is shown, and that it learns an order."""

import numpy as np
import pytest

from benchmarks import neural
from benchmarks.joining import listed, scored
from benchmarks.neural import factors_in, file_of, first_plays, read_sequences, trained, write_sequences
from benchmarks.recommender_logs import Task, dated
from benchmarks.recommenders import chosen_on, measured

LISTENERS, TRACKS, DAYS = 60, 30, 12


@pytest.fixture
def walks():
    """Everybody plays one track a day, and the next one the day after: only the last play says what comes."""
    begun = np.random.default_rng(1).integers(0, TRACKS, LISTENERS)
    days, users = np.divmod(np.arange(DAYS * LISTENERS), LISTENERS)
    log = dated(users, (begun[users] + days) % TRACKS, days)
    validation, test = (log.fold(cut, 1, {}) for cut in (DAYS - 2, DAYS - 1))
    return Task("the next day", validation, (validation,), (test,))


@pytest.fixture
def sequences(tmp_path, walks):
    """They are written without PyTorch."""
    place = file_of(tmp_path, "some walks", "sequences")
    write_sequences(place, walks)
    assert place.name == "some-walks.sequences.npz"
    return place


def test_what_is_read_is_what_the_folds_know(walks, sequences):
    """Of each fold the first plays, each pair once, and what is hidden from the listeners who are asked."""
    pytest.importorskip("torch")
    for found, folds in zip(read_sequences(sequences), (walks.validation, walks.test), strict=True):
        for asked, fold in zip(found, folds, strict=True):
            assert len(asked.log.users) == fold.training.nnz
            assert (fold.training[asked.log.users, asked.log.tracks] > 0).all()
            assert np.array_equal(asked.rows, fold.rows)
            assert (asked.hidden != (fold.hidden[fold.rows] > 0)).nnz == 0


@pytest.mark.parametrize("negatives", [0, 20])
def test_an_order_is_learnt(tmp_path, walks, sequences, monkeypatch, negatives):
    """It finds the next track, which nobody knows who does not look at the last one, with all tracks in the softmax or
    a sample of them; and its vectors are a component like others."""
    pytest.importorskip("torch")
    monkeypatch.setattr(neural, "CHANGES", {})
    monkeypatch.setattr(neural, "LOOKS", (60,))
    small = {"factors": 32, "length": 12, "dropout": 0.0, "blocks": 1, "batch": 16, "rate": 3e-3}
    vectors = trained(sequences, {**small, "negatives": negatives}, 0.0, print)
    np.savez_compressed(file_of(tmp_path, "walks", "vectors"), **vectors)
    (fold,), (factors,) = walks.test, factors_in(tmp_path, "walks", walks)[1]
    assert scored([fold], [listed(factors, fold)]).ndcg.mean() > 0.9


def test_recent_plays_count_more(walks):
    """With a half-life of two days, what comes next counts half of what comes two days later."""
    models = pytest.importorskip("benchmarks.sequence_models", reason="PyTorch is not installed")
    log = models.Sequences(*first_plays(walks.test[0]), TRACKS)
    (weights,) = (each for *_, each in models.Windows(log, models.Settings(half_life=2.0)).batches())
    assert np.allclose(weights[:, 2:] / weights[:, :-2], 2)
    assert (weights[:, -1] > 1).all()


def test_it_is_scored_beside_the_others_and_without_it(tmp_path, walks):
    """A folder with vectors, wherever they were learnt, adds one component: alone, in all, and left out of the weights
    and the trees, with the differences to the trees without it."""
    drawn, vectors = np.random.default_rng(1), {}
    for number, fold in enumerate((*walks.validation, *walks.test)):
        for name, n in (("listeners", len(fold.rows)), ("tracks", TRACKS)):
            vectors[f"{name} {number}"] = drawn.standard_normal((n, 4)).astype(np.float16)
    np.savez(file_of(tmp_path, "amazon-music", "vectors"), **vectors)
    told = []
    chosen = chosen_on(walks, None, 0.0, told.append)
    labels = {*measured("amazon-music", walks, chosen, tmp_path, told.append).scores}
    assert {"SASRec alone", "without SASRec", "all, re-ranked", "without SASRec, re-ranked"} <= labels
    assert sum("less without SASRec, re-ranked" in line for line in told) == 2
    assert not any("SASRec" in each for each in measured("amazon-music", walks, chosen, None, told.append).scores)
