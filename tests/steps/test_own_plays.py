"""Each listener's own faded plays: published where they are switched on, and gone with who is forgotten."""

from datetime import date

import numpy as np
from settings import config, run

from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.erased_releases import _files_without
from recsys_tasks.steps.own_plays import own_plays


def test_a_release_holds_them_where_they_are_switched_on(copied):
    """Off, a release has none; on, it has one number for each pair, which an erasure takes out with the person."""
    assert Reader(copied.store).bundle.users.own is None
    at = Workplace(copied.store, config(products={"own_half_life_days": 7.0}), copied.dsn)
    run(at, date(2026, 1, 16))
    reader = Reader(at.store)
    users, key = reader.bundle.users, at.bundles.key(reader.entry.candidate)
    assert (users.own == own_plays(at, at.matrices.load(key.day, key.matrix), 7.0)).all()
    assert (reader.opened.products.on_repeat(np.arange(20), 3).cols[:, 0] >= 0).all()
    gone = users.ids.take([3])
    left = _files_without(users, gone)
    assert len(left["own"]) == len(left["cols"]) == len(users.cols) - (users.indptr[4] - users.indptr[3])
    assert (left["own"][left["indptr"][3] : left["indptr"][4]] == users.own[users.indptr[4] : users.indptr[5]]).all()
