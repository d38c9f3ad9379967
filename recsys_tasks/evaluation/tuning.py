"""Choose weight, a, lambda and factors on hidden plays, and report the winner on users not used to choose it.

Settings are compared by nDCG@k: it sees the place of a hit and not only that there is one, and a listener with one
hidden play counts as much as one with many. precision@k, by which the gate decides, stands beside it. The search goes
from coarse to fine: a grid in decades of a and lambda for each weight, then a pattern search (Hooke and Jeeves 1961)
around the best in steps of a decade, a half and a quarter, which walks on as long as a neighbour is better, beyond the
grid up to what is allowed; then longer vectors, as long as these help. One trial of each length comes before the finer
steps, for those who have not the time for all. Longer vectors cost time and memory every day: of all settings that are
within one standard error of the best, the best of the shortest vectors wins (Breiman, Friedman, Olshen and Stone 1984).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import log10

import numpy as np

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.evaluation.tuning_grid import DIRECTIONS, FINE, MEDIUM, Point, coarse, edges_of
from recsys_tasks.evaluation.tuning_results import Reported, SearchProgress, Trial, Tuned
from recsys_tasks.evaluation.tuning_scores import (
    Scores,
    gains,
    is_near,
    means,
    nothing_found,
    scores_of,
    scores_of_popular,
    trained,
)
from recsys_tasks.evaluation.tuning_split import TuningSplit
from recsys_tasks.recommenders.factors import Factors


@dataclass(frozen=True)
class Watch:
    """The time that a search may take, and who follows it."""

    clock: Callable[[], float]  # seconds since any moment
    seconds: float = float("inf")
    tell: Callable[[SearchProgress], None] = lambda _progress: None


class TimeIsUp(Exception):
    """The next trial would end beyond the budget."""


def tune(split: TuningSplit, current: AlsConfig, factors: Sequence[int], k: int, watch: Watch) -> Tuned:
    """Try settings from a cold start each, and report the best; the current one is tried first, and may win.

    Args:
        split: plays to train on, and hidden plays of two groups of users.
        current: today's settings; what is not searched for is taken from them.
        factors: lengths of a vector that may be tried.
        k: length of the list.
        watch: the budget. The trial of the current settings is made in any case.

    Raises:
        BadData: no user has a hidden play.
    """
    if not len(split.choosing) or not len(split.reporting):
        raise BadData("No play could be hidden: give more days (--days) or more users.")
    search = Search(split, current, k, watch)
    lengths = sorted(set(factors))
    search.plan(lengths)
    search.attempt(current)
    stopped = False
    try:
        _search(search, lengths)
    except TimeIsUp:
        stopped = True
    return search.result(lengths, stopped)


def _search(search: "Search", lengths: Sequence[int]) -> None:
    """From coarse to fine with the shortest vectors, then with longer ones as long as they help.

    What longer vectors are worth is asked before the fine steps: should the time be up, that is often worth more.
    """
    shortest, *longer = lengths
    best = search.best_of(coarse(shortest))
    decade, *fine = FINE
    best = search.walk(best, decade)
    _lengthened(search, best, longer)
    for step in fine:
        best = search.walk(best, step)
    search.leave(shortest)
    for n in longer:
        found = search.best_of([replace(best, factors=n)])
        for step in MEDIUM:
            found = search.walk(found, step)
        if search.score(found) <= search.score(best):
            return
        search.leave(n)
        best = found


def _lengthened(search: "Search", best: Point, longer: Sequence[int]) -> None:
    """Try a point with longer vectors, as long as these help and the time is not up: finer steps take less of it."""
    for n in longer:
        found = replace(best, factors=n)
        try:
            if search.score(found) <= search.score(best):
                return
        except TimeIsUp:
            return
        best = found


class Search:
    """The trials so far; nothing is trained twice, and nothing that would end beyond the budget."""

    def __init__(self, split: TuningSplit, current: AlsConfig, k: int, watch: Watch) -> None:
        """Nothing is tried yet."""
        self._split, self._current, self._k, self._watch = split, current, k, watch
        self._began = watch.clock()
        self._trials: dict[AlsConfig, Trial] = {}
        self._values: dict[AlsConfig, FloatArray] = {}  # (n_choosing,) nDCG of each setting
        self._reported: dict[AlsConfig, Scores] = {}  # of the current setting, and of each once the best of its length
        self._seconds: dict[int, float] = {}  # of the last trial with vectors of a length
        self._planned: Counter[int] = Counter()  # trials to come, by length of a vector

    def plan(self, lengths: Sequence[int]) -> None:
        """Expect the current settings, and a search over these lengths."""
        shortest, *longer = lengths
        self._planned = Counter({shortest: len(coarse(shortest)) + len(DIRECTIONS) * len(FINE)})
        self._planned.update(dict.fromkeys(longer, 2 + len(DIRECTIONS) * len(MEDIUM)))
        self._planned[self._current.factors] += 1

    def leave(self, factors: int) -> None:
        """Expect no more trials with vectors of a length."""
        self._planned[factors] = 0

    def best_of(self, points: Iterable[Point]) -> Point:
        """The best of some points, each of which is tried."""
        return max(points, key=self.score)

    def walk(self, start: Point, step: int) -> Point:
        """From neighbour to better neighbour, until none is better."""
        while (found := self.best_of([start, *start.around(step)])) != start:
            start = found
        return start

    def score(self, point: Point) -> float:
        """nDCG@k on the choosing users; tried now if it was not.

        Raises:
            TimeIsUp: the trial would end beyond the budget.
        """
        config = point.setting(self._current)
        if config not in self._trials:
            if self._elapsed() + self._expected(config.factors) > self._watch.seconds:
                raise TimeIsUp
            self.attempt(config)
        return self._trials[config].means.ndcg

    def attempt(self, config: AlsConfig) -> None:
        """Train a setting and score it; where its length has no better one, on the reporting users too, unseen."""
        began = self._watch.clock()
        try:
            factors = trained(self._split, config)
        except BadData:  # a factor grew beyond all bounds: a setting that finds nothing
            factors = None
        scores = self._scored(config, factors, self._split.choosing)
        trial = self._trials[config] = Trial(config, means(scores))
        self._values[config] = scores.ndcg.astype(np.float32)
        if trial == self._best(config.factors) or config == self._current:
            self._reported[config] = self._scored(config, factors, self._split.reporting)
        self._seconds[config.factors] = self._watch.clock() - began
        self._planned[config.factors] = max(0, self._planned[config.factors] - 1)
        self._watch.tell(self._progress(trial))

    def result(self, lengths: Sequence[int], stopped: bool) -> Tuned:
        """What came of it."""
        chosen, current = self._preferred(), self._trials[self._current]
        winner, now = self._reported[chosen.config], self._reported[self._current]
        popular = scores_of_popular(self._split, self._split.reporting, self._k)
        reported = Reported(
            users=len(self._split.reporting),
            winner=means(winner),
            current=means(now),
            popular=means(popular),
            over_current=gains(winner, now),
            over_popular=gains(winner, popular),
        )
        trials = sorted(self._trials.values(), key=lambda trial: (trial != chosen, -trial.means.ndcg))
        edges = edges_of(chosen.config, lengths)
        return Tuned(tuple(trials), current, len(self._split.choosing), reported, edges, stopped)

    def _scored(self, config: AlsConfig, factors: Factors | None, rows: IntArray) -> Scores:
        if factors is None:
            return nothing_found(rows)
        return scores_of(self._split, config, factors, rows, self._k)

    def _progress(self, trial: Trial) -> SearchProgress:
        to_come = self._planned.total()
        return SearchProgress(trial, self._best(), len(self._trials), to_come, self._seconds_left())

    def _best(self, factors: int | None = None) -> Trial:
        """The first of the best. factors: of vectors of this length; None: of all."""
        asked = (trial for trial in self._trials.values() if factors in (None, trial.config.factors))
        return max(asked, key=lambda trial: trial.means.ndcg)

    def _preferred(self) -> Trial:
        """The best of the shortest vectors of which one setting is within one standard error of the best."""
        best = self._values[self._best().config].astype(np.float64)
        near = (config.factors for config, values in self._values.items() if is_near(values.astype(np.float64), best))
        return self._best(min(near))

    def _elapsed(self) -> float:
        return self._watch.clock() - self._began

    def _expected(self, factors: int) -> float:
        """Seconds of a trial: those of the last one with vectors of the nearest length, in proportion to the length."""
        nearest = min(self._seconds, key=lambda n: abs(log10(n / factors)))
        return self._seconds[nearest] * factors / nearest

    def _seconds_left(self) -> float:
        planned = sum(n * self._expected(factors) for factors, n in self._planned.items())
        return min(planned, max(0.0, self._watch.seconds - self._elapsed()))
