"""What a listener does not want again stands on none of their lists: tracks and whole artists, until a day."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from conftest import execute
from source_tables import config, create_streams

from recsys_tasks.core.errors import SourceMismatch
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.products import Products
from recsys_tasks.source.postgres import Source

DAY = date(2026, 1, 15)
SETTINGS = ProductsConfig(
    never_again_table="unwanted", never_again_artist_id="artist_id", never_again_until="until", reasons=False
)


def test_marked_tracks_and_artists_are_not_listed(bundle, products):
    """One listener marks a track, another an artist: both are gone from their lists, and from nobody else's."""
    rows = np.array([7, 8, 9])
    before = products.discover(rows, 10)
    ids, tracks = bundle.users.ids, bundle.gated.tracks.ids
    track, artist = int(before.cols[0, 0]), int(products.artists.of_col[before.cols[1, 0]])
    marks = pa.table(
        {
            "user_id": pa.concat_arrays([ids.take([7, 8]), pa.array([10**9], ids.type)]),
            "track_id": pa.array([tracks[track].as_py(), None, tracks[track].as_py()], tracks.type),
            "artist_id": pa.array([None, products.artists.ids[artist].as_py(), None], pa.string()),
        }
    )
    after = Products(bundle, ProductsConfig(), never_again=marks).discover(rows, 10)
    assert track not in after.cols[0]
    assert artist not in products.artists.of_col[after.cols[1]]
    assert (after.cols[2] == before.cols[2]).all()
    assert (after.cols >= 0).all()


def test_the_source_tells_the_marks_that_hold(source_dsn):
    """A mark until yesterday is over, one without an end holds, and a row of nobody says nothing."""
    create_streams(source_dsn)
    execute(
        source_dsn,
        "CREATE TABLE unwanted (user_id bigint, track_id bigint, artist_id text, until date)",
        "INSERT INTO unwanted VALUES (1, 10, NULL, NULL), (1, NULL, 'abba', '2026-02-01'), (2, 11, NULL, '2026-01-14'),"
        " (NULL, 12, NULL, NULL)",
    )
    with Source(source_dsn, config()) as source:
        found = source.never_again(SETTINGS, DAY)
    rows = [{"user_id": 1, "track_id": 10, "artist_id": None}, {"user_id": 1, "track_id": None, "artist_id": "abba"}]
    assert found.to_pylist() == rows


def test_a_table_of_another_shape_is_told(source_dsn):
    """A column that is missing is named with its field."""
    create_streams(source_dsn)
    execute(source_dsn, "CREATE TABLE unwanted (user_id bigint, track_id bigint)")
    with Source(source_dsn, config()) as source, pytest.raises(SourceMismatch, match="never_again_artist_id"):
        source.never_again(SETTINGS, DAY)
