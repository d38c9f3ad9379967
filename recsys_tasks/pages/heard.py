"""What a listener has played, beside what they are recommended; and a listener drawn at random."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.errors import RecsysError, UnknownId
from recsys_tasks.pages.opened import Opened
from recsys_tasks.products.lists import Track
from recsys_tasks.repositories.matrices import matrix_name
from recsys_tasks.storage.store import ArtefactStore

SHOWN = 50
"""Tracks of a history that are listed."""
LARGEST = 400_000_000
"""Bytes of play counts that are opened for a page: they are verified first, which takes a second for so many."""


class Heard(NamedTuple):
    """A track that a listener has played."""

    track: Track  # its score is the number of its listeners
    plays: int | None  # by this listener; None where the play matrix is not stored any more


class History(NamedTuple):
    """What a release knows of a listener's plays."""

    tracks: tuple[Heard, ...]  # the most played first; where plays are unknown, those with most listeners
    total: int  # of different tracks
    counted: bool  # whether plays are known


def history_of(opened: Opened, store: ArtefactStore, listener: str) -> History:
    """What a listener has played, as far as the open release knows.

    Raises:
        UnknownId: it is no id of this service.
    """
    played, plays = opened.reader.played(listener), plays_of(opened, store)
    heard = [Heard(track, None if plays is None else int(plays[place])) for place, track in played]
    if plays is not None:
        heard.sort(key=lambda each: -(each.plays or 0))
    return History(tuple(heard[:SHOWN]), len(heard), plays is not None)


def listener_at(opened: Opened, place: int) -> str:
    """The id of the n-th listener of an open release, counted again from the first behind the last.

    Raises:
        UnknownId: the release knows no listener.
    """
    ids = opened.reader.bundle.users.ids
    if not len(ids):
        raise UnknownId(f"Release {opened.reader.entry.release} knows no listener.")
    return str(ids[place % len(ids)].as_py())


def plays_of(opened: Opened, store: ArtefactStore) -> npt.NDArray[np.integer] | None:
    """The play count of each pair of the release, by the matrix that it was made from. (n_pairs,).

    None where retention has removed the matrix, or it is too large for a page. It is opened once for an open release.
    """
    if opened.plays is None:
        opened.plays = (_opened_plays(opened, store),)
    return opened.plays[0]


def _opened_plays(opened: Opened, store: ArtefactStore) -> npt.NDArray[np.integer] | None:
    bundle = opened.reader.bundle
    name = matrix_name(bundle.gated.key.day, bundle.gated.key.matrix)
    stamp = store.stamp(f"{name}/plays.npy")
    if stamp is None or stamp.size > LARGEST:
        return None
    try:
        plays = store.open(name, bundle.gated.key.matrix, only=("plays.npy",)).array("plays", mapped=True)
    except (RecsysError, OSError):
        return None
    return plays if len(plays) == len(bundle.users.cols) else None
