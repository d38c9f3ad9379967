"""The lists that a delivery keeps as arrays: the first places of one are a slice of a mapped file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import FloatArray
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.products.lists import Cols, Listed
from recsys_tasks.repositories.deliveries import LISTS
from recsys_tasks.storage.artefacts import Artefact

DISCOVER, NEW_RELEASES, SIMILAR = "discover", "new_releases", "similar_tracks"
"""The products whose lists are kept, as deliveries name them."""
Places: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class KeptLists:
    """The delivered lists of one product, mapped; -1, -inf and -1 where nothing is left."""

    cols: Cols  # (n, k)
    scores: FloatArray  # (n, k)
    reasons: Cols | None = None  # (n, k); None: the track that was asked about
    places: Places | None = None  # (n,) of each row in the arrays; None: as they lie

    @property
    def k(self) -> int:
        """Length of the lists."""
        return int(self.cols.shape[1])

    def of(self, row: int, k: int) -> Listed | None:
        """The first k places of one list, which is delivered as long or longer; None where there is no list."""
        place = row if self.places is None else int(self.places[row])
        cols = self.cols[place, :k]
        if cols[0] < 0:
            return None
        reasons = np.full(k, row, np.int32) if self.reasons is None else self.reasons[place, :k]
        return Listed(cols, self.scores[place, :k], reasons)


def kept_arrays(files: Collection[str]) -> dict[str, list[str]]:
    """The arrays of lists among the files of a delivery, by product."""
    named = {each: [f"{each}_{array}" for array in LISTS] for each in (DISCOVER, NEW_RELEASES, SIMILAR)}
    found = {product: [name for name in names if f"{name}.npy" in files] for product, names in named.items()}
    return {product: names for product, names in found.items() if names}


def kept_lists(opened: Artefact, product: str, names: Sequence[str], n_tracks: int, places: Places) -> KeptLists:
    """The lists of one product, mapped.

    Args:
        opened: the delivery.
        product: by its name.
        names: of its arrays.
        n_tracks: of the release.
        places: (n_users,) of each listener's row in the order of the ids.

    Raises:
        CorruptArtefact: they do not fit the release.
    """
    arrays: list[Any] = [np.asarray(opened.array(name, mapped=True)) for name in names]
    n = n_tracks if product == SIMILAR else len(places)
    kinds = [(LISTS[0], "i"), (LISTS[1], "f"), *([] if product == SIMILAR else [(LISTS[2], "i")])]
    fit = [name.rpartition("_")[2] for name in names] == [name for name, _ in kinds] and all(
        each.ndim == 2 and each.shape == (n, arrays[0].shape[1]) and each.dtype.kind == kind and each.shape[1]
        for each, (_, kind) in zip(arrays, kinds, strict=True)
    )
    if not fit:
        raise CorruptArtefact(f"{opened.path}: the lists of {product} do not fit its release. Remove it.")
    if product == SIMILAR:
        return KeptLists(arrays[0], arrays[1])
    return KeptLists(arrays[0], arrays[1], arrays[2], places)


def places_of(order: npt.NDArray[np.integer[Any]]) -> Places:
    """Where each listener stands in the order of the ids, in which the lists lie. (n_users,), by row.

    order: (n_users,) rows by rising id.
    """
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places
