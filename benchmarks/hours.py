"""What the hour of the day is worth as a prior of a list, on the demo's world.

    nice python -m benchmarks.hours [--listeners N]

The world's first days are trained on. Of the days that follow, what a listener discovers before noon (from 3 to 13
o'clock) and after it is hidden apart, and each half is asked for by itself: a list for 8 o'clock, one for 20 o'clock.
The prior is the products' own (``products/hours.py``), from the plays of the days that were trained on; so are the
candidates and the way in which both are added. The weight is chosen on the first two days, and looked at once on the
five others. ``truth`` knows the loudness of each scene, which is what makes mornings differ in this world: no prior
over tracks can know more. Intervals of 95 %, paired over listeners.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.recommender_logs import vocabulary
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.demo.world import PRESETS, World, build_world, day_streams
from recsys_tasks.demo.world.taste import HABIT
from recsys_tasks.products.hours import CANDIDATES, HOURS, HourPrior
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.pools import standardised
from recsys_tasks.recommenders.vectors import Played, evenly_spread

ALS = AlsConfig(weight="log", a=3.0, regularization=1.0)
TRAINED, CHOSEN, TESTED = range(28), range(28, 30), range(30, 35)
MORNING = range(3, 13)
ASKED_AT = (8, 20)  # in the morning, and in the other half
K = 10
WEIGHTS = (0.0, 0.4, 0.8, 1.6, 3.2)
QUALIFIED_MS = 30_000
Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Plays:
    """Qualified plays of some days. (n,) each."""

    users: Numbers  # rows, from 0
    tracks: Numbers  # columns, from 0
    hours: Numbers

    @property
    def early(self) -> npt.NDArray[np.bool_]:
        """Which of them are of a morning."""
        return np.isin(self.hours, MORNING)


def plays_of(world: World, days: Sequence[int]) -> Plays:
    """What was listened to on some days of a world."""
    parts = [day_streams(world, world.params.start + timedelta(days=day)) for day in days]
    kept = [(part.ms_played >= QUALIFIED_MS) & ~part.private for part in parts]
    users, tracks, at = (
        np.concatenate([getattr(part, name)[some] for part, some in zip(parts, kept, strict=True)])
        for name in ("user_id", "track_id", "streamed_at")
    )
    return Plays(users - 1, tracks - 1, at // 3_600_000_000 % HOURS)


def counts(plays: Plays, shape: tuple[int, int], only: npt.NDArray[np.bool_] | None = None) -> sparse.csr_matrix:
    """Plays of each listener and track."""
    some = np.ones(len(plays.users), dtype=bool) if only is None else only
    cells = (np.ones(int(some.sum()), np.uint32), (plays.users[some], plays.tracks[some]))
    found = sparse.csr_matrix(cells, shape=shape)
    found.sum_duplicates()
    return found


def log_priors(plays: Plays, n_tracks: int) -> Floats:
    """The prior of each track where a list is asked for: in the morning, and in the other half. (2, n_tracks)."""
    counts = np.bincount(plays.tracks * HOURS + plays.hours, minlength=n_tracks * HOURS).reshape(n_tracks, HOURS)
    prior, cols = HourPrior(counts.astype(np.uint32)), np.arange(n_tracks)
    return np.stack([prior.of(cols, hour) for hour in ASKED_AT])


def true_log_priors(world: World) -> Floats:
    """What the generator does to a scene in the morning, and at other hours. (2, n_tracks)."""
    catalogue = world.catalogue
    energy = np.empty(len(catalogue))
    energy[catalogue.track_ids - 1] = catalogue.scene_energy[catalogue.scene_of]
    return HABIT * np.stack([energy, -energy])


class Asked:
    """The candidates of the listeners of some days, and what they discovered by half of the day."""

    def __init__(
        self, world: World, model: Factors, training: sparse.csr_matrix, days: Sequence[int], most: int
    ) -> None:
        """Find the candidates.

        Args:
            world: where the plays come from.
            model: what was trained.
            training: (n_users, n_tracks) what it was trained on.
            days: whose discoveries are hidden.
            most: listeners who are asked, evenly spread.
        """
        plays = plays_of(world, days)
        cold = np.diff(training.indptr) == 0  # who plays for the first time gets the popular tracks, whatever the hour
        known = cold[plays.users] | (np.asarray(training[plays.users, plays.tracks]).ravel() > 0)
        halves = [counts(plays, training.shape, ~known & (plays.early == early)) for early in (True, False)]
        found = np.flatnonzero((np.diff(halves[0].indptr) > 0) | (np.diff(halves[1].indptr) > 0))
        self.rows = evenly_spread(found, most)
        played = Played(training.indptr, training.indices).rows(self.rows)
        best = model.candidates(self.rows, played, CANDIDATES)
        self.cols, self.scores = best.cols, standardised(best.scores.astype(np.float64), best.cols >= 0)
        asked = np.repeat(self.rows, CANDIDATES), self.cols.ravel()
        self.hits = [np.asarray(half[asked]).reshape(self.cols.shape) > 0 for half in halves]
        self.counted = [np.diff(half.indptr)[self.rows] > 0 for half in halves]

    def precision(self, priors: Floats, weight: float) -> Floats:
        """P@10 of each listener's morning list and of the other one, 0 where nothing is hidden, summed. (n,)."""
        found = []
        for prior, hits, counted in zip(priors, self.hits, self.counted, strict=True):
            best = np.argpartition(-(self.scores + weight * prior[self.cols]), K, axis=1)[:, :K]
            found.append(np.where(counted, np.take_along_axis(hits, best, axis=1).mean(axis=1), 0.0))
        return found[0] + found[1]


