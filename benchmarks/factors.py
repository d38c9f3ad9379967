"""Made-up factors of tracks and users, and what the users have played: the same for the same seed.

Tracks and users lie around common centres. Where norms *fall* they do so as (1 + place / 100) ** -0.6, about as ALS
leaves them (popular tracks have large norms); where they are *flat* every track's norm is 1, which no catalogue's are,
and which is the worst that can happen to a search that reads tracks by falling norm. Users differ in how much they have
played by a factor of more than a hundred.
"""

import numpy as np
import numpy.typing as npt

from recsys_tasks.recommenders.vectors import Played

N_FACTORS, N_CENTRES, HEAVY = 40, 200, 3.0
Floats = npt.NDArray[np.float32]


def make_factors(n_tracks: int, n_users: int, falling: bool) -> tuple[Floats, Floats]:
    """Factors of tracks (n_tracks, 40) and of users (n_users, 40)."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((N_CENTRES, N_FACTORS), np.float32)
    tracks, users = (
        centres[rng.integers(N_CENTRES, size=n)] + rng.standard_normal((n, N_FACTORS), np.float32)
        for n in (n_tracks, n_users)
    )
    tracks /= np.linalg.norm(tracks, axis=1, keepdims=True)
    if falling:
        tracks *= rng.permutation((1 + np.arange(n_tracks) / 100) ** -0.6)[:, None]
    return tracks.astype(np.float32), users


def make_played(norms: npt.NDArray[np.floating], n_users: int, mean: int) -> Played:
    """What each user has played: tracks with large norms more, a few users very much.

    Args:
        norms: (n_tracks,) of the tracks.
        n_users: number of users.
        mean: plays drawn a user; those of a track that was drawn before fall away.
    """
    rng, by_norm = np.random.default_rng([0, 1]), np.argsort(-norms, kind="stable")
    weight = rng.pareto(HEAVY - 1, n_users) + 0.3
    drawn = np.minimum(1 + weight * mean / weight.mean(), 50 * mean).astype(np.int64)  # (n_users,)
    indptr, cols = [np.zeros(1, np.int64)], []
    for start in range(0, n_users, 1 << 16):
        own = drawn[start : start + (1 << 16)]
        places = (len(by_norm) * rng.random(own.sum()) ** 2).astype(np.int64)
        cells = np.unique(np.repeat(np.arange(len(own)), own) << 32 | by_norm[places])
        indptr.append(indptr[-1][-1] + np.cumsum(np.bincount(cells >> 32, minlength=len(own))))
        cols.append((cells & (2**32 - 1)).astype(np.int32))
    return Played(np.concatenate(indptr), np.concatenate(cols))


def part(users: Floats, played: Played, start: int, stop: int) -> tuple[Floats, Played]:
    """The query of some of the users."""
    indptr = played.indptr[start : stop + 1]
    return users[start:stop], Played(indptr - indptr[0], played.cols[indptr[0] : indptr[-1]])
