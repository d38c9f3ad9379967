"""Which parameters of ALS a service should begin with: the defaults, those of before, and the popular tracks.

    python -m benchmarks.als_defaults --data DIR            # the defaults on users that nothing was chosen on
    python -m benchmarks.als_defaults --data DIR --grid     # first, what they were chosen from

``DIR`` holds a folder for each data set, under the name that is printed; one that is absent is named and left out. Two
made-up worlds need no data. The grid is scored on one half of the users of most sets; of these the table shows the
other half, and all users of the sets that took no part.

With a time split, the tracks that a listener first played after a date are hidden; with a random one, a fifth of each
listener's tracks. Every setting is trained from a cold start, and its lists are exact.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.gate_calibration.recorded_worlds import FIRST, DatedWorld, counted, demo
from benchmarks.gate_calibration.recorded_worlds import sparse as sparse_world
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.core.formatting import fraction, signed_fraction
from recsys_tasks.evaluation.metrics import Values
from recsys_tasks.evaluation.tuning_scores import Scores, interval, scores_of, scores_of_popular, trained
from recsys_tasks.evaluation.tuning_split import TuningSplit, split_random, split_time
from recsys_tasks.matrix.play_matrix import empty_matrix, fold

K = 10
BEFORE = AlsConfig(weight="linear", a=40.0, regularization=0.01, threads=1)
"""The defaults until they were measured."""
NOW = AlsConfig(threads=1)
LOG_A, LINEAR_A, LAMBDAS = (1.0, 3.0, 10.0, 30.0), (0.01, 0.03, 0.1), (1.0, 3.0, 10.0, 30.0, 100.0)
Numbers = npt.NDArray[np.int64]


class Absent(Exception):
    """A data set is not there; the message is its name."""


@dataclass(frozen=True)
class DataSet:
    """Listening to measure on."""

    name: str
    how: str  # what is hidden, in words
    made: Callable[[Path], TuningSplit]  # from the folder of all data sets
    chosen_on: bool = False  # whether the defaults were chosen on a half of its users


def lastfm(folder: Path) -> TuningSplit:
    """Play counts of artists; at most 50 artists a listener."""
    table = csv_table(folder / "lastfm-2k" / "user_artists.dat", "\t")
    return _random(*(numbers(table, name) for name in ("userID", "artistID", "weight")))


def movielens(folder: Path) -> TuningSplit:
    """Each rating is a play."""
    table = csv_table(folder / "ml-latest-small" / "ratings.csv", ",")
    users, tracks = numbers(table, "userId"), numbers(table, "movieId")
    return _random(users, tracks, np.ones_like(users))


def citeulike(folder: Path) -> TuningSplit:
    """Articles that a user keeps: a line for each user, the number of articles before their numbers."""
    path = folder / "citeulike-a" / "users.dat"
    if not path.exists():
        raise Absent(path.parent.name)
    kept = [np.array(line.split()[1:], dtype=np.int64) for line in path.read_text().splitlines()]
    tracks = np.concatenate(kept)
    return _random(np.repeat(np.arange(len(kept)), [len(each) for each in kept]), tracks, np.ones_like(tracks))


def journey(folder: Path) -> TuningSplit:
    """Products that a household first buys in the last four weeks of a year."""
    path = folder / "complete-journey" / "transactions.parquet"
    if not path.exists():
        raise Absent(path.parent.name)
    table = pa.parquet.read_table(path, columns=["household_id", "product_id", "week"])
    users, tracks, weeks = (numbers(table, name) for name in table.column_names)
    return _dated(users, tracks, weeks > weeks.max() - 4)


def amazon(folder: Path) -> TuningSplit:
    """Music that a customer first buys in the last two years of a log."""
    table = csv_table(folder / "amazon-music" / "ratings.tsv", "\t")
    users, tracks = (coded(table.column(name)) for name in ("user_id", "item_id"))
    seconds = numbers(table, "unix_seconds")
    return _dated(users, tracks, seconds >= np.datetime64("2016-01-01").astype("datetime64[s]").astype(int))


def last_day(world: DatedWorld) -> TuningSplit:
    """What is discovered on the day after the history of a made-up world."""
    matrix = empty_matrix(pa.int64(), pa.int64())
    for number in range(world.history):
        matrix = fold(matrix, world.day(number), world.counts(number), str(number))
    return split_time(matrix, [(world.day(world.history), world.counts(world.history))])


SETS = (
    DataSet("lastfm-2k", "a fifth, at random", lastfm, chosen_on=True),
    DataSet("complete-journey", "the last 4 of 53 weeks", journey, chosen_on=True),
    DataSet("demo world", "a day after 24", lambda _folder: last_day(demo()), chosen_on=True),
    DataSet("sparse world", "a day after 24", lambda _folder: last_day(sparse_world()), chosen_on=True),
    DataSet("amazon-music", "2016 and later", amazon, chosen_on=True),
    DataSet("ml-latest-small", "a fifth, at random", movielens),
    DataSet("citeulike-a", "a fifth, at random", citeulike),
)


def grid() -> list[AlsConfig]:
    """What the defaults were chosen from."""
    weights = [*product(["log"], LOG_A), *product(["linear"], LINEAR_A)]
    return [
        AlsConfig(weight=weight, a=a, regularization=regularization, threads=1)
        for (weight, a), regularization in product(weights, LAMBDAS)
    ]


def chosen_from(splits: Sequence[TuningSplit], say: Callable[[str], None]) -> str:
    """The grid: nDCG as a share of the best one's on each set, the mean over the sets, and the worst of them."""
    found = []  # (n_settings, n_sets)
    for config in grid():
        found.append([_scored(split, config, split.choosing).ndcg.mean() for split in splits])
        say(f"{config.weight}, a = {config.a:g}, lambda = {config.regularization:g}: {found[-1]}")
    shares = np.array(found) / np.max(found, axis=0)
    cells = [f"{each.mean():.2f} ({each.min():.2f})" for each in shares]
    names = [f"{config.weight}, a = {config.a:g}" for config in grid()[:: len(LAMBDAS)]]
    rows = [[name, *cells[len(LAMBDAS) * n :][: len(LAMBDAS)]] for n, name in enumerate(names)]
    return table(["", *(f"lambda = {each:g}" for each in LAMBDAS)], rows)


