"""Lists out of a delivery, where they are what is asked for: a look at a mapped file in the place of a search."""

from collections.abc import Callable, Mapping

import numpy as np

from recsys_tasks.core.domain import BoolArray
from recsys_tasks.products.filters import Filters
from recsys_tasks.products.lists import Cols, Listed
from recsys_tasks.products.products import Products
from recsys_tasks.serving.kept_lists import SIMILAR, KeptLists

PLAIN = Filters()
"""What is asked for where no filter is named: the delivered lists hold to it."""


class Kept:
    """The delivered lists of one release."""

    def __init__(
        self, products: Products, lists: Mapping[str, KeptLists], allowed: Callable[[Filters], BoolArray | None]
    ) -> None:
        """Which lists there are.

        Args:
            products: of the release.
            lists: by product.
            allowed: which tracks may be listed under some filters; None: all.
        """
        self._view, self._lists, self._allowed = products.view, lists, allowed

    def of_listener(self, which: str, row: int, k: int, filters: Filters) -> Listed | None:
        """The list of a listener. None where it has to be made: something else is asked for, there is none, or a track
        on it has been marked since, or may not be played; a list that is made is full."""
        found, unwanted = self._found(which, row, k, filters), self._view.unwanted
        marked = () if unwanted is None else unwanted.of(row)
        if found is None or (len(marked) and np.isin(_there(found), marked).any()):
            return None
        return found

    def like(self, col: int, k: int, filters: Filters) -> Listed | None:
        """The tracks like a track; None where they have to be looked for."""
        return self._found(SIMILAR, col, k, filters)

    def _found(self, product: str, row: int, k: int, filters: Filters) -> Listed | None:
        lists = self._lists.get(product)
        if lists is None or k > lists.k or filters != PLAIN:
            return None
        listed, allowed = lists.of(row, k), self._allowed(filters)
        if listed is None or (allowed is not None and not allowed[_there(listed)].all()):
            return None
        return listed


def _there(listed: Listed) -> Cols:
    return listed.cols[listed.cols >= 0]
