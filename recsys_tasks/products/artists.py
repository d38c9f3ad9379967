"""The artists of a release: which tracks are whose."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import Id, Ids, IntArray
from recsys_tasks.core.errors import UnknownId
from recsys_tasks.release.bundle import Names, parse_id
from recsys_tasks.storage.stored_forms import as_ids

ARTIST_ID = "artist_id"


@dataclass(frozen=True)
class Artists:
    """The artists, numbered by their first track; by the catalogue's artist id where it has one, else by name."""

    ids: Ids  # (n_artists,)
    of_col: npt.NDArray[np.int32]  # (n_tracks,) number of each track's artist; -1: unknown

    def __len__(self) -> int:
        return len(self.ids)

    def number(self, artist_id: Id) -> int:
        """The number of an artist.

        Raises:
            UnknownId: the release knows no such artist.
        """
        wanted = parse_id(self.ids, artist_id)
        found = int(pc.index(self.ids, pa.scalar(wanted, self.ids.type)).as_py())
        if found < 0:
            raise UnknownId(f"The release knows no artist {artist_id!r}.")
        return found

    @cached_property
    def _by_artist(self) -> tuple[IntArray, IntArray]:
        order = np.argsort(self.of_col, kind="stable")
        return order, np.searchsorted(self.of_col[order], np.arange(len(self.ids) + 1))

    def cols(self, artist: int) -> IntArray:
        """Columns of an artist's tracks, rising."""
        order, ends = self._by_artist
        return order[ends[artist] : ends[artist + 1]]


def artists_of(names: Names) -> Artists:
    """The artists of a release's tracks."""
    table = names.table
    column = as_ids(table.column(ARTIST_ID if ARTIST_ID in table.column_names else "artist"))
    encoded = pc.dictionary_encode(column)
    return Artists(encoded.dictionary, np.asarray(pc.fill_null(encoded.indices, -1)).astype(np.int32))