def reported(of: DataSet, split: TuningSplit) -> list[list[str]]:
    """The rows of one data set, one for each metric."""
    rows = np.sort(split.reporting if of.chosen_on else np.concatenate([split.choosing, split.reporting]))
    popular = scores_of_popular(split, rows, K)
    before, now = (_scored(split, config, rows) for config in (BEFORE, NOW))
    found = []
    for metric in Scores._fields:
        values = [getattr(each, metric) for each in (popular, before, now)]
        gains = [_gain(values[2], values[0]), _gain(values[2], values[1])]
        found.append([of.name, of.how, f"{len(rows):,}", *(fraction(each.mean()) for each in values), *gains])
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Print the tables. words: of the command line; None: those of the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    parser.add_argument("--grid", action="store_true", help="also what the defaults were chosen from")
    parser.add_argument("--only", nargs="+", choices=[each.name for each in SETS], metavar="SET", help="some of them")
    args = parser.parse_args(words)
    began = time.monotonic()
    with threadpool_limits(1):
        splits = dict(present([each for each in SETS if not args.only or each.name in args.only], args.data))
        if args.grid:
            print(chosen_from([split for of, split in splits.items() if of.chosen_on], _say) + "\n")
        found = [reported(*each) for each in splits.items()]
    for place, metric in enumerate(Scores._fields):
        print(f"{metric}@{K}\n\n{table(HEADING, [rows[place] for rows in found])}\n")
    _say(f"{time.monotonic() - began:.0f} s")


HEADING = ["data", "hidden", "users", "popular tracks", "before", "now", "now less popular", "now less before"]


def present(wanted: Sequence[DataSet], folder: Path) -> list[tuple[DataSet, TuningSplit]]:
    """The data sets that are in a folder; those that are not are named."""
    found = []
    for each in wanted:
        try:
            found.append((each, each.made(folder)))
        except Absent as name:
            _say(f"{name} is not in {folder}: left out")
    return found


def _scored(split: TuningSplit, config: AlsConfig, rows: Numbers) -> Scores:
    return scores_of(split, config, trained(split, config), rows, K)


def _gain(one: Values, other: Values) -> str:
    found = interval(one, other)
    return f"{signed_fraction(found.difference)} [{signed_fraction(found.low)}, {signed_fraction(found.high)}]"


def _random(users: Numbers, tracks: Numbers, plays: Numbers) -> TuningSplit:
    (user_ids, rows), (track_ids, cols) = (np.unique(ids, return_inverse=True) for ids in (users, tracks))
    counts = sparse.csr_matrix((plays, (rows, cols)), shape=(len(user_ids), len(track_ids)))
    return split_random(counts, *(_vocabulary(ids) for ids in (user_ids, track_ids)), seed=1)


def _dated(users: Numbers, tracks: Numbers, later: npt.NDArray[np.bool_]) -> TuningSplit:
    before, after = (counted(users[own], tracks[own]) for own in (~later, later))
    return split_time(fold(empty_matrix(pa.int64(), pa.int64()), FIRST, before, ""), [(FIRST + timedelta(1), after)])


def csv_table(path: Path, delimiter: str) -> pa.Table:
    """A file of a data set.

    Raises:
        Absent: it is not there.
    """
    if not path.exists():
        raise Absent(path.parent.name)
    return pa.csv.read_csv(path, parse_options=pa.csv.ParseOptions(delimiter=delimiter))


def numbers(table: pa.Table, name: str) -> Numbers:
    """A column of integers."""
    return np.asarray(table.column(name)).astype(np.int64)


def coded(ids: pa.ChunkedArray) -> Numbers:
    """Numbers that stand for ids."""
    return np.asarray(ids.combine_chunks().dictionary_encode().indices).astype(np.int64)


def _vocabulary(ids: Numbers) -> Vocabulary:
    return Vocabulary(pa.array(ids), np.zeros(len(ids), np.int32))


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
