"""Tracks found by part of their names or by their ids, for the box in which a person types."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import Id
from recsys_tasks.core.errors import UnknownId
from recsys_tasks.pages.opened import Opened
from recsys_tasks.pages.texts import shown
from recsys_tasks.release.bundle import Bundle, find_row, parse_id

Row = dict[str, Any]
HITS = 20
"""Tracks that a search lists, at the most."""


def find_tracks(opened: Opened, text: str) -> Row:
    """Find the tracks whose title or artist holds a text, and the one whose id it is; is it a listener's id too?

    Returns:
        ``tracks``: at most ``HITS``, best first; ``more``: whether others match; ``listener``: ``known``,
        ``unknown`` (an id, but of nobody whom the release knows), or empty.
    """
    bundle = opened.reader.bundle
    ids = bundle.gated.tracks.ids
    wanted = _id_in(ids, text)
    named = -1 if wanted is None else pc.index(ids, wanted).as_py()
    cols, more = opened.names.find(text, HITS)
    found = [named] * (named >= 0) + [int(col) for col in cols if col != named]
    return {
        "release": opened.reader.entry.release,
        "tracks": [_hit(bundle, col) for col in found[:HITS]],
        "more": more or len(found) > HITS,
        "listener": _listener(bundle, text),
    }


def meant(found: Row, text: str) -> str:
    """The listener whom a text can only mean: one that the release knows, or a number that names no track."""
    is_one = found["listener"] == "known" or (found["listener"] and not found["tracks"] and text.isdecimal())
    return text if is_one else ""


def _hit(bundle: Bundle, col: int) -> Row:
    row = bundle.names.of(col)
    title, artist = (shown(row[name]) for name in ("title", "artist"))
    track_id = str(bundle.gated.tracks.ids[col].as_py())
    return {"track_id": track_id, "title": title, "artist": artist, "listeners": int(row["listeners"])}


def _listener(bundle: Bundle, text: str) -> str:
    ids = bundle.users.ids
    wanted = _id_in(ids, text)
    if wanted is None:
        return ""
    return "unknown" if find_row(ids, bundle.users.order, wanted) is None else "known"


def _id_in(ids: pa.Array, text: str) -> Id | None:
    """A text as an id; None where ids are numbers and this is none."""
    try:
        return parse_id(ids, text)
    except UnknownId:
        return None
