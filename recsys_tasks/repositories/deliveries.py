"""The stored deliveries: what was made of a release for everybody, and when it went where.

deliveries/<entry>-<digest>/   Parquet files of the products, one for a million listeners; figures in the manifest;
                               what listeners do not want again, and what they were shown before, for the HTTP service
delivered/<n>.json             what was delivered when, by whom, to which place

``<entry>`` is the number, in nine digits, of the entry of the release log since which the release was live: names in
order are deliveries in order, and a release that a rollback brings back is delivered anew.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from recsys_tasks.core.digests import SHORT, canonical_json, digest_of
from recsys_tasks.core.domain import Day, Figures
from recsys_tasks.core.errors import BadData, CorruptArtefact
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.records import Json, as_json, from_json
from recsys_tasks.storage.artefacts import Artefact, Content
from recsys_tasks.storage.manifest import MANIFEST, Manifest
from recsys_tasks.storage.store import ArtefactStore

FOLDER, RECORDS = "deliveries", "delivered"
LARGEST_RECORD = 1 << 16
"""Bytes: a larger object is no record of ours."""
NEVER_AGAIN = "never_again"
"""Table of a delivery: the marks that it was made with (user_id, track_id, artist_id), as the source had them."""
SHOWN, SHOWN_INDPTR = "shown", "shown_indptr"
"""Arrays of a delivery: the tracks that its Discover lists leave out because they were shown before, as columns of the
release, and where those of each listener end, in the order of the listeners' ids."""
HOURS = "hours"
"""Array of a delivery: (n_tracks, 24) plays of each of the release's tracks by hour, as the source had them."""
LISTS = ("cols", "scores", "reasons")
"""Arrays of a product, ``discover_cols`` and so on, where a delivery keeps its lists: (n, k) columns of the release's
tracks, their scores, and the columns that explain them; -1, -inf and -1 where nothing is left. Those of listeners lie
in the order of the listeners' ids, those of tracks by column, without reasons."""
STORE, POSTGRES = "store", "postgres"


@dataclass(frozen=True)
class DeliveryKey:
    """What a delivery is made from. Its figures name the earlier ones that it was held against when it was made."""

    entry: int  # of the release log, since which the release is live with these parts
    since: int  # the same, whichever parts it had
    release: int
    day: Day  # newest date of its data
    candidate: str
    parts: Mapping[str, str]  # of its bundle, as the release log names them
    settings: Json  # of every product
    forgotten: str  # digest of the list of people who are not in it

    @cached_property
    def digest(self) -> str:
        """Its identity."""
        return digest_of("delivery", as_json(self))

    @property
    def name(self) -> str:
        """Where the delivery lies, or would lie."""
        return f"{FOLDER}/{self.entry:09}-{self.digest[:SHORT]}"


@dataclass(frozen=True)
class Record:
    """A delivery that reached a place."""

    delivery: str  # name in the store
    kind: str  # store or postgres
    place: str  # host, database and schema; of the store, nothing
    at: str  # when it was there, ISO-8601 UTC
    by: str
    run_id: str = ""
    seconds: float = 0.0


class Deliveries:
    """The deliveries in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def names(self) -> list[str]:
        """Names of the complete deliveries, the oldest first."""
        found = (f"{FOLDER}/{last}" for last in self._store.names(FOLDER))
        return [name for name in found if self._store.holds(f"{name}/{MANIFEST}")]

    def newest_first(self) -> list[str]:
        """The same names by the entry of the log, and those of one entry by when they were written."""
        return sorted(self.names(), key=lambda name: (name.split("-")[0], self._store.written_at(name)), reverse=True)

    def holds(self, key: DeliveryKey) -> bool:
        """Whether this delivery is stored."""
        return self._store.holds(key.name)

    def save(self, key: DeliveryKey, files: Mapping[str, Content], figures: Figures) -> Artefact:
        """Store a delivery; the first one of a key stays."""
        return self._store.put(key.name, key.digest, as_json(key), files, figures)

    def open(self, name: str, product: str = "") -> Artefact:
        """A delivery, verified; of one product, only its files."""
        return self.opened(name, files_of(self.manifest(name), product) if product else ())

    def opened(self, name: str, files: Collection[str] = ()) -> Artefact:
        """Some files of a delivery, verified; empty: all of them."""
        return self._store.open(name, only=files)

    def manifest(self, name: str) -> Manifest:
        """The manifest of a delivery; its files are not read."""
        return self._store.manifest(name)

    def key(self, name: str) -> DeliveryKey:
        """What a delivery was made from.

        Raises:
            CorruptArtefact: its manifest is damaged.
        """
        try:
            return from_json(DeliveryKey, self.manifest(name).key)
        except BadData:
            raise CorruptArtefact(
                f"{self._store.where(name)} is no delivery. Remove it; the next run goes on."
            ) from None

    def note(self, record: Record) -> bool:
        """Keep that a delivery reached a place, once for each place; False when that is known."""
        told = {(each.delivery, each.kind, each.place) for each in self.records()}
        if (record.delivery, record.kind, record.place) in told:
            return False
        number = max(self._numbers(), default=0) + 1
        while not self._store.create(f"{RECORDS}/{number}.json", canonical_json(as_json(record)), LARGEST_RECORD):
            number += 1
        return True

    def records(self) -> list[Record]:
        """What was delivered, the oldest first; what cannot be read is left out: only a page depends on it."""
        return [record for number in self._numbers() if (record := self._read(f"{RECORDS}/{number}.json"))]

    def _numbers(self) -> list[int]:
        names = (name.removesuffix(".json") for name in self._store.names(RECORDS))
        return sorted(int(name) for name in names if name.isdecimal())

    def _read(self, name: str) -> Record | None:
        try:
            return from_json(Record, json.loads(self._store.read(name, LARGEST_RECORD)))
        except (BadData, CorruptArtefact, ValueError):
            return None


def settings_of(config: ProductsConfig) -> Json:
    """The settings that a delivery depends on; of lists that do not explore, or know no hours, they are as they were
    before any list did."""
    unnamed = set() if config.exploration_share else {"exploration_share"}
    if not config.hours_table:
        unnamed |= {name for name in type(config).model_fields if name.startswith("hours_")}
    return config.model_dump(mode="json", exclude=unnamed)


def files_of(manifest: Manifest, product: str) -> tuple[str, ...]:
    """Names of the files of a product, in the order of their rows."""
    return tuple(sorted(name for name in manifest.files if name.rpartition("-")[0] == product))
