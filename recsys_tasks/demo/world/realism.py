"""How much a log looks like listening: three figures with bounds, for invented and real logs alike.

repeats: share of plays of a track that the listener has played before. Listening is mostly re-listening (Anderson,
    Kumar, Tomkins and Vassilvitskii, "The dynamics of repeat consumption", WWW 2014); of the first 5,000 plays of the
    Last.fm-1K log, two listeners over half a year, 0.76 are repeats. A month of a young service has seen less of
    each listener's past: 0.5 to 0.8.
gini: inequality of plays over the tracks that were played at all, 0 (all alike) to 1. The play counts of the artists in
    Last.fm-2K have 0.89; a few weeks of a small service reach less of the tail: 0.7 to 0.95.
top_share: share of plays that the most played 1 % of tracks have. The artists in Last.fm-2K: 0.52; an artist's plays
    are split among tracks: 0.2 to 0.6.

All three count qualified plays: not private, 30 seconds or more, every event once.
"""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import text

from recsys_tasks.core.errors import NotStored
from recsys_tasks.demo.tables import transaction
from recsys_tasks.demo.world.catalogue import Ints

BOUNDS = {"repeats": (0.5, 0.8), "gini": (0.7, 0.95), "top_share": (0.2, 0.6)}
TRACK_TOTALS = """
    SELECT count(*), sum(plays) FROM (
        SELECT track_id, user_id, count(DISTINCT event_id) AS plays FROM streams
        WHERE NOT private_session AND ms_played >= 30000 GROUP BY track_id, user_id
    ) AS pairs GROUP BY track_id"""


@dataclass(frozen=True)
class Realism:
    """The three figures of a log and its size."""

    plays: int
    tracks: int
    repeats: float
    gini: float
    top_share: float

    def outside(self) -> list[str]:
        """Names of the figures that lie outside their bounds."""
        return [name for name, (low, high) in BOUNDS.items() if not low <= getattr(self, name) <= high]


def realism(dsn: str | None) -> Realism:
    """The figures of the streams in a database.

    Raises:
        NotStored: there is no qualified stream.
        SourceUnavailable: the database cannot be reached.
    """
    with transaction(dsn) as connection:
        found = [tuple(row) for row in connection.execute(text(TRACK_TOTALS))]
    totals = np.array(found, dtype=np.int64).reshape(-1, 2)
    return figures_of(listeners=totals[:, 0], plays=totals[:, 1])


def figures_of(listeners: Ints, plays: Ints) -> Realism:
    """The figures of a log.

    Args:
        listeners: (n_tracks,) how many people played each track that was played.
        plays: (n_tracks,) how often.

    Raises:
        NotStored: there is no qualified stream.
    """
    n, total = len(plays), int(plays.sum())
    if not total:
        raise NotStored("There is no qualified stream to look at. Run `world make` or `load` first.")
    rising = np.sort(plays)
    gini = float((2 * np.arange(1, n + 1) - n - 1) @ rising) / (n * total)
    top = int(rising[-max(n // 100, 1) :].sum())
    return Realism(total, n, 1 - int(listeners.sum()) / total, gini, top / total)
