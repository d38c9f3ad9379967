"""What stored deliveries add to an open release: marks, what was shown before, and finished lists.

A reader of the store alone cannot ask the source for marks, and would need minutes to count what a delivery has
counted; so a delivery keeps both, and whoever answers one at a time takes them from there. Where a delivery keeps its
lists too, what was delivered is what is served: SQL, files and service show one list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.core.domain import IntArray
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.core.lookup import places_in
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.artists import Artists
from recsys_tasks.products.hours import HOURS as HOURS_A_DAY
from recsys_tasks.products.hours import Counts
from recsys_tasks.products.lists import ArtistLists
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import Bundle
from recsys_tasks.release.log import Entry
from recsys_tasks.repositories.deliveries import (
    HOURS,
    NEVER_AGAIN,
    SHOWN,
    SHOWN_INDPTR,
    Deliveries,
    files_of,
    settings_of,
)
from recsys_tasks.serving.kept_lists import KeptLists, Places, kept_arrays, kept_lists, places_of
from recsys_tasks.serving.segments import SegmentLists, segment_lists
from recsys_tasks.storage.artefacts import Artefact

RELATED = "related_artists"
"""The product, as deliveries name it."""


@dataclass(frozen=True)
class DeliveryNames:
    """Which deliveries matter to a release; empty: there is none."""

    release: str = ""  # the newest of this release, as it is now
    marks: str = ""  # the newest that keeps marks, whichever release it was made from


@dataclass(frozen=True)
class ShownBefore:
    """What stood on the lists of earlier deliveries, by listener."""

    by_id: Played  # in the order of the listeners' ids
    places: Places  # (n_users,) of each row in that order

    def rows(self, user_rows: IntArray) -> Played:
        """That of some listeners, by their rows."""
        return self.by_id.rows(self.places[user_rows])


@dataclass(frozen=True)
class Delivered:
    """What was found in them; None: nothing."""

    never_again: pa.Table | None = None  # user_id, track_id, artist_id
    shown: ShownBefore | None = None
    related: ArtistLists | None = None  # (n_artists, k), by number
    lists: Mapping[str, KeptLists] = field(default_factory=dict)  # by product
    segments: SegmentLists = field(default_factory=dict)  # popular tracks
    hours: Counts | None = None  # (n_tracks, 24) plays by hour
    other_settings: bool = False  # there are lists, made by other settings than those of this service


def names_of(deliveries: Deliveries, entry: Entry) -> DeliveryNames:
    """The deliveries that matter to a release. Manifests are read, and no file.

    Raises:
        CorruptArtefact: a manifest is damaged.
    """
    found: dict[str, str] = {}
    for name in deliveries.newest_first():
        key = deliveries.key(name)
        if (key.candidate, dict(key.parts)) == (entry.candidate, dict(entry.parts)):
            found.setdefault("release", name)
        if f"{NEVER_AGAIN}.parquet" in deliveries.manifest(name).files:
            found.setdefault("marks", name)
        if len(found) == 2:
            break
    return DeliveryNames(**found)


def delivered(
    deliveries: Deliveries, names: DeliveryNames, bundle: Bundle, artists: Artists, settings: ProductsConfig
) -> Delivered:
    """What deliveries say, verified; the arrays are mapped.

    Args:
        deliveries: the stored ones.
        names: of those that matter.
        bundle: of the release.
        artists: of its tracks.
        settings: of the products, as whoever asks wants them: lists that were made by others are left where they lie.

    Raises:
        CorruptArtefact: a file is damaged, or does not fit the release.
    """
    marks = marks_of(deliveries, names)
    if not names.release:
        return Delivered(marks)
    manifest = deliveries.manifest(names.release)
    arrays = [name for name in (f"{SHOWN}.npy", f"{SHOWN_INDPTR}.npy") if name in manifest.files]
    related, kept = files_of(manifest, RELATED), kept_arrays(manifest.files)
    made_by = deliveries.key(names.release).settings
    if other := bool(kept) and made_by != {**settings_of(settings), "products": made_by["products"]}:
        kept = {}
    lists = [f"{array}.npy" for some in kept.values() for array in some]
    hours = hours_of(deliveries, names, len(bundle.gated.tracks))
    segments = segment_lists(deliveries, names.release, bundle.gated.tracks)
    if not (wanted := [*arrays, *related, *lists]):
        return Delivered(marks, segments=segments, hours=hours, other_settings=other)
    opened, places = deliveries.opened(names.release, wanted), places_of(bundle.users.order)
    return Delivered(
        marks,
        _shown(opened, places) if arrays else None,
        _related(opened, related, artists) if related else None,
        {
            product: kept_lists(opened, product, some, len(bundle.gated.tracks), places)
            for product, some in kept.items()
        },
        segments,
        hours,
        other,
    )


def marks_of(deliveries: Deliveries, names: DeliveryNames) -> pa.Table | None:
    """What listeners do not want again: user_id, track_id, artist_id; None: no delivery keeps any.

    Raises:
        CorruptArtefact: the delivery is damaged.
    """
    return deliveries.opened(names.marks, [f"{NEVER_AGAIN}.parquet"]).table(NEVER_AGAIN) if names.marks else None


def hours_of(deliveries: Deliveries, names: DeliveryNames, n_tracks: int) -> Counts | None:
    """Plays of each track by hour, mapped; None: no delivery of the release says.

    Raises:
        CorruptArtefact: the delivery is damaged, or does not fit the release.
    """
    if not names.release or f"{HOURS}.npy" not in deliveries.manifest(names.release).files:
        return None
    opened = deliveries.opened(names.release, [f"{HOURS}.npy"])
    counts = np.asarray(opened.array(HOURS, mapped=True))
    if counts.shape != (n_tracks, HOURS_A_DAY) or counts.dtype != np.uint32:
        raise CorruptArtefact(f"{opened.path}: the plays by hour do not fit the tracks of its release. Remove it.")
    return counts


def _shown(opened: Artefact, places: Places) -> ShownBefore:
    indptr, cols = (np.asarray(opened.array(name, mapped=True)) for name in (SHOWN_INDPTR, SHOWN))
    if len(indptr) != len(places) + 1 or indptr[-1] != len(cols) or (np.diff(indptr) < 0).any():
        raise CorruptArtefact(f"{opened.path}: what was shown does not fit the listeners of its release. Remove it.")
    return ShownBefore(Played(indptr, cols), places)


def _related(opened: Artefact, files: tuple[str, ...], artists: Artists) -> ArtistLists:
    table = pa.concat_tables([pq.read_table(opened.file(name), memory_map=False) for name in files])
    rows, found = (places_in(artists.ids, table[name]) for name in ("artist_id", "related_id"))
    places = np.asarray(table["rank"]) - 1
    there = (rows >= 0) & (found >= 0)
    shape = (len(artists), int(places.max(initial=-1)) + 1)
    lists = ArtistLists(np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32))
    lists.artists[rows[there], places[there]] = found[there]
    lists.scores[rows[there], places[there]] = np.asarray(table["score"])[there]
    return lists
