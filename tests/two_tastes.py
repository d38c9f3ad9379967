"""Play counts of listeners with two tastes: each plays tracks of one half, and hardly any of the other."""

import numpy as np


def played_pairs():
    """Listener, track and plays of each pair that is played, all of them numbers from 0 on."""
    rng = np.random.default_rng(1)
    likes = (np.arange(120)[:, None] % 2) == (np.arange(60)[None, :] % 2)
    plays = rng.random((120, 60)) < np.where(likes, 0.3, 0.01)
    return [(user, track, 1 + track % 5) for user, track in zip(*plays.nonzero(), strict=True)]


def write_as_lastfm(folder):
    """Write the pairs below a folder of data sets, under the name and in the form of a real one."""
    lines = [f"{user}\t{track}\t{plays}" for user, track, plays in played_pairs()]
    (folder / "lastfm-2k").mkdir()
    (folder / "lastfm-2k" / "user_artists.dat").write_text("\n".join(["userID\tartistID\tweight", *lines]))
