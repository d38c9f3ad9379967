"""From the columns of a foreign log to ours: parsed by Arrow, and every refusal names the file and the line."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.errors import BadData, ConfigError

UTC_INSTANT = pa.timestamp("us", "UTC")
UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
TIME_FORMATS = ("iso", "seconds", "milliseconds")
EARLIEST, LATEST = (pa.scalar(datetime(year, 1, 1, tzinfo=UTC), UTC_INSTANT) for year in (1970, 2100))
UNITS = {"seconds": pa.timestamp("s", "UTC"), "milliseconds": pa.timestamp("ms", "UTC")}


@dataclass(frozen=True)
class Layout:
    """Which column of a log is what, and how it is written."""

    user: str
    """Column: who listened."""
    track: str
    """Column: what was played."""
    time: str
    """Column: when."""
    ms_played: str | None = None
    """Column: milliseconds played; without one, every row counts as just long enough."""
    private: str | None = None
    """Column: true, false, 1 or 0; without one, nothing is private."""
    event: str | None = None
    """Column: the event's own id; without one, rows with equal user, track and instant are one event."""
    user_id_type: str = "text"
    """bigint, text or uuid."""
    track_id_type: str = "text"
    """bigint, text or uuid."""
    time_format: str = "iso"
    """``iso`` (ISO-8601), or ``seconds`` or ``milliseconds`` since 1970."""
    zone: str | None = None
    """IANA name of the zone of times that name none; without it they are refused."""

    def __post_init__(self) -> None:
        if self.time_format not in TIME_FORMATS:
            raise ConfigError(f"Time format {self.time_format!r}: choose one of {', '.join(TIME_FORMATS)}.")
        if self.zone is not None:
            try:
                ZoneInfo(self.zone)
            except (KeyError, ValueError, OSError):
                raise ConfigError(f"There is no time zone {self.zone!r}. Name one like Europe/Berlin.") from None

    @property
    def columns(self) -> list[str]:
        """Names of the columns to read."""
        wanted = (self.user, self.track, self.time, self.ms_played, self.private, self.event)
        return list(dict.fromkeys(name for name in wanted if name is not None))


@dataclass(frozen=True)
class Place:
    """Where a batch of rows stands: the file, and the line of its first row (for Parquet: the row)."""

    path: Path
    line: int

    def refuse(self, index: int, why: str) -> BadData:
        """The error for the row ``index`` of the batch."""
        what = "row" if self.path.suffix == ".parquet" else "line"
        return BadData(f"{self.path}, {what} {self.line + index}: {why}. Nothing was loaded: correct the file.")


Convert = Callable[[pa.Array], pa.Array]


def converted(values: pa.Array, convert: Convert, place: Place, name: str, wanted: str) -> pa.Array:
    """The values, none missing, as ``convert`` makes them.

    Raises:
        BadData: a value is missing or cannot be converted; the message names its line.
    """
    empty = values.is_null()
    if pa.types.is_string(values.type):
        empty = pc.or_(empty, pc.equal(pc.fill_null(values, ""), ""))
    if pc.any(empty).as_py():
        raise place.refuse(pc.index(empty, True).as_py(), f"column {name} is empty")
    try:
        return convert(values)
    except pa.ArrowException:
        row = _first_bad(values, convert)
        raise place.refuse(row, f"{name} = {values[row].as_py()!r} is not {wanted}") from None


def _first_bad(values: pa.Array, convert: Convert) -> int:
    """Index of the first value that cannot be converted: halve the batch until one is left."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            convert(values[low:middle])
            low = middle
        except pa.ArrowException:
            high = middle
    return low


def ids(values: pa.Array, id_type: str, place: Place, name: str) -> pa.Array:
    """Ids as int64 (bigint) or string (text, uuid)."""
    if id_type == "bigint":
        return converted(values, lambda part: pc.cast(part, pa.int64()), place, name, "an integer")
    return converted(values, _uuids if id_type == "uuid" else _texts, place, name, f"a {id_type} without NUL")


def _texts(values: pa.Array) -> pa.Array:
    texts = pc.cast(values, pa.string())
    return _all(texts, pc.invert(pc.match_substring(texts, "\0")))


def _uuids(values: pa.Array) -> pa.Array:
    texts = pc.cast(values, pa.string())
    return _all(texts, pc.match_substring_regex(texts, UUID))


def _all(values: pa.Array, good: pa.Array) -> pa.Array:
    if not pc.all(good, min_count=0).as_py():
        raise pa.ArrowInvalid("not all values are good")
    return values


def instants(values: pa.Array, layout: Layout, place: Place) -> pa.Array:
    """Instants in UTC, microseconds."""
    if layout.time_format != "iso":
        unit = UNITS[layout.time_format]
        wanted = f"whole {layout.time_format} since 1970, before 2100"
        return converted(values, lambda part: _instants_since_1970(part, unit), place, layout.time, wanted)
    wanted = "a time with a zone, like 2026-01-05T18:30:00Z (name the zone of times without one with --zone)"
    return converted(values, lambda part: _zoned(part, layout.zone), place, layout.time, wanted)


def _instants_since_1970(values: pa.Array, unit: Any) -> pa.Array:
    return _plausible(pc.cast(pc.cast(pc.cast(values, pa.int64()), unit), UTC_INSTANT))


def _plausible(values: pa.Array) -> pa.Array:
    """Milliseconds taken for seconds give the year 41,000: refused here, where the line is known."""
    return _all(values, pc.and_(pc.greater_equal(values, EARLIEST), pc.less(values, LATEST)))


def _zoned(values: pa.Array, zone: str | None) -> pa.Array:
    """Times with a zone as they are; all others (never guessed) in the zone that was named."""
    if pa.types.is_timestamp(values.type) and values.type.tz is None and zone is None:
        raise pa.ArrowInvalid("naive")
    naive = pa.types.is_timestamp(values.type) and values.type.tz is None
    if zone is None or not (naive or pa.types.is_string(values.type)):
        return _plausible(pc.cast(values, UTC_INSTANT))
    local = pc.cast(values, pa.timestamp("us"))
    zoned = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="earliest")
    return _plausible(pc.cast(zoned, UTC_INSTANT))


def milliseconds(values: pa.Array, place: Place, name: str) -> pa.Array:
    """Milliseconds played, not negative, int32."""
    return converted(values, _not_negative, place, name, "a number of milliseconds from 0 to 2147483647")


def _not_negative(values: pa.Array) -> pa.Array:
    whole = pc.cast(values, pa.int32())
    return _all(whole, pc.greater_equal(whole, 0))


def flags(values: pa.Array, place: Place, name: str) -> pa.Array:
    """True or false."""
    return converted(values, lambda part: pc.cast(part, pa.bool_()), place, name, "true, false, 1 or 0")
