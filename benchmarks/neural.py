"""A small neural recommender for the benchmark of recommenders: SASRec (Kang and McAuley 2018), as RecTools has it.

It needs RecTools with PyTorch, gigabytes where that is built for GPUs, so it is measured where somebody installed it:

    python -m venv .venv-neural && .venv-neural/bin/python -m pip install 'rectools[torch]' -r requirements-bench.in
    .venv-neural/bin/python -m benchmarks.recommenders --data DIR --only amazon-music --neural

A listener's sequence is his plays by day, each track where he played it first; the order within a day is not known.
Its epochs are chosen on the validation fold, as everything else is.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

from benchmarks.recommender_logs import Fold, Lists, Task
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.evaluation.metrics import ndcg

EPOCHS = (3, 9, 27)
SETTINGS = {
    "n_factors": 64,
    "n_blocks": 1,
    "n_heads": 2,
    "session_max_len": 20,
    "loss": "gBCE",
    "n_negatives": 64,
    "batch_size": 256,
}


def sasrec_lists(task: Task, k: int, say: Callable[[str], None]) -> list[Lists]:
    """Lists of each fold of the test, by as many epochs as serve the last fold of validation best."""
    fold = task.validation[-1]
    model, dataset, score, trained = _model(), _dataset(fold), {}, 0
    for epochs in EPOCHS:
        model.fit_partial(dataset, min_epochs=epochs - trained, max_epochs=epochs - trained)
        trained = epochs
        score[epochs] = _ndcg(_lists(model, dataset, fold, k), fold)
        say(f"SASRec, {epochs} epochs: nDCG on validation {score[epochs]:.4f}")
    return [_fitted(fold, max(score, key=lambda each: score[each]), k) for fold in task.test]


def _fitted(fold: Fold, epochs: int, k: int) -> Lists:
    model, dataset = _model(), _dataset(fold)
    model.fit_partial(dataset, min_epochs=epochs, max_epochs=epochs)
    return _lists(model, dataset, fold, k)


def _model() -> SASRecModel:
    torch.manual_seed(1)
    return SASRecModel(**SETTINGS, deterministic=True, verbose=0)


def _dataset(fold: Fold) -> Dataset:
    users, tracks, days = fold.dated
    rows = pd.DataFrame({Columns.User: users, Columns.Item: tracks, Columns.Datetime: days, Columns.Weight: 1.0})
    rows[Columns.Datetime] = pd.to_datetime(rows[Columns.Datetime], unit="D")
    return Dataset.construct(rows.drop_duplicates([Columns.User, Columns.Item]))


def _lists(model: SASRecModel, dataset: Dataset, fold: Fold, k: int) -> Lists:
    """(n_rows, k) columns of tracks, best first; -1 where it has no more."""
    asked = fold.rows[np.isin(fold.rows, dataset.user_id_map.external_ids)]
    found = model.recommend(asked, dataset, k=k, filter_viewed=not fold.repeats, on_unsupported_targets="ignore")
    lists = np.full((len(fold.rows), k), -1, np.int64)
    lists[np.searchsorted(fold.rows, found[Columns.User]), found[Columns.Rank] - 1] = found[Columns.Item]
    return lists


def _ndcg(lists: Lists, fold: Fold) -> float:
    hidden = fold.hidden[fold.rows]
    return float(ndcg(is_hit(lists, hidden), np.diff(hidden.indptr)).mean())
