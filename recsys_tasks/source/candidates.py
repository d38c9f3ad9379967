"""Which table looks like the streams, and which like the catalogue: names and types in, candidates out.

A column plays a part (who listened, what, when) by its type and its name. A name counts full where it is a usual one,
half where it only ends like one; an instant also counts by its type, where it is the only one. A name is the same
however its words are joined: user_id, userId, "User ID". Of equal candidates none is chosen: the caller has to say so.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from recsys_tasks.core.source import IdType
from recsys_tasks.source.queries import INTEGERS
from recsys_tasks.source.relations import Relation
from recsys_tasks.source.schema import FRACTIONS, ID_KINDS, TEXTS

IDS = (*INTEGERS, *TEXTS, "uuid")
ZONED, NAIVE = "timestamp with time zone", "timestamp without time zone"
USUAL, ALIKE = 4, 2  # points of a name
EXACT = ("id", "uuid", "uid")
"""Names that mean something only as a whole: a session_id is no id of an event."""
ENDINGS = ("_id", "_uuid", "_code", "_key", "_no", "", "id")
BY_ITS_TYPE = 1  # point, of a column whose name says nothing
OF_AN_OPTIONAL_COLUMN = 1  # point: it tells two tables apart, and never outweighs a name


@dataclass(frozen=True)
class Part:
    """A part that a column plays: names in the order of preference, and types that will do."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    needed: bool = False
    mendable: tuple[str, ...] = ()  # types that will do once a view converts them
    alone: bool = False  # the only column of such a type will do, whatever its name


def _ids(*things: str) -> tuple[str, ...]:
    """Names of the ids of a thing, in the order of preference: those that say so, then the thing alone."""
    return tuple(f"{thing}{ending}" for ending in ENDINGS for thing in things)


STREAMS = {
    "user_id": Part(
        (*_ids("user", "listener", "account", "member", "customer", "subscriber", "profile", "person"), "uid", "who"),
        IDS, needed=True,
    ),
    "track_id": Part(
        (*_ids("track", "song", "item", "recording", "episode"), "media_id", "content_id", "title_id", "isrc", "what"),
        IDS, needed=True,
    ),
    "streamed_at": Part(
        ("streamed_at", "played_at", "listened_at", "started_at", "start_at", "start_time", "occurred_at",
         "happened_at", "event_at", "event_time", "heard_at", "scrobbled_at", "at", "ts", "time", "timestamp",
         "instant", "created_at", "ended_at", "inserted_at"),
        (ZONED,), needed=True, mendable=(NAIVE,), alone=True,
    ),
    "event_id": Part(("event_id", "stream_id", "play_id", "listen_id", "event_uuid", "play_uuid", "id", "uuid"), IDS),
    "ms_played": Part(
        ("ms_played", "played_ms", "listened_ms", "ms_listened", "ms_streamed", "duration_ms", "play_ms", "stream_ms",
         "milliseconds_played", "milliseconds_listened", "milliseconds", "millis", "ms"),
        INTEGERS,
    ),
    "private_session": Part(
        ("private_session", "is_private_session", "private", "is_private", "incognito", "is_incognito",
         "incognito_mode", "private_mode", "off_the_record"),
        ("boolean",), mendable=INTEGERS,
    ),
}  # fmt: skip
SECONDS = Part(
    ("seconds_played", "played_seconds", "listened_seconds", "play_seconds", "duration_seconds", "duration_s",
     "seconds", "secs", "sec", "duration", "listened", "play_time", "time_played", "played_for", "listened_for"),
    (*INTEGERS, *FRACTIONS, "interval"),
)  # fmt: skip
"""How long a stream lasted, in a form that a view has to turn into milliseconds."""
OTHER_UNITS = frozenset({"ms", "millis", "milliseconds", "min", "mins", "minutes", "hours"})
"""Words of a name that is not one of seconds, whatever it ends like."""
CATALOGUE = {
    "track_id": Part((*STREAMS["track_id"].names, "id", "uuid"), IDS, needed=True),
    "title": Part(("title", "track_title", "song_title", "track_name", "song_name", "item_title", "name"), TEXTS,
                  needed=True),
    "artist": Part(("artist", "artist_name", "performer", "performer_name", "band", "band_name", "artists", "creator",
                    "author", "show"), TEXTS, needed=True),
    "released_on": Part(("released_on", "release_date", "released", "released_at", "published_on", "publish_date"),
                        ("date",)),
    "artist_id": Part(("artist_id", "artist_uuid", "performer_id", "band_id", "creator_id"), IDS),
    "kind": Part(("kind", "media_type", "content_type", "item_type", "track_type"), TEXTS),
    "available": Part(("available", "is_available", "playable", "is_playable"), ("boolean",)),
}  # fmt: skip
STREAM_TABLES = (
    "recsys_stream",
    "stream",
    "play",
    "listen",
    "playback",
    "scrobble",
    "listening_history",
    "play_history",
)
CATALOGUE_TABLES = ("track", "song", "catalogue", "catalog", "recording", "item")


