"""The evidence of erasures: what was found of people, what was done to it, and what a search of everything found then.

erasures/<n>.json      one search after which nothing was left, or what was left
erasures/open.json     what was done since the last of them, so that a killed erasure loses no line of its evidence

No id stands in them: people are named by their references.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from recsys_tasks.core.digests import canonical_json
from recsys_tasks.core.errors import BadData, CorruptArtefact, NotStored
from recsys_tasks.core.records import as_json, from_json
from recsys_tasks.storage.store import ArtefactStore

FOLDER = "erasures"
JOURNAL = f"{FOLDER}/open.json"
REWRITTEN, REMOVED, REDACTED = "rewritten", "removed", "redacted"


@dataclass(frozen=True)
class Act:
    """What was done to a file or an artefact."""

    name: str
    did: str  # rewritten, removed or redacted
    people: int  # of those to be erased who stood in it; 0: it was made from what they stood in
    before: str  # SHA-256 of the file or of the artefact's manifest, digest of the play counts of a partition
    after: str = ""  # the same of what stands in its place; empty: nothing does


@dataclass(frozen=True)
class Searched:
    """A search of every file of a store."""

    files: int
    bytes: int
    ids: int  # that were searched for
    vectors: int  # different ones, of every model and release that knew these people
    left: tuple[str, ...] = ()  # where something was found


@dataclass(frozen=True)
class Evidence:
    """What came of an erasure."""

    at: str  # instant, ISO-8601 UTC
    people: tuple[str, ...]  # their references
    acts: tuple[Act, ...]
    searched: Searched


@dataclass(frozen=True)
class Journal:
    """What was done since the last evidence, and the vectors that shall not be found any more."""

    acts: tuple[Act, ...] = ()
    vectors: tuple[str, ...] = ()  # float32, hexadecimal


class Erasures:
    """The evidence in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def journal(self) -> Journal:
        """What was done since the last evidence.

        Raises:
            CorruptArtefact: it is damaged.
        """
        try:
            return from_json(Journal, json.loads(self._store.read(JOURNAL)))
        except NotStored:
            return Journal()
        except (BadData, ValueError):
            raise CorruptArtefact(f"{self._store.where(JOURNAL)} is damaged. Restore it, or remove it.") from None

    def note(self, acts: Iterable[Act], vectors: Iterable[str] = ()) -> Journal:
        """Keep what is about to be done, each act once."""
        before = self.journal()
        found = replace(
            before,
            acts=tuple(dict.fromkeys((*before.acts, *acts))),
            vectors=tuple(dict.fromkeys((*before.vectors, *vectors))),
        )
        if found != before:
            self._store.replace(JOURNAL, canonical_json(as_json(found)))
        return found

    def save(self, evidence: Evidence) -> int:
        """Keep the evidence under the next number, and begin a new journal; the number."""
        number = len(self.numbers()) + 1
        while not self._store.create(evidence_name(number), canonical_json(as_json(evidence))):
            number += 1
        return number

    def close_journal(self) -> None:
        """Forget the journal, whose evidence is kept now."""
        if self._store.holds(JOURNAL):
            self._store.remove(JOURNAL)

    def numbers(self) -> list[int]:
        """Numbers of all evidence, rising."""
        names = [name.removesuffix(".json") for name in self._store.names(FOLDER)]
        return sorted(int(name) for name in names if name.isdecimal())

    def evidence(self, number: int) -> Evidence:
        """One evidence.

        Raises:
            CorruptArtefact: it is damaged, or gone.
        """
        try:
            return from_json(Evidence, json.loads(self._store.read(evidence_name(number))))
        except (NotStored, BadData, ValueError):
            where = self._store.where(evidence_name(number))
            raise CorruptArtefact(f"{where} is no evidence of an erasure. Restore it from a backup.") from None


def evidence_name(number: int) -> str:
    """Where an evidence lies."""
    return f"{FOLDER}/{number}.json"
