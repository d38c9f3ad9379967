"""The data sets of the benchmark of recommenders: what is hidden in each of them, and what is chosen on what."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet
from scipy import sparse

from benchmarks.als_defaults import Absent, coded, csv_table, numbers
from benchmarks.gate_calibration.recorded_worlds import DAYS, HISTORY, demo
from benchmarks.recommender_logs import Fold, Lists, Log, Numbers, Task, dated
from recsys_tasks.demo.world import PRESETS, build_world
from recsys_tasks.demo.world.catalogue import make_catalogue
from recsys_tasks.demo.world.oracle import oracle_top
from recsys_tasks.evaluation.tuning_split import HIDDEN_SHARE
from recsys_tasks.matrix.play_matrix import canonical

WEEKS = 4
"""Weeks of complete-journey that things are chosen on, and that teach: its households are too few for one."""
UNSEEN = 4
"""Weeks of its last quarter that nothing was found on: discoveries and trees over own tracks were, on later ones."""
QUARTER = 13
"""Weeks of a quarter."""
WORLD = replace(PRESETS["demo"], days=HISTORY + DAYS)


def amazon(folder: Path) -> Task:
    """Music that customers buy in each quarter of 2016, and did not have before; chosen on those of 2015."""
    table = csv_table(folder / "amazon-music" / "ratings.tsv", "\t")
    users, tracks = (coded(table.column(name)) for name in ("user_id", "item_id"))
    log = dated(users, tracks, numbers(table, "unix_seconds") // 86_400)
    quarters = [
        (date(year, month, 1) - date(1970, 1, 1)).days for year in (2015, 2016, 2017) for month in (1, 4, 7, 10)
    ]
    lately = log.lately(quarters[:9])
    folds = [log.fold(cut, beyond - cut, lately[cut]) for cut, beyond in pairwise(quarters[:9])]
    year = log.fold(quarters[0], quarters[4] - quarters[0], {})
    return Task("each quarter of 2016", year, tuple(folds[:4]), tuple(folds[4:]))


def journey(folder: Path, repeats: bool = False, weeks: int = 1) -> Task:
    """What households buy in each of the last whole weeks of 2017, the last of which begins on Christmas Day.

    Settings are chosen once, on the four weeks before these. Components learn from all days before a week that is
    scored, weights and trees from the four weeks before it: what a day knows that is run every day.

    Args:
        folder: of the data sets.
        repeats: whether what a household bought before is hidden too.
        weeks: how many are scored.
    """
    path = folder / "complete-journey" / "transactions.parquet"
    if not path.exists():
        raise Absent(path.parent.name)
    table = pyarrow.parquet.read_table(path, columns=["household_id", "product_id", "transaction_timestamp"])
    users, tracks = (coded(table.column(name)) for name in table.column_names[:2])
    days = np.asarray(table.column(2)).astype("datetime64[D]").astype(np.int64)
    log = dated(users, tracks, days)
    cuts = [int(days.max()) - 7 * n for n in range(WEEKS + weeks, 0, -1)]
    lately = log.lately(cuts)
    folds = tuple(log.fold(cut, 7, lately[cut], repeats) for cut in cuts)
    begins = tuple(date(1970, 1, 1) + timedelta(days=cut) for cut in cuts[WEEKS:])
    how = "the last 7 days" if weeks == 1 else f"7 days, in each of {weeks} weeks"
    tuning = log.fold(cuts[0], 7 * WEEKS, {})
    unseen = UNSEEN if weeks > UNSEEN else 0
    return Task(how, tuning, folds[:WEEKS], folds[WEEKS:], rolling=True, begins=begins, unseen=unseen)


def world(_folder: Path) -> Task:
    """What the demo's listeners discover on the day after 24; chosen on the day before it."""
    recorded = demo()
    days = [recorded.counts(number) for number in range(HISTORY + 1)]
    columns = [np.concatenate([np.asarray(getattr(day, name)) for day in days]) for name in ("user_ids", "track_ids")]
    (user_ids, users), (track_ids, tracks) = (np.unique(ids, return_inverse=True) for ids in columns)
    numbered = np.repeat(np.arange(HISTORY + 1), [len(day) for day in days])
    plays = np.concatenate([day.plays for day in days]).astype(np.int64)
    log = Log(users, tracks, numbered, plays, (len(user_ids), len(track_ids)))
    lately = log.lately(cuts := [HISTORY - 1, HISTORY])
    catalogue = make_catalogue(WORLD)
    artists = catalogue.artist_of[np.argsort(catalogue.track_ids)][track_ids - 1]
    validation, last = (replace(log.fold(cut, 1, lately[cut]), artists=artists) for cut in cuts)
    test = replace(last, ceiling=_ceiling(user_ids, track_ids))
    return Task("discoveries of a day after 24", validation, (validation,), (test,))


def lastfm(folder: Path) -> Task:
    """A fifth of each listener's artists, at random; chosen on a fifth of the others."""
    table = csv_table(folder / "lastfm-2k" / "user_artists.dat", "\t")
    (_, users), (_, tracks) = (np.unique(numbers(table, name), return_inverse=True) for name in ("userID", "artistID"))
    counts = canonical(sparse.csr_matrix((numbers(table, "weight"), (users, tracks)), dtype=np.uint32))
    test = _without_a_fifth(counts, 1)
    validation = _without_a_fifth(test.training, 2)
    return Task("a fifth, at random", validation, (validation,), (test,))


def _without_a_fifth(counts: sparse.csr_matrix, seed: int) -> Fold:
    cells = counts.tocoo()
    hidden = np.random.default_rng(seed).random(cells.nnz) < HIDDEN_SHARE
    parts = [
        canonical(sparse.csr_matrix((cells.data[own], (cells.row[own], cells.col[own])), shape=counts.shape))
        for own in (~hidden, hidden)
    ]
    return Fold(*parts)


def _ceiling(user_ids: Numbers, track_ids: Numbers) -> Callable[[Fold], Lists]:
    """Lists of the world's own probabilities, in the columns of the fold; -1 for a track that it does not know."""

    def lists(of: Fold) -> Lists:
        known = build_world(WORLD)
        played = of.training[of.rows].tocoo()
        pairs = played.row.astype(np.int64), track_ids[played.col]
        found = oracle_top(known, known.params.start + timedelta(days=HISTORY), user_ids[of.rows], pairs)
        places = np.searchsorted(track_ids, found)
        return np.where(np.append(track_ids, -1)[places] == found, places, -1)

    return lists


SETS: dict[str, Callable[[Path], Task]] = {
    "demo world": world,
    "amazon-music": amazon,
    "complete-journey": journey,
    "complete-journey, repeats": partial(journey, repeats=True),
    "complete-journey, a quarter": partial(journey, weeks=QUARTER),
    "complete-journey, repeats, a quarter": partial(journey, repeats=True, weeks=QUARTER),
    "lastfm-2k": lastfm,
}
