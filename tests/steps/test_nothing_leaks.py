"""Nothing that a candidate is judged by is known to it: other hidden plays, and no days to come, give the same bytes.

The same day is made from two sources that differ in what must not be known.
"""

from datetime import date

import numpy as np
import pytest
from conftest import execute
from settings import config

from recsys_tasks.core.domain import day_number
from recsys_tasks.recommenders.cold_totals import COLD_TOTALS
from recsys_tasks.recommenders.ranker import TREES
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps import Workplace, build_index, extract_streams, increment_matrix, train_als
from recsys_tasks.storage.posix import PosixStore

pytest.importorskip("lightgbm")
DAY = date(2026, 1, 14)
WHOLE = {
    "catalogue": {"artist_id": "artist_id", "features": {"genre": "genre", "tags": "tags", "tempo": "tempo"}},
    "blend": {"components": ["als", "recent", "neighbours", "content"], "joined_by": "ranker", "depth": 50},
    "recent": {"counts": "discoveries"},
    "content": {"cold_tracks": True},
    "evaluation": {"blend_share": 0.4},
}
PUBLISHED = {"model recent: sums"}
"""What a candidate has for its release alone, and is not judged by."""
JOINING = (TREES, *COLD_TOTALS)
TAUGHT = {"model blend: weights", *(f"{part}: {name}" for part in ("model blend", "gated") for name in JOINING)}


def made(root, dsn):
    """A store with the candidate of the day, and the bytes of every array of its models and of what the gate judges."""
    at = Workplace(PosixStore(root), config(**WHOLE), dsn)
    extract_streams(at, DAY)
    candidate = build_index(at, DAY, train_als(at, DAY, increment_matrix(at, DAY).split).model).candidate
    parts = {f"model {each.key.recommender}": at.models.load(DAY, each.digest) for each in at.models.of(DAY)}
    parts["gated"] = at.bundles.gated(candidate)
    return at, {
        f"{part}: {name}": (array.shape, array.dtype, array.tobytes())
        for part, artefact in parts.items()
        for name, array in arrays_of(artefact).items()
    }


@pytest.fixture(scope="module")
def one(world_dsn, tmp_path_factory):
    """The candidate as it is made."""
    return made(tmp_path_factory.mktemp("as it is"), world_dsn)


@pytest.fixture(params=["gate", "blend"])
def other(request, one, postgres, tmp_path):
    """The group whose hidden plays are others, and the candidate from a source where they are, and that ends there."""
    name = f"others_{request.param}"
    execute(postgres.get_uri(), f"CREATE DATABASE {name} TEMPLATE small_world")
    at, _ = one
    key = at.models.of(DAY)[0].key
    matrix, split = at.matrices.load(DAY, key.matrix), at.splits.load(DAY, key.split)
    users = matrix.users.ids.take(getattr(split, f"{request.param}_rows")).to_pylist()
    known = matrix.tracks.ids.take(np.flatnonzero(matrix.tracks.first_days < day_number(DAY))).to_pylist()
    pairs = zip(known, known[1:] + known[:1], strict=True)
    dsn = postgres.get_uri(database=name)
    execute(
        dsn,
        "DELETE FROM streams WHERE streamed_at >= '2026-01-15'",
        "CREATE TABLE moved (track_id bigint, other bigint)",
        f"INSERT INTO moved VALUES {', '.join(map(str, pairs))}",
        "UPDATE streams SET track_id = other FROM moved WHERE streams.track_id = moved.track_id"
        f" AND streamed_at >= '{DAY}' AND user_id IN {tuple(users)}",
    )
    yield request.param, made(tmp_path / "others", dsn)[1]
    execute(postgres.get_uri(), f"DROP DATABASE {name} WITH (FORCE)")


def test_other_hidden_plays_make_the_same_candidate(one, other):
    """Not a byte of what the gate judges knows what its listeners played, or any later day; what the blend's
    played decides what joins the components alone. What is published counts all of it."""
    (_, mine), (group, theirs) = one, other
    assert {"model als: item_factors", "model cold: scale", "gated: rank_cols", *TAUGHT} <= mine.keys() == theirs.keys()
    assert {name for name in mine if mine[name] != theirs[name]} == PUBLISHED | (TAUGHT if group == "blend" else set())
