"""Radio: tracks without an end from some tracks or artists, near to them and never the same for long.

A walk: each track is drawn among those near to the seeds and to the track before it, from the head, the middle or the
tail of the catalogue by turns. No artist returns within a few tracks, and no track before everything near was played.
The same release, seeds, day and number give the same tracks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import UnknownId
from recsys_tasks.products.view import ReleaseView

NEAR = 300
"""Tracks that a walk begins among; twice as many whenever all of them were played."""
TRACKS_OF_ARTIST = 20
"""An artist as a seed: so many of their most played tracks."""
TURNS = (0, 1, 0, 1, 2, 0, 1, 0, 2, 1)
"""Of ten tracks four from the head, four from the middle and two from the tail, in an order that the seed shifts."""
SPACING = 4
"""Tracks between two of one artist."""
NOBODY = -2
"""No track's artist; an unknown one is -1."""
TO_SEEDS = 0.7
"""Weight of nearness to the seeds, against nearness to the track before."""
SHARPNESS = 12.0
"""Of the draw: a track that is nearer by a cosine of 0.1 is drawn 3.3 times as often."""


@dataclass(frozen=True)
class Seeds:
    """Where a radio begins: tracks, artists, or both."""

    cols: tuple[int, ...] = ()
    artists: tuple[int, ...] = ()  # numbers of ``Artists``


def radio(view: ReleaseView, seeds: Seeds, day: date, seed: int, allowed: BoolArray | None = None) -> Iterator[int]:
    """Columns of tracks without an end; of the seeds none in the first round.

    Args:
        view: the release.
        seeds: where it begins.
        day: of the broadcast.
        seed: number of the broadcast on this day.
        allowed: (n_tracks,) tracks to choose from; None: all.

    Raises:
        UnknownId: nobody plays any of the seeds, so nothing is near to them.
    """
    own = _seed_cols(view, seeds)
    direction = view.directions(own).sum(axis=0)
    if not direction.any():
        raise UnknownId("None of these tracks or artists has plays to learn from yet: nothing is near to them.")
    direction /= np.linalg.norm(direction)
    drawing = digest_of("radio", {"day": day.isoformat(), "seed": seed, "cols": sorted(own.tolist())})
    rng = np.random.default_rng(int(drawing[:16], 16))
    return _walk(view, _Nearest(view, direction, own, allowed), direction, rng)


def _seed_cols(view: ReleaseView, seeds: Seeds) -> IntArray:
    """The tracks of the seeds, each once."""
    listeners = view.bundle.names.listeners
    lists = [view.artists.cols(artist) for artist in seeds.artists]
    best = [cols[np.argsort(-listeners[cols], kind="stable")[:TRACKS_OF_ARTIST]] for cols in lists]
    return np.unique(np.concatenate([np.asarray(seeds.cols, np.int64), *best]))


class _Nearest:
    """The tracks that may be played, nearest first, the seeds last."""

    def __init__(self, view: ReleaseView, direction: FloatArray, own: IntArray, allowed: BoolArray | None) -> None:
        tracks = view.tracks
        self._cosines = (tracks.ranked_factors @ direction) / tracks.ranked_norms
        self._cosines[tracks.col_ranks[own][tracks.col_ranks[own] >= 0]] -= 3  # behind all others
        self._cols = tracks.rank_cols
        if allowed is not None:
            kept = allowed[tracks.rank_cols]
            self._cosines, self._cols = self._cosines[kept], tracks.rank_cols[kept]

    def __len__(self) -> int:
        return len(self._cols)

    def first(self, n: int) -> IntArray:
        """Columns of the n nearest."""
        best = np.arange(len(self))
        if n < len(self):
            best = np.sort(np.argpartition(-self._cosines, n)[:n])
        return self._cols[best[np.argsort(-self._cosines[best], kind="stable")]]


def _walk(view: ReleaseView, near: _Nearest, direction: FloatArray, rng: np.random.Generator) -> Iterator[int]:
    """The tracks, one after the other; of those near to the direction, all are played before any returns."""
    turn, last, recent, width = int(rng.integers(len(TURNS))), direction, [NOBODY] * SPACING, 0
    cols: IntArray = np.zeros(0, np.int64)
    left = np.zeros(0, dtype=bool)
    while len(near):
        if not left.any():
            played = width if width < len(near) else 0  # from the beginning where there is nothing further
            width = max(NEAR, 2 * played)
            cols = near.first(width)
            directions, left, artists = view.directions(cols), np.arange(len(cols)) >= played, view.artists.of_col[cols]
        open_ = left & ~np.isin(artists, recent)
        wanted = open_ & (view.parts[cols] == TURNS[turn % len(TURNS)])
        choice = next(some for some in (wanted, open_, left) if some.any())
        place = _drawn(directions @ (TO_SEEDS * direction + (1 - TO_SEEDS) * last), choice, rng)
        left[place], last, turn = False, directions[place], turn + 1
        recent = [*recent[1:], int(artists[place]) if artists[place] >= 0 else NOBODY]
        yield int(cols[place])


def _drawn(cosines: FloatArray, choice: BoolArray, rng: np.random.Generator) -> int:
    """A place of the choice, drawn with chances that grow with the cosine."""
    places = np.flatnonzero(choice)
    near = cosines[places].astype(np.float64)
    sums = np.cumsum(np.exp(SHARPNESS * (near - near.max())))
    return int(places[min(int(np.searchsorted(sums, rng.random() * sums[-1], side="right")), len(places) - 1)])
