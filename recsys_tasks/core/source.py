"""What is read of the service's own database: the tables of the streams and of the tracks, and their columns."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from recsys_tasks.core.sections import Section

IdType = Literal["bigint", "text", "uuid"]
Optional = Annotated[str | None, AfterValidator(lambda name: name or None)]
"""Name of a column that need not exist; TOML has no null, so an empty name says that there is none."""


class SourceConfig(Section):
    """Where the streams are, and which of them qualify."""

    streams_table: str = "streams"
    """Table or view of the streams, ``name`` or ``schema.name``."""
    user_id: str = "user_id"
    """Column: who listened."""
    track_id: str = "track_id"
    """Column: what was played."""
    streamed_at: str = "streamed_at"
    """Column: when, ``timestamp with time zone``; a naive timestamp is refused."""
    event_id: Optional = "event_id"
    """Column: the event's own id; a second row with the same id is a duplicate. Empty: there is no such column, and
    two rows with equal user, track and instant are duplicates."""
    ms_played: Optional = "ms_played"
    """Column: milliseconds played. Empty: every stream is long enough."""
    private_session: Optional = "private_session"
    """Column: boolean, true for a private session. Empty: there are none."""
    user_id_type: IdType = "bigint"
    """Type of the user's id: bigint (any integer), text or uuid."""
    track_id_type: IdType = "bigint"
    """Type of the track's id: bigint (any integer), text or uuid."""
    min_ms_played: int = Field(default=30_000, ge=0)
    """A stream shorter than this many milliseconds does not qualify."""
    history_start: date
    """First business day that is ever extracted; every missing one since then is filled by the next run."""
    late_window_days: int = Field(default=3, ge=0, le=60)
    """So many closed dates before the run's own are extracted again, and restated where streams came late."""
    statement_timeout_s: int = Field(default=3600, ge=1, le=604_800)
    """A statement that takes longer than this many seconds is broken off and retried."""
    connections: int = Field(default=1, ge=1, le=32)
    """Connections over which a day is read, an hour at a time from one exported snapshot where there are several; this
    needs an index on ``streamed_at``. 1: one COPY of the whole day."""


CATALOGUE_COLUMNS = ("track_id", "title", "artist", "artist_id", "released_on", "kind", "available")
"""Columns that every catalogue has, beside its features; those that the source lacks are null."""


class CatalogueConfig(Section):
    """An optional table of the tracks: names, and what else is known of a track; without it, ids are shown."""

    table: str
    """Table or view of the tracks, ``name`` or ``schema.name``."""
    track_id: str = "track_id"
    """Column: the track's id, of the type of the streams' track id."""
    title: str = "title"
    """Column: text."""
    artist: Optional = "artist"
    """Column: text; empty when there is none."""
    released_on: Optional = "released_on"
    """Column: date; empty when there is none."""
    artist_id: Optional = None
    """Column: the artist's own id, integers, text or uuid; empty when there is none."""
    kind: Optional = None
    """Column: text that tells kinds of tracks apart (music, podcast); empty when there is none."""
    available: Optional = None
    """Column: boolean, false for a track that nobody may play now; empty when there is none."""
    features: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], str] = Field(default_factory=dict)
    """Name of a feature -> column: integers, fractions, booleans, text, or arrays of text (tags)."""

    @field_validator("features")
    @classmethod
    def _no_feature_hides_a_column(cls, features: dict[str, str]) -> dict[str, str]:
        taken = sorted(features.keys() & set(CATALOGUE_COLUMNS))
        if taken:
            raise ValueError(f"a feature may not be called {' or '.join(taken)}, which every catalogue has")
        return features
