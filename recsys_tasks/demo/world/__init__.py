"""A music service that never was: listeners, tracks and streams whose hidden truth is known.

    params = PRESETS["demo"]                      # or WorldParams(users=..., tracks=..., days=..., seed=...)
    world = build_world(params)                   # seconds; the same parameters give the same world
    write_world(dsn, world)                       # tables and streams into PostgreSQL
    track_ids, scores = oracle_scores(world, user_ids, day)

A world is its parameters: ``save_truth`` keeps them as JSON, and everything else is computed again. What makes it hard
is what makes a real log hard: tastes are no low-rank product (loyalty to artists, charts, chance), they drift, tracks
come out every day, the popular ones are popular with everybody, and most streams are repeats, some of them skips, bots
or duplicates.
"""

from recsys_tasks.demo.world.days import DayStreams, World, build_world
from recsys_tasks.demo.world.oracle import oracle_precision, oracle_scores, oracle_top
from recsys_tasks.demo.world.params import PRESETS, WorldParams, load_truth, save_truth
from recsys_tasks.demo.world.realism import Realism, realism
from recsys_tasks.demo.world.streams import day_streams
from recsys_tasks.demo.world.write import holds_a_world, write_world

__all__ = [
    "PRESETS",
    "DayStreams",
    "Realism",
    "World",
    "WorldParams",
    "build_world",
    "day_streams",
    "holds_a_world",
    "load_truth",
    "oracle_precision",
    "oracle_scores",
    "oracle_top",
    "realism",
    "save_truth",
    "write_world",
]
