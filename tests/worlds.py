"""A tiny made-up music service, and what its rows are."""

from datetime import date, timedelta

import numpy as np

from recsys_tasks.demo.world import World, WorldParams, day_streams
from recsys_tasks.demo.world.write import binary_rows

TINY = WorldParams(users=200, tracks=600, days=4, seed=5)


def day_of(world: World, index: int) -> date:
    """The date of a day of a world."""
    return world.params.start + timedelta(days=index)


def rows_of(world: World, index: int) -> bytes:
    """The rows of a day as they go to PostgreSQL."""
    return binary_rows(day_streams(world, day_of(world, index))).tobytes()


def qualified(world: World, days: range) -> tuple[np.ndarray, np.ndarray]:
    """User and track of each play that counts: public, 30 seconds, once."""
    users, tracks = [], []
    for index in days:
        streams = day_streams(world, day_of(world, index))
        counts = (streams.ms_played >= 30_000) & ~streams.private
        _, once = np.unique(streams.event_id[counts], return_index=True)
        users.append(streams.user_id[counts][once])
        tracks.append(streams.track_id[counts][once])
    return np.concatenate(users), np.concatenate(tracks)
