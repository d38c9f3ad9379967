"""One question to one open release: what the command line, the pages, the service and the exports ask.

For each product there is one function in rows and columns of the release (``lists_of``, ``tracks_like``), which says
what the product is, and one in the ids of the source, which names it. Who names no tracks to choose from gets those
that the products list by default, whoever asks.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import islice
from typing import Literal, TypeAlias

import numpy as np

from recsys_tasks.core.domain import BoolArray, Id, IntArray
from recsys_tasks.core.errors import UnknownId
from recsys_tasks.products.lists import Lists, Track, TrackLists, check_length
from recsys_tasks.products.products import Products
from recsys_tasks.products.radio import Seeds
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.serving.opened import Answered, Artist, Opened, RelatedAnswer

OfListener: TypeAlias = Literal["plain", "discover", "mix", "on_repeat", "new_releases"]
"""The lists of a listener, named as where they are delivered."""


def for_listener(
    opened: Opened,
    which: OfListener,
    user_id: Id,
    k: int | None = None,
    allowed: BoolArray | None = None,
    hour: int | None = None,
) -> Answered:
    """A list of a listener; for one whom the release does not know, as ``for_strangers`` says.

    Args:
        opened: the release.
        which: list.
        user_id: the listener.
        k: length of the list; None: that of the settings.
        allowed: (n_tracks,) tracks to choose from; None: those that are listed by default.
        hour: of the day, 0 to 23, for which Discover is made; None: for no hour.

    Raises:
        ConfigError: k is not positive, the release holds no listener's own plays, or nobody knows its hours.
    """
    products = opened.products
    row = products.row(user_id)
    if row is None:
        return _answered(opened, for_strangers(products, which, k, allowed), known=False, popular=True)
    found = lists_of(products, which, np.array([row]), k, allowed, hour=hour)
    return _answered(opened, found, popular=bool(found.popular[0]))


def lists_of(
    products: Products,
    which: OfListener,
    rows: IntArray,
    k: int | None,
    allowed: BoolArray | None,
    shown: Played | None = None,
    hour: int | None = None,
) -> Lists:
    """One kind of list for some listeners; arguments as for ``for_listener``.

    ``shown``: of the same listeners, tracks that are new to no list of Discover or mix.
    """
    if which == "plain":
        return products.plain(rows, k, allowed)
    if which == "on_repeat":
        return products.on_repeat(rows, k, allowed)
    if which == "mix":
        return products.daily_mix(rows, k, allowed, shown)
    if which == "new_releases":
        return products.new_releases(rows, k, allowed)
    return products.discover(rows, k, allowed, shown, hour)


def for_strangers(products: Products, which: OfListener, k: int | None, allowed: BoolArray | None) -> TrackLists:
    """One list in the place of theirs for all whom the release does not know: the popular tracks, of those that such a
    list may hold; nothing is on repeat with them."""
    if which == "on_repeat":
        return products.popular(k, np.zeros(products.view.n_tracks, bool))
    if which == "new_releases":
        return products.popular(k, products.new_tracks(allowed))
    return products.popular(k, allowed)


def tracks_like(
    products: Products, col: int, track_id: Id, k: int | None = None, allowed: BoolArray | None = None
) -> TrackLists:
    """One list: the tracks like a track.

    Args:
        products: of the release.
        col: column of the track.
        track_id: its id, for the error.
        k: length of the list; None: that of the settings.
        allowed: (n_tracks,) tracks to choose from; None: those that are listed by default.

    Raises:
        UnknownId: nothing that is allowed is like it.
    """
    found = products.similar(np.array([col]), k, allowed)
    if not (found.cols >= 0).any():
        raise UnknownId(f"Nothing that is allowed is like track {track_id!r}, or it has no plays to learn from yet.")
    return found


def for_history(
    opened: Opened, track_ids: Sequence[Id], k: int | None = None, allowed: BoolArray | None = None
) -> Answered:
    """What a listener gets who played these tracks and is otherwise unknown.

    Raises:
        UnknownId: the release knows none of them.
    """
    return _answered(opened, opened.products.for_history([opened.products.known_cols(track_ids)], k, allowed))


def playlist(
    opened: Opened, track_ids: Sequence[Id], k: int | None = None, allowed: BoolArray | None = None
) -> Answered:
    """What goes on with a playlist; tracks that the release does not know are passed over.

    Raises:
        UnknownId: it knows none of them.
    """
    return _answered(opened, opened.products.continue_playlist([opened.products.known_cols(track_ids)], k, allowed))


def similar(opened: Opened, track_id: Id, k: int | None = None, allowed: BoolArray | None = None) -> Answered:
    """Tracks like a track, among the allowed ones.

    Raises:
        UnknownId: the release does not know the track, or nothing that is allowed is like it.
    """
    products = opened.products
    cols = products.known_cols([track_id])
    found = tracks_like(products, int(cols[0]), track_id, k, allowed)
    (like,) = products.named(cols.astype(np.int32), np.ones(1, np.float32))
    return Answered(opened.entry.release, True, products.named(found.cols[0], found.scores[0]), like)


def popular(opened: Opened, k: int | None = None, allowed: BoolArray | None = None) -> Answered:
    """The tracks that most are listening to."""
    return popular_in(opened, opened.products.popular(k, allowed))


def popular_in(opened: Opened, found: TrackLists) -> Answered:
    """One list of popular tracks, by the names that the release has for them."""
    return Answered(opened.entry.release, True, _counted(opened.products.named(found.cols[0], found.scores[0])))


def related(opened: Opened, artist_id: Id, k: int | None = None) -> RelatedAnswer:
    """Artists like an artist.

    Raises:
        UnknownId: the release knows no such artist.
    """
    products = opened.products
    number = products.artists.number(artist_id)
    found = products.related_artists(np.array([number]), k)
    listed = [(int(n), float(s)) for n, s in zip(found.artists[0], found.scores[0], strict=True) if n >= 0]
    like, *artists = (_artist(opened, n, score) for n, score in [(number, 1.0), *listed])
    return RelatedAnswer(opened.entry.release, like, tuple(artists))


def radio(
    opened: Opened,
    track_ids: Sequence[Id],
    artist_ids: Sequence[Id],
    k: int,
    day: date,
    seed: int = 0,
    allowed: BoolArray | None = None,
) -> Answered:
    """The first k tracks of a radio; with the same seeds, day and number, a longer one begins with them.

    Raises:
        ConfigError: k is not positive.
        UnknownId: the release does not know a seed, or nobody plays any of them.
    """
    check_length(k)
    products = opened.products
    cols = tuple(products.known_cols(track_ids).tolist()) if track_ids else ()
    seeds = Seeds(cols, tuple(products.artists.number(each) for each in artist_ids))
    walk = np.fromiter(islice(products.radio(seeds, day, seed, allowed), k), np.int32)
    return Answered(opened.entry.release, True, products.named(walk, np.zeros(len(walk), np.float32)))


def _answered(opened: Opened, found: Lists | TrackLists, known: bool = True, popular: bool = False) -> Answered:
    tracks = opened.products.named(found.cols[0], found.scores[0], found.reasons[0])
    tracks = _counted(tracks) if popular else tracks
    return Answered(opened.entry.release, known, tracks, popular=popular)


def _counted(tracks: tuple[Track, ...]) -> tuple[Track, ...]:
    """Popular tracks, whose scores are numbers of listeners: whole ones, unless listeners of old count less."""
    return tuple(replace(each, score=int(each.score)) if each.score.is_integer() else each for each in tracks)


def _artist(opened: Opened, number: int, score: float) -> Artist:
    products = opened.products
    col = int(products.artists.cols(number)[0])
    name = opened.bundle.names.of(col)["artist"]
    return Artist(products.artists.ids[number].as_py(), name, round(score, 6))
