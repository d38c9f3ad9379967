"""The products that can be delivered: their columns, in the store's Parquet files and in the tables of the sink."""

from typing import NamedTuple

import pyarrow as pa

USER, TRACK, ARTIST = "user", "track", "artist"
"""Kinds of ids; each has the type that the source gives it."""
NUMBER, SCORE, TEXT = "number", "score", "text"
PROPENSITY = "propensity"
"""Column of a list that explores: how likely the new track was drawn for this place; null where it was ranked."""
ARROW = {NUMBER: pa.int32(), SCORE: pa.float32(), TEXT: pa.string()}


class Column(NamedTuple):
    """A column of a product."""

    name: str
    kind: str


class Product(NamedTuple):
    """A product as it is delivered."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]  # columns that tell its rows apart, in the order in which rows are sorted

    def schema(self, ids: dict[str, pa.DataType]) -> pa.Schema:
        """Its columns in Arrow. ids: type of each kind of id."""
        return pa.schema([(column.name, (ARROW | ids)[column.kind]) for column in self.columns])


_LISTED = (Column("rank", NUMBER), Column("track_id", TRACK), Column("score", SCORE), Column("reason", TRACK))
_RELEASE = Column("release", NUMBER)
_LISTS = (Column("user_id", USER), *_LISTED, _RELEASE)
DISCOVER, NEW_RELEASES, RELATED_ARTISTS, POPULAR = "discover", "new_releases", "related_artists", "popular"
SIMILAR_TRACKS = "similar_tracks"
PRODUCTS = {
    DISCOVER: Product(_LISTS, ("user_id", "rank")),
    NEW_RELEASES: Product(_LISTS, ("user_id", "rank")),
    RELATED_ARTISTS: Product(
        (
            Column("artist_id", ARTIST),
            Column("rank", NUMBER),
            Column("related_id", ARTIST),
            Column("score", SCORE),
            _RELEASE,
        ),
        ("artist_id", "rank"),
    ),
    POPULAR: Product((Column("segment", TEXT), *_LISTED[:3], _RELEASE), ("segment", "rank")),
    SIMILAR_TRACKS: Product(
        (
            Column("track_id", TRACK),
            Column("rank", NUMBER),
            Column("similar_id", TRACK),
            Column("score", SCORE),
            _RELEASE,
        ),
        ("track_id", "rank"),
    ),
}
"""By name, which is also the name of its table."""
EXPLORED = Product((*_LISTS, Column(PROPENSITY, SCORE)), ("user_id", "rank"))
"""Discover whose last places hold new tracks."""
