"""Which of their own tracks listeners play again: by faded plays alone, and by trees over these and the tracks' habits.

    nice python -m benchmarks.played_again --data DIR

The baskets of complete-journey, week by week. Trees are taught by the four weeks before those that they are scored on:
the last week, and the four weeks before it. The half-life was chosen before, on these four. Precision at 10 of the
lists of each week; differences are paired over listeners, with intervals of 95 %.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.recommender_logs import OWN_HALF_LIVES, WEEKS, Fold, Lists, Numbers, journey
from recsys_tasks.core.domain import BoolArray
from recsys_tasks.core.formatting import fraction, signed_fraction
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.evaluation.metrics import Values, precision
from recsys_tasks.evaluation.tuning_scores import interval
from recsys_tasks.recommenders.ranker import Rows, Trees, trained
from recsys_tasks.recommenders.recent import Recent

K, BEST, OTHERS = 10, 90.0, 3
"""Length of a list; the half-life that is best alone; of the tracks that were not played again every third teaches."""
LATELY = (7.0, 30.0)
NAMES = [f"own, {days:g} days" for days in OWN_HALF_LIVES]
NAMES += [f"{what}, {days:g} days" for days in LATELY for what in ("listeners", "discoveries", "share that comes back")]
NAMES += ["listeners", "tracks of the listener"]


class Asked(NamedTuple):
    """The own tracks of the listeners of a week, listener by listener. (n_rows,) each."""

    owners: Numbers  # places among the listeners
    cols: Numbers
    rows: Rows  # (n_rows, n_features)
    hits: BoolArray

    @classmethod
    def of(cls, week: Fold) -> "Asked":
        """Those of a week."""
        own = [sparse.csr_matrix(plays[week.rows]) for plays in week.own.values()]
        cols, lengths = own[0].indices.astype(np.int64), np.diff(own[0].indptr)
        owners = np.repeat(np.arange(len(lengths)), lengths)
        columns = [plays.data for plays in own]
        for days in LATELY:
            listeners, new = (week.recent[Recent(days, each)].sums[cols] for each in ("listeners", "discoveries"))
            columns += [listeners, new, 1 - new / np.maximum(listeners, 1e-9)]
        columns += [week.facts.listeners[cols], lengths[owners]]
        hits = np.asarray(week.hidden[week.rows][owners, cols]).ravel() > 0
        return cls(owners, cols, np.stack(columns, axis=1, dtype=np.float32, casting="unsafe"), hits)

    def lists(self, scores: npt.NDArray[np.floating], n: int) -> Lists:
        """The best of each of n listeners. (n, K), -1 where nothing is left."""
        order = np.lexsort((self.cols, -scores, self.owners))
        starts = np.searchsorted(self.owners, np.arange(n))
        places = np.arange(len(order)) - starts[self.owners]
        found = np.full((n, K), -1)
        found[self.owners[places < K], places[places < K]] = self.cols[order][places < K]
        return found


def taught(weeks: Sequence[Fold]) -> Trees:
    """Trees with the parameters of the program's own."""
    each = [Asked.of(week) for week in weeks]
    kept = [asked.hits | (np.arange(len(asked.hits)) % OTHERS == 0) for asked in each]
    sizes = [np.unique(asked.owners[some], return_counts=True)[1] for asked, some in zip(each, kept, strict=True)]
    rows, hits = (
        np.concatenate([getattr(asked, name)[some] for asked, some in zip(each, kept, strict=True)])
        for name in ("rows", "hits")
    )
    return trained(rows, hits, np.concatenate(sizes), NAMES)


def scored(week: Fold, trees: Trees) -> tuple[Values, Values]:
    """Precision of each listener's list by faded plays alone, and by trees."""
    asked, hidden = Asked.of(week), week.hidden[week.rows]
    alone = asked.rows[:, OWN_HALF_LIVES.index(BEST)]
    one, other = (
        precision(is_hit(asked.lists(scores, len(week.rows)), hidden)) for scores in (alone, trees.scores(asked.rows))
    )
    return one, other


def main(words: Sequence[str] | None = None) -> None:
    """Print a row for each week, and for the four together. words: of the command line; None: those of the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    task = journey(parser.parse_args(words).data, repeats=True, weeks=2 * WEEKS)
    earlier, later = task.validation[:WEEKS], task.validation[WEEKS:]
    with threadpool_limits(1):
        trees = taught(earlier)
        of_later, of_last = [scored(week, trees) for week in later], scored(task.test[0], taught(later))
    print("| week | listeners | own plays alone | by trees | difference |\n| --- | --- | --- | --- | --- |")
    for number, week in enumerate(of_later):
        _print(f"{WEEKS - number} before the last", *week)
    _print("these four", *(np.concatenate(values) for values in zip(*of_later, strict=True)))
    _print("the last", *of_last)


def _print(name: str, alone: Values, by_trees: Values) -> None:
    gain = interval(by_trees, alone)
    words = f"{signed_fraction(gain.difference)} [{signed_fraction(gain.low)}, {signed_fraction(gain.high)}]"
    print(f"| {name} | {len(alone):,} | {fraction(alone.mean())} | {fraction(by_trees.mean())} | {words} |", flush=True)


if __name__ == "__main__":
    main()
