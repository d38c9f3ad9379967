"""The suppression list: people whose streams never count, because they asked to be erased or are no listeners.

    suppressed/<reference>.json     one person: what was asked, by whom and why, and how far it is
    secrets/suppression_key.json    the key of the references

A reference is a keyed hash of the source's id. It recognises the person whenever the source is read again, and names
nobody to who has the list alone. The id itself stands in the record only until a search has confirmed that nothing of
the person is left. Someone readmitted counts again from a date on; the dates before it stay without them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.digests import canonical_json
from recsys_tasks.core.domain import BoolArray, Day, Id, Ids, PlayCounts
from recsys_tasks.core.errors import BadData, CorruptArtefact, UnknownId
from recsys_tasks.core.records import as_json, from_json
from recsys_tasks.core.source import IdType
from recsys_tasks.source.queries import ID_ARROW
from recsys_tasks.storage.secret import kept, kept_or_drawn
from recsys_tasks.storage.store import ArtefactStore

FOLDER, KEY = "suppressed", "secrets/suppression_key.json"
ERASE, EXCLUDE = "erase", "exclude"
SUPPRESSED = "suppressed"
"""The reason for which a partition drops the rows of people on the list."""
_IF_LOST = "Without one, nobody on the suppression list is recognised: remove suppressed/, and ask again for each."


@dataclass(frozen=True)
class Suppressed:
    """A person on the list."""

    reference: str  # keyed hash of the id
    kind: str  # erase or exclude
    by: str
    why: str
    asked: str  # instant, ISO-8601 UTC
    user_id: Id | None = None  # until the search is confirmed
    removed: str = ""  # instant at which a search of the whole store found nothing any more
    confirmed: str = ""  # instant at which a later search found nothing either
    readmitted: str = ""  # first date whose streams count again, ISO-8601
    readmitted_by: str = ""  # who said so, and why
    evidence: tuple[int, ...] = ()  # numbers of the records of what was removed

    @property
    def is_open(self) -> bool:
        """Whether something of this person may be left."""
        return self.user_id is not None

    def counts_on(self, day: Day) -> bool:
        """Whether the person's streams of a date count."""
        return bool(self.readmitted) and day.isoformat() >= self.readmitted

    def deadline(self, days: int) -> datetime | None:
        """When an erasure must be done; None for an exclusion. days: that it may take."""
        return datetime.fromisoformat(self.asked) + timedelta(days=days) if self.kind == ERASE else None


@dataclass(frozen=True)
class SuppressionList:
    """The list at one moment."""

    people: tuple[Suppressed, ...] = ()
    key: str = ""  # of the references

    def left_out(self, ids: pa.ChunkedArray, day: Day) -> BoolArray | None:
        """Whether each row of a date is a suppressed person's; None where nobody is there. (n_rows,)."""
        references = {person.reference for person in self.people if not person.counts_on(day)}
        distinct = pc.unique(ids).to_pylist() if references else ()
        found = [user_id for user_id in distinct if reference_of(user_id, self.key) in references]
        return np.asarray(pc.is_in(ids, pa.array(found, ids.type))) if found else None


NOBODY = SuppressionList()


class Suppressions:
    """The suppression list of a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def ask(self, user_id: Id, kind: str, by: str, why: str, at: str, fresh_key: str) -> Suppressed:
        """Put a person on the list. An open request stays as it is, but an exclusion becomes an erasure. Who is gone
        already is looked for again: the store may have been restored from a backup since.

        Args:
            user_id: the person's id, as partitions hold it.
            kind: erase or exclude.
            by, why, at: who asks, for what reason, when (ISO-8601 UTC).
            fresh_key: the key of the references, where this store has none yet.
        """
        reference = reference_of(user_id, kept_or_drawn(self._store, KEY, "key", fresh_key, _IF_LOST))
        asked = Suppressed(reference, kind, by, why, at, user_id)
        if self._store.create(person_name(reference), canonical_json(as_json(asked))):
            return asked
        found = self._read(reference)
        if found.is_open and (found.kind, kind) != (EXCLUDE, ERASE):
            return found
        stays = found.kind == ERASE and not found.readmitted
        return self.save(replace(asked, kind=ERASE if stays else kind, evidence=found.evidence))

    def save(self, person: Suppressed) -> Suppressed:
        """Keep what became of a person."""
        self._store.replace(person_name(person.reference), canonical_json(as_json(person)))
        return person

    def people(self) -> list[Suppressed]:
        """Everybody on the list, who asked first first.

        Raises:
            CorruptArtefact: a record is damaged.
        """
        names = [name.removesuffix(".json") for name in self._store.names(FOLDER) if name.endswith(".json")]
        return sorted(map(self._read, names), key=lambda each: (each.asked, each.reference))

    def open_people(self) -> list[Suppressed]:
        """Those of whom something may be left."""
        return [person for person in self.people() if person.is_open]

    def find(self, user_id: Id) -> Suppressed | None:
        """The record of a person; None for one who is not on the list."""
        if not self._store.holds(KEY):
            return None
        reference = reference_of(user_id, self._key)
        return self._read(reference) if self._store.holds(person_name(reference)) else None

    def now(self) -> "SuppressionList":
        """The list as it is at this moment.

        Raises:
            CorruptArtefact: a record or the key is damaged.
        """
        people = tuple(self.people())
        return SuppressionList(people, self._key if people else "")

    @cached_property
    def _key(self) -> str:
        return kept(self._store, KEY, "key", _IF_LOST)

    def _read(self, reference: str) -> Suppressed:
        name = person_name(reference)
        try:
            person = from_json(Suppressed, json.loads(self._store.read(name)))
        except (BadData, ValueError):
            person = None
        if person is None or person.reference != reference:
            raise CorruptArtefact(f"{self._store.where(name)} is no record of the suppression list. Restore it.")
        return person


def known_id(text: str, kind: IdType) -> Id:
    """An id as partitions hold it, from what a person typed.

    Raises:
        UnknownId: it is none of this type.
    """
    try:
        if kind == "bigint":
            return int(np.int64(int(text)))
        return str(UUID(text)) if kind == "uuid" else text.encode().decode()
    except (ValueError, OverflowError):
        # what was typed is not repeated: it may name somebody in a log
        raise UnknownId(f"That is no id of a listener of this service: each of them is a {kind}.") from None


def ids_of(people: Sequence[Suppressed], kind: IdType) -> Ids:
    """The ids of people whose ids are still known."""
    return pa.array([person.user_id for person in people if person.user_id is not None], ID_ARROW[kind])


def without(counts: PlayCounts, ids: Ids) -> PlayCounts | None:
    """Play counts without some people; None where nobody of them is there."""
    there = np.asarray(pc.is_in(counts.user_ids, ids))
    if not there.any():
        return None
    keep = pa.array(~there)
    return PlayCounts(counts.user_ids.filter(keep), counts.track_ids.filter(keep), counts.plays[~there])


def reference_of(user_id: Id, key: str) -> str:
    """The keyed hash of an id: 32 hexadecimal digits."""
    return blake2b(str(user_id).encode(), key=bytes.fromhex(key), digest_size=16).hexdigest()


def person_name(reference: str) -> str:
    """Where the record of a person lies."""
    return f"{FOLDER}/{reference}.json"
