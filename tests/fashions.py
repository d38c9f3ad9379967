"""A service whose listeners discover what is in fashion, to choose components on."""

from datetime import date

import numpy as np
import pyarrow as pa
from scipy import sparse

from recsys_tasks.core.components import ContentConfig, NeighboursConfig, RecentConfig
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.evaluation.ensemble_data import Material, faded
from recsys_tasks.evaluation.ensemble_parts import Today, recents_to_try
from recsys_tasks.evaluation.ensemble_rounds import Options
from recsys_tasks.evaluation.tuning_split import TuningSplit

ALS = AlsConfig(factors=4, threads=1)
TODAY = Today(RecentConfig(half_life_days=(2.0,)), NeighboursConfig(nearest=20), ContentConfig())
N_USERS, N_TRACKS, DAYS = 800, 80, 8


def material(fashion: float) -> Material:
    """Ten tracks are in fashion on each day, and those of the last one are on the hidden day; all else is chance.

    Args:
        fashion: share of the listeners who play a track in fashion.
    """
    rng, by_chance = np.random.default_rng(1), 0.03
    days = []
    for day in range(DAYS + 1):
        current = np.zeros(N_TRACKS)
        current[(min(day, DAYS - 1) * 10 + np.arange(10)) % N_TRACKS] = fashion
        days.append(sparse.csr_matrix((rng.random((N_USERS, N_TRACKS)) < by_chance + current).astype(np.uint32)))
    training = sparse.csr_matrix(sum(days[1:DAYS], days[0]))
    hidden = sparse.csr_matrix(days[DAYS] - days[DAYS].multiply(training > 0))
    hidden.eliminate_zeros()
    users, tracks = (Vocabulary(pa.array(range(n)), np.zeros(n, np.int32)) for n in (N_USERS, N_TRACKS))
    asked = np.flatnonzero(np.diff(hidden.indptr) * np.diff(training.indptr))
    split = TuningSplit(
        users, tracks, training, hidden.astype(np.uint32), asked[::2], asked[1::2], unplayed=np.ones(N_USERS, np.int64)
    )
    lately, _ = faded(days[:DAYS], training, tracks, recents_to_try(TODAY))
    return Material(split, date(1970, 1, 1), lately, np.full(N_TRACKS, -1))


def options(**changes):
    """Small rounds, weights alone."""
    given = {"k": 5, "depth": 30, "trees": False, "clock": lambda: 0.0, "least_sample": 200}
    return Options(**(given | changes))
