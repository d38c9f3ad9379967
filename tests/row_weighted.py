"""The formula of Spark MLlib's ALS, row by row in float64, as a backend: Spark is held to it, and it needs no Spark."""

import numpy as np

from recsys_tasks.recommenders.backends.spark import reg_param
from recsys_tasks.recommenders.confidence import confidence
from recsys_tasks.recommenders.factors import Factors


def row_weighted(weighted, others, reg):
    """Each row's solution, with ``reg`` times the number of its pairs for lambda. (n, n_factors) float64."""
    others, solved = others.astype(np.float64), np.zeros((weighted.shape[0], others.shape[1]))
    squares = others.T @ others
    for row in np.flatnonzero(np.diff(weighted.indptr)):
        cells = slice(weighted.indptr[row], weighted.indptr[row + 1])
        theirs, c = others[weighted.indices[cells]], weighted.data[cells].astype(np.float64)
        ridge = reg * len(c) * np.eye(len(squares))
        solved[row] = np.linalg.solve(squares + (theirs.T * (c - 1)) @ theirs + ridge, c @ theirs)
    return solved


class RowWeighted:
    """Trains both sides from drawn factors, as Spark does."""

    def identity(self):
        """As ``WholeTraining``."""
        return {"name": "row-weighted", "version": "1"}

    def train(self, plays, config):
        """As ``WholeTraining``."""
        weighted, reg = confidence(plays, config), reg_param(plays, config.regularization)
        users = np.random.default_rng(config.seed).normal(0, 0.1, (plays.shape[0], config.factors))
        for _ in range(config.max_iterations):
            tracks = row_weighted(weighted.T.tocsr(), users, reg)
            users = row_weighted(weighted, tracks, reg)
        return Factors(users.astype(np.float32), tracks.astype(np.float32))