def data_of(training: sparse.csr_matrix) -> TrainingData:
    """What a component is fitted on."""
    return TrainingData(training, vocabulary(training.shape[0]), vocabulary(training.shape[1]))


def mean_of(asked: Asked, precision: Floats) -> float:
    """Mean of all lists for which anything is hidden."""
    return float(precision.sum()) / sum(int(counted.sum()) for counted in asked.counted)


def table(chosen: Asked, tested: Asked, priors: dict[str, Floats]) -> Iterator[str]:
    """The lines of the table: each weight on the days on which it is chosen, the best on the others."""
    yield "| prior | weight chosen | P@10 where it is chosen, by weight | P@10 of the test | less no prior |"
    yield "| --- | --- | --- | --- | --- |"
    for name, prior in priors.items():
        found = {weight: mean_of(chosen, chosen.precision(prior, weight)) for weight in WEIGHTS}
        best = max(found, key=lambda weight: found[weight])
        own, plain = (tested.precision(prior, weight) for weight in (best, 0.0))
        lists = sum(int(counted.sum()) for counted in tested.counted)
        half = 1.96 * (own - plain).std(ddof=1) * np.sqrt(len(own)) / lists
        less = mean_of(tested, own - plain)
        every = ", ".join(f"{weight:g}: {value:.5f}" for weight, value in found.items())
        test = f"{mean_of(tested, own):.5f} | {less:+.5f} [{less - half:+.5f}, {less + half:+.5f}]"
        yield f"| {name} | {best:g} | {every} | {test} |"


def main(argv: Sequence[str]) -> None:
    """Train, ask, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hours", description=__doc__)
    parser.add_argument("--listeners", type=int, default=6_000, help="who are asked at the most")
    most = parser.parse_args(argv).listeners
    world = build_world(PRESETS["demo"])
    shape = (world.params.users, len(world.catalogue))
    trained = plays_of(world, TRAINED)
    with threadpool_limits(1):
        training = counts(trained, shape)
        model = Als(ALS).fit(data_of(training)).component
        chosen, tested = (Asked(world, model, training, days, most) for days in (CHOSEN, TESTED))
    priors = {"hours of the track": log_priors(trained, shape[1]), "truth": true_log_priors(world)}
    print("\n".join(table(chosen, tested, priors)))
    lists = [int(counted.sum()) for counted in tested.counted]
    print(f"{len(tested.rows):,} listeners; lists of the test: {lists[0]:,} for mornings, {lists[1]:,} for other hours")


if __name__ == "__main__":
    main(sys.argv[1:])
