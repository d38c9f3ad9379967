"""Places of a list for tracks of which little is known: Thompson sampling on showings and plays.

Thompson 1933; Chapelle and Li, "An empirical evaluation of Thompson sampling", NeurIPS 2011. A new track that was shown
s times and played p times has an unknown rate of plays, Beta(n r + p, n (1 - r) + s - p) with r the rate of all new
tracks and n = PRIOR_SHOWINGS. To draw each track's rate and take the largest is to take each with the probability that
its rate is the largest; so that probability is computed for a listener's ARMS best new tracks, and one of them is drawn
by it. It is the propensity of that place, with which whoever looks at the plays later can weigh them.

What is drawn is a function of (candidate, listener, place): the same list is made again, one by one or in batches.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.keyed_random import keyed_hash
from recsys_tasks.products.choice import first_places, taken
from recsys_tasks.products.lists import Cols, Lists, hidden_together
from recsys_tasks.products.reasons import reasons_for
from recsys_tasks.products.view import ReleaseView
from recsys_tasks.recommenders.vectors import Played

ARMS = 10
"""New tracks of a listener among which one is drawn: those that suit best."""
PRIOR_SHOWINGS = 20
"""Showings that the rate of all new tracks counts as, for each of them."""
GRID = np.linspace(0, 1, 257) ** 3
"""Rates at which the distributions are compared: dense where rates of plays lie."""
LISTENERS_AT_ONCE = 1_024
Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Showings:
    """How often each track was shown to a listener who had not played it, and how often that listener did since."""

    shown: IntArray  # (n_tracks,)
    played: IntArray  # (n_tracks,)

    @classmethod
    def none(cls, n_tracks: int) -> "Showings":
        """Nobody knows of any."""
        return cls(np.zeros(n_tracks, np.int64), np.zeros(n_tracks, np.int64))


@dataclass(frozen=True)
class Explorer:
    """What draws new tracks for the last places of lists."""

    view: ReleaseView
    new: BoolArray  # (n_tracks,) tracks of which little is known
    showings: Showings

    def explored(self, lists: Lists, hidden: Played, n_places: int, allowed: BoolArray | None) -> Lists:
        """Lists whose last places hold new tracks, with propensities; a listener without new tracks keeps the list.

        Args:
            lists: as they are without.
            hidden: of the same listeners, tracks that are not to be listed.
            n_places: of each list, at most.
            allowed: (n_tracks,) tracks to choose from; None: all.
        """
        parts = [lists.cols.copy(), lists.scores.copy(), lists.reasons.copy(), np.full(lists.cols.shape, np.nan)]
        open_ = self.new if allowed is None else self.new & allowed
        for start in range(0, len(lists.cols), LISTENERS_AT_ONCE):
            some = np.arange(start, min(start + LISTENERS_AT_ONCE, len(lists.cols)))
            before = lists.cols[some]
            stays = np.arange(before.shape[1]) < _first_places(before, n_places)[:, None]
            listed = [hidden.rows(some), _as_played(np.where(stays, before, -1))]
            drawn = self._drawn(lists.user_rows[some], hidden_together(listed, self.view.n_tracks), open_, n_places)
            behind = ~stays & ~(before[:, :, None] == drawn[0][:, None]).any(axis=2)
            places = first_places(np.concatenate([stays, drawn[0] >= 0, behind], axis=1), before.shape[1])
            for held, new, nothing in zip(parts, drawn, (-1, -np.inf, -1, np.nan), strict=True):
                held[some] = taken(np.concatenate([held[some], new, held[some]], axis=1), places, nothing)
        cols, scores, reasons, propensities = parts
        return replace(lists, cols=cols, scores=scores, reasons=reasons, propensities=propensities.astype(np.float32))

    def _drawn(
        self, user_rows: IntArray, hidden: Played, open_: BoolArray, n_places: int
    ) -> tuple[Cols, FloatArray, Cols, Probabilities]:
        """New tracks of each listener in the order of their draws, -1 where none is left, with scores, reasons and
        propensities. (n_users, n_drawn) each."""
        arms, scores, _ = self.view.retriever(ARMS).candidates(user_rows, hidden, ARMS, open_)
        drawn = zip(*self._draws(user_rows, arms >= 0, self._tables[1][arms], min(n_places, ARMS)), strict=True)
        places, chances = (np.stack(each, axis=1) for each in drawn)
        cols = taken(arms, places, -1)
        reasons = reasons_for(self.view, cols, self.view.played.rows(user_rows))
        return cols, taken(scores, places, -np.inf), reasons, chances

    def _draws(
        self, user_rows: IntArray, left: BoolArray, tables: IntArray, n: int
    ) -> Iterator[tuple[IntArray, Probabilities]]:
        """For one place after the other: which arm is drawn, -1 where none is left, and how likely that was.

        Args:
            user_rows: (n_users,) rows of the listeners.
            left: (n_users, n_arms) arms that are there.
            tables: (n_users, n_arms) the distribution of each.
            n: places.
        """
        ids = self.view.bundle.users.ids.take(pa.array(user_rows))
        everybody, candidate = np.arange(len(left)), self.view.bundle.gated.key.digest
        for number in range(n):
            chances = largest(self._tables[0][tables], left)
            uniform = (keyed_hash(ids, f"explore {candidate} {number}") >> np.uint64(11)) * 2.0**-53
            ends = np.cumsum(chances, axis=1)
            place = np.minimum((ends <= uniform[:, None]).sum(axis=1), left.shape[1] - 1)
            place = np.where(left.any(axis=1), place, -1)
            yield place, chances[everybody, place]
            left = left.copy()
            left[everybody[place >= 0], place[place >= 0]] = False

    @cached_property
    def _tables(self) -> tuple[Probabilities, IntArray]:
        """Distribution functions on the grid of each pair of showings and plays, and which one each track has."""
        from scipy.special import betainc  # a fifth of a second, where lists explore

        shown, played = (np.where(self.new, each, 0) for each in (self.showings.shown, self.showings.played))
        rate = (played.sum() + 1) / (shown.sum() + 2)
        pairs, which = np.unique(np.stack([shown, played]), axis=1, return_inverse=True)
        a, b = PRIOR_SHOWINGS * rate + pairs[1], PRIOR_SHOWINGS * (1 - rate) + pairs[0] - pairs[1]
        return betainc(a[:, None], b[:, None], GRID[None]), np.asarray(which).ravel()


def largest(distributions: Probabilities, there: BoolArray) -> Probabilities:
    """How likely each of some random numbers is the largest of those that are there; each row adds up to 1, or is 0.

    P(i is largest) = integral of f_i times the product over j != i of F_j, by the middle of each cell of the grid.

    Args:
        distributions: (n_rows, n_numbers, n_grid) their distribution functions on a grid.
        there: (n_rows, n_numbers).
    """
    mass, middle = np.diff(distributions, axis=2), (distributions[..., 1:] + distributions[..., :-1]) / 2
    logs = np.log(np.maximum(np.where(there[..., None], middle, 1), 1e-300))
    others = logs.sum(axis=1, keepdims=True) - logs
    chances = np.where(there, (mass * np.exp(others)).sum(axis=2), 0)
    total = chances.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(chances, total, out=np.zeros_like(chances), where=total > 0))


def _first_places(cols: Cols, n_places: int) -> IntArray:
    """Where the new tracks begin on each list: so many places before its end, or behind a short one. (n_users,)."""
    return np.asarray(np.minimum((cols >= 0).sum(axis=1), cols.shape[1] - n_places))


def _as_played(cols: Cols) -> Played:
    there = cols >= 0
    return Played(np.concatenate([[0], np.cumsum(there.sum(axis=1))]), cols[there])
