"""What a listener plays again, and the mix of it with what is new to them."""

from datetime import date

import numpy as np

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.keyed_random import keyed_hash, mix
from recsys_tasks.products.lists import Cols, Lists, best_of_each, keys_of
from recsys_tasks.products.view import ReleaseView

DRAWN_FROM = 3
"""The known tracks of a mix are drawn from so many times as many: the mix of the next day is another one."""


def on_repeat(view: ReleaseView, user_rows: IntArray, k: int, allowed: BoolArray | None = None) -> Lists:
    """The tracks that each listener is likeliest to play again, where the release knows that; else by faded plays.

    Args:
        view: the release.
        user_rows: (n_users,) rows of the listeners.
        k: length of the lists.
        allowed: (n_tracks,) tracks to choose from; None: all.

    Raises:
        ConfigError: the release holds no such plays.
    """
    owners, cols, plays = _own(view, user_rows, allowed)
    found, scores = best_of_each(owners, cols, plays, len(user_rows), k)
    return Lists(user_rows, found, scores, np.full_like(found, -1), np.zeros(len(user_rows), dtype=bool))


def drawn_known(view: ReleaseView, user_rows: IntArray, k: int, day: date, allowed: BoolArray | None) -> Cols:
    """The known tracks of a mix: drawn without replacement, a track with the chances of its faded plays. (n_users, k).

    The draw (Efraimidis and Spirakis 2006: the largest of u^(1 / plays)) is from (listener, day, track), so that the
    mix of a day is the same whenever it is made.
    """
    known = on_repeat(view, user_rows, DRAWN_FROM * k, allowed)
    ids = view.bundle.users.ids.take(user_rows)
    state = keyed_hash(ids, digest_of("mix", {"day": day.isoformat()}))[:, None] + known.cols.astype(np.uint64)
    uniform = (mix(state) >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54  # inside (0, 1)
    there = known.cols >= 0
    plays = np.where(there, known.scores, 1).astype(np.float64)
    keys = np.where(there, np.log(uniform) / np.maximum(plays, 1e-12), -np.inf)
    order = np.argsort(-keys, axis=1, kind="stable")[:, :k]
    return np.asarray(np.take_along_axis(known.cols, order, axis=1))


def mixed(known: Cols, new: Lists, k: int, share: float) -> Lists:
    """Known and new tracks in a ratio, spread evenly; where one of them is short, the other fills in.

    Args:
        known: (n_users, k) tracks that each listener has played, best first.
        new: lists of the same listeners, of k.
        k: length of the mix.
        share: of known tracks.

    Returns:
        The lists; a known track has the score 0.
    """
    n_known = round(k * share)
    cols = np.concatenate([known, new.cols], axis=1)
    scores = np.concatenate([np.zeros(known.shape, np.float32), new.scores], axis=1)
    reasons = np.concatenate([np.full_like(known, -1), new.reasons], axis=1)
    places = np.concatenate([_spread(known.shape[1], n_known), _spread(new.cols.shape[1], k - n_known)])
    order = np.argsort(np.where(cols >= 0, places, np.inf), axis=1, kind="stable")[:, :k]
    cols, scores, reasons = (np.take_along_axis(values, order, axis=1) for values in (cols, scores, reasons))
    scores = np.where(cols >= 0, scores, -np.inf).astype(np.float32)
    return Lists(new.user_rows, cols, scores, reasons, new.popular)


def _spread(n: int, wanted: int) -> FloatArray:
    """Where n tracks stand between 0 and 1, those beyond the wanted ones behind everything. (n,)."""
    numbers = np.arange(n, dtype=np.float32)
    return np.where(numbers < wanted, (numbers + 0.5) / max(wanted, 1), 1 + numbers)


def _own(view: ReleaseView, user_rows: IntArray, allowed: BoolArray | None) -> tuple[IntArray, Cols, FloatArray]:
    """Listener by place, column, and chance or faded plays, of each played track. (n_entries,) each."""
    own = view.bundle.users.own
    if own is None:
        raise ConfigError(
            "The release holds no listener's own faded plays. Set [products] own_half_life_days, for example to 14; "
            "releases hold them from the next run on."
        )
    places = view.played.places(user_rows)
    owners = np.repeat(np.arange(len(user_rows)), view.played.lengths(user_rows))
    cols = view.played.cols[places]
    kept = own[places] > 0 if allowed is None else (own[places] > 0) & allowed[cols]
    if view.unwanted is not None:
        kept &= ~np.isin(owners * view.n_tracks + cols, keys_of(view.unwanted.rows(user_rows), view.n_tracks))
    scores = own if view.bundle.users.again is None else view.bundle.users.again
    return owners[kept], cols[kept].astype(np.int32), scores[places][kept]
