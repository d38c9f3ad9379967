"""Several retrievers as one: the candidates of all of them, in one order, which weights or trees give."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.recommenders.base import Candidates, Retriever
from recsys_tasks.recommenders.pools import Pool, best_of, blocks_of, pool_of
from recsys_tasks.recommenders.vectors import Played, check_lists


class Joined(ABC):
    """Several retrievers as one; a listener for whom the first has no list gets none."""

    components: tuple[Retriever, ...]
    depth: int  # candidates that each component lists

    @abstractmethod
    def totals(self, pool: Pool, user_rows: IntArray) -> npt.NDArray[np.float64]:
        """What puts the candidates of some listeners in order. (n_users, n_places)."""

    def is_of_one_pool(self, k: int) -> bool:
        """Whether a list of k is the best of one pool, however many candidates each component lists for it."""
        return True

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``: the best of the pool, exact where that is complete."""

        def best(rows: IntArray, own: Played) -> Candidates:
            pool = pool_of(self.components, rows, own, max(k, self.depth), allowed)
            return best_of(pool, self.totals(pool, rows), k)

        return some_at_a_time(best, user_rows, played, k)

    def cold_users(self) -> BoolArray:
        """As ``Retriever``: those who are cold to the first component."""
        return self.components[0].cold_users()

    def cold_items(self) -> BoolArray:
        """As ``Retriever``: those that are cold to every component."""
        return np.asarray(np.logical_and.reduce([component.cold_items() for component in self.components]))


@dataclass(frozen=True)
class Choice:
    """What a list is drawn from, and whose."""

    allowed: BoolArray | None = None  # (n_items,) items to choose from; None: all
    by: Retriever | None = None  # who puts them in order in place of the retriever that is asked; None: it does


def lists_from(
    retriever: Retriever, user_rows: IntArray, played: Played, k: int, choices: Sequence[Choice]
) -> list[npt.NDArray[np.int32]]:
    """A list of each listener for each of several choices. (n_users, k) each, -1 for a missing place.

    Components are asked for their candidates once, whatever joins them. Of these each choice takes the best that it
    allows: what the listener would be shown, without the others. Only who has fewer than k there is asked anew.

    Args:
        retriever: whose lists.
        user_rows: (n_users,) rows of the listeners.
        played: items that each of them is not to be shown.
        k: length of a list.
        choices: what the lists are drawn from.
    """
    pools: dict[tuple[int, ...], Pool] = {}
    totals: dict[int, npt.NDArray[np.float64]] = {}
    lists = []
    for choice in choices:
        asked = choice.by or retriever
        if not (isinstance(asked, Joined) and asked.is_of_one_pool(k)):
            lists.append(asked.candidates(user_rows, played, k, choice.allowed).cols)
            continue
        parts = (asked.depth, *map(id, asked.components))
        if parts not in pools:
            pools[parts] = pool_of(asked.components, user_rows, played, max(k, asked.depth))
        pool = pools[parts]
        if id(asked) not in totals:
            totals[id(asked)] = asked.totals(pool, user_rows)
        lists.append(_best_allowed(asked, pool, totals[id(asked)], user_rows, played, k, choice.allowed))
    return lists


def _best_allowed(
    retriever: Joined,
    pool: Pool,
    totals: npt.NDArray[np.float64],
    user_rows: IntArray,
    played: Played,
    k: int,
    allowed: BoolArray | None,
) -> npt.NDArray[np.int32]:
    """The best of a pool that a choice allows. (n_users, k)."""
    if allowed is None:
        return best_of(pool, totals, k).cols
    cols = best_of(replace(pool, cols=np.where(allowed[pool.cols], pool.cols, -1)), totals, k).cols
    short = np.flatnonzero((cols[:, -1] < 0) & pool.warm & ~pool.complete)
    if len(short):
        cols[short] = retriever.candidates(user_rows[short], played.rows(short), k, allowed).cols
    return cols


def some_at_a_time(
    best: Callable[[IntArray, Played], Candidates], user_rows: IntArray, played: Played, k: int
) -> Candidates:
    """The lists of many listeners, made for a few of them at a time, so that memory does not grow with their number.

    Raises:
        BadData: there are played tracks of more or fewer listeners.
        ConfigError: k is not positive.
    """
    check_lists(len(user_rows), played, k)
    found = [best(rows, own) for rows, own in blocks_of(user_rows, played)]
    if len(found) == 1:
        return found[0]
    return Candidates(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
