"""What became of the tracks that earlier deliveries showed: which of them their listeners have played since.

A delivered list holds tracks that its listener had not played; so one that is among their played tracks now was played
after it was shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks.core.domain import BoolArray, Figures, Ids, IntArray
from recsys_tasks.core.lookup import are_in, places_in
from recsys_tasks.delivery.products import PROPENSITY
from recsys_tasks.recommenders.vectors import Played

BATCH = 1 << 18
"""Rows that are read at a time."""


@dataclass
class Outcomes:
    """Showings and plays, of each track and of each kind of place."""

    shown: IntArray  # (n_tracks,) over all places
    played: IntArray  # (n_tracks,)
    places: dict[str, list[int]] = field(default_factory=lambda: {"ranked": [0, 0], "explored": [0, 0]})

    def add(self, cols: IntArray, was_played: BoolArray, explored: BoolArray) -> None:
        """Add showings. (n_rows,) each."""
        n_tracks = len(self.shown)
        self.shown += np.bincount(cols, minlength=n_tracks)
        self.played += np.bincount(cols[was_played], minlength=n_tracks)
        for name, own in (("ranked", ~explored), ("explored", explored)):
            self.places[name][0] += int(own.sum())
            self.places[name][1] += int((own & was_played).sum())

    def figures(self) -> Figures:
        """Of each kind of place: showings, and how many of them were played since."""
        return {name: {"shown": shown, "played": played} for name, (shown, played) in self.places.items()}


def outcomes(files: Iterable[Path], users: Ids, tracks: Ids, played: Played) -> Outcomes:
    """What became of the rows of earlier deliveries.

    Args:
        files: Discover lists, a column of propensities in those that explored.
        users: (n_users,) ids of the listeners whom the release knows; others are left out.
        tracks: (n_tracks,) ids of its tracks; others are left out.
        played: what each of the listeners has played by now, by column.
    """
    found = Outcomes(np.zeros(len(tracks), np.int64), np.zeros(len(tracks), np.int64))
    for file in files:
        with pq.ParquetFile(file) as opened:
            columns = ["user_id", "track_id"] + [name for name in opened.schema_arrow.names if name == PROPENSITY]
            for batch in opened.iter_batches(BATCH, columns=columns):
                _count(found, pa.Table.from_batches([batch]), users, tracks, played)
    return found


def _count(found: Outcomes, rows: pa.Table, users: Ids, tracks: Ids, played: Played) -> None:
    listeners = rows["user_id"].combine_chunks().dictionary_encode()
    known = places_in(users, listeners.dictionary.cast(users.type))
    cols = places_in(tracks, rows["track_id"].cast(tracks.type))
    places, n_tracks = np.asarray(listeners.indices), len(tracks)
    there = (cols >= 0) & (known[places] >= 0)
    drawn = rows[PROPENSITY] if PROPENSITY in rows.column_names else pa.nulls(len(rows))
    explored = np.asarray(pc.is_valid(drawn))
    own = played.rows(known)
    keys = np.sort(own.owners * n_tracks + own.cols)
    was_played = are_in(keys, places.astype(np.int64) * n_tracks + cols)
    found.add(cols[there], was_played[there], explored[there])