@dataclass(frozen=True)
class Candidate:
    """A table with the column that plays each part; parts that nobody plays are left out."""

    relation: Relation
    columns: Mapping[str, str]
    points: int
    mend: Mapping[str, str] = field(default_factory=dict)  # part -> column that a view has to convert


def id_type(kind: str) -> IdType:
    """The type of an id in the configuration, of a column's type; the check of the source refuses any that is none."""
    return next((name for name, kinds in ID_KINDS.items() if kind in kinds), "bigint")


def streams_candidates(relations: Iterable[Relation], given: Mapping[str, str] | None) -> list[Candidate]:
    """Tables that may hold the streams, the best first. given: columns that somebody named, by part; "" for none."""
    return _ranked(_candidate(each, STREAMS, STREAM_TABLES, given or {}) for each in relations)


def catalogue_candidates(
    relations: Iterable[Relation], streams: Candidate, given: Mapping[str, str] | None
) -> list[Candidate]:
    """Tables that may hold the tracks, the best first: their track ids are of the type that the streams' are.

    Args:
        relations: what can be read.
        streams: the table of the streams, which is no catalogue, with its columns.
        given: columns that somebody named, by part; "" for none.
    """
    column = streams.columns["track_id"]
    fitting = ID_KINDS[id_type(streams.relation.columns[column])]
    parts = CATALOGUE | {"track_id": Part((_words(column), *CATALOGUE["track_id"].names), fitting, needed=True)}
    if given and given.get("artist") == "":
        del parts["artist"]  # somebody says that there is none, and it is not needed
    others = (each for each in relations if each != streams.relation)
    return _ranked(_candidate(each, parts, CATALOGUE_TABLES, given or {}) for each in others)


def best(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that no other beats: one, none, or several between which somebody has to choose."""
    return [each for each in candidates if each.points == candidates[0].points]


def _ranked(candidates: Iterable[Candidate | None]) -> list[Candidate]:
    return sorted((each for each in candidates if each), key=lambda each: (-each.points, each.relation.name))


def _candidate(
    relation: Relation, parts: Mapping[str, Part], tables: Collection[str], given: Mapping[str, str]
) -> Candidate | None:
    """The table in its parts; None where a part that is needed has no column."""
    columns: dict[str, str] = {}
    mend: dict[str, str] = {}
    points = _points_of_table(relation.table, tables)
    for part, rule in parts.items():
        taken = {*columns.values(), *mend.values()}
        if given.get(part) and given[part] not in relation.columns:
            return None
        if part in given:
            column, worth = given[part], USUAL
        else:
            column, worth = _column(relation, rule, rule.types, taken)
        if column:
            columns[part] = column
            points += worth if rule.needed else OF_AN_OPTIONAL_COLUMN
        elif part not in given:
            mend[part], worth = _column(relation, rule, rule.mendable, taken)
            points += worth // 2 if rule.needed else 0
    if "ms_played" in parts and "ms_played" not in columns and "ms_played" not in given:
        others = {name for name in relation.columns if not OTHER_UNITS.isdisjoint(_words(name).split("_"))}
        mend["ms_played"], _ = _column(relation, SECONDS, SECONDS.types, {*columns.values(), *mend.values(), *others})
    mend = {part: column for part, column in mend.items() if column}
    lacks = [part for part, rule in parts.items() if rule.needed and part not in {*columns, *mend}]
    return None if lacks else Candidate(relation, columns, points, mend)


def _column(relation: Relation, rule: Part, types: Collection[str], taken: Collection[str]) -> tuple[str, int]:
    """The column that plays a part best, and what its name is worth; no name, and 0, where none does."""
    fitting = {_words(name): name for name, kind in relation.columns.items() if kind in types and name not in taken}
    usual = [fitting[name] for name in rule.names if name in fitting]
    endings = [name for name in rule.names if name not in EXACT]
    alike = [fitting[own] for name in endings for own in fitting if own.endswith(f"_{name}")]
    if usual or alike:
        return (usual[0], USUAL) if usual else (alike[0], ALIKE)
    only = [*fitting.values()] if rule.alone and len(fitting) == 1 else []
    return (only[0], BY_ITS_TYPE) if only else ("", 0)


def _points_of_table(table: str, names: Collection[str]) -> int:
    plain = _words(table)
    if plain in {form for name in names for form in (name, f"{name}s")}:
        return USUAL
    return ALIKE if any(name in plain for name in names) else 0


def _words(name: str) -> str:
    """A name as lower-case words with underscores between them: playedAt, "Played at?" -> played_at."""
    apart = re.sub("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[\W_]+", "_", apart).strip("_").lower()
