"""The release that answers now, and the look for a newer one."""

from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from datetime import datetime
from typing import TypeVar

from recsys_tasks.core.digests import SHORT, digest_of
from recsys_tasks.core.errors import RecsysError, told
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.products.products import Products
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import LOG
from recsys_tasks.repositories.deliveries import FOLDER as DELIVERIES
from recsys_tasks.repositories.deliveries import Deliveries
from recsys_tasks.serving.delivered import Delivered, DeliveryNames, delivered, names_of
from recsys_tasks.serving.http.answers import Answers
from recsys_tasks.serving.http.remembered import Remembered
from recsys_tasks.serving.opened import Opened
from recsys_tasks.serving.reader import Reader
from recsys_tasks.storage.store import ArtefactStore, Stamp

Found = TypeVar("Found")
ANSWERS = 2
"""Format of the answers: another one, and what clients hold under the same release is no longer theirs."""
LONGEST_REST = 300.0
"""Seconds at the most between two tries to open a release that could not be opened: each reads all of its files."""


@dataclass(frozen=True)
class Serving:
    """One open release, whole: a request takes it once, and answers from nothing else."""

    entry: Entry
    answers: Answers
    delivered: DeliveryNames
    tag: str  # of HTTP: the same for all answers of the same release, parts and settings
    remembered: Remembered = field(repr=False)  # by path and query


class LiveRelease:
    """Keeps the live release open. ``look`` is called by one thread; everybody may read what it left."""

    def __init__(
        self,
        store: ArtefactStore,
        products: ProductsConfig,
        bounds: ServeConfig,
        clock: Callable[[], float],
        tell: Callable[[str, str], None],
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is open yet.

        Args:
            store: where the releases lie.
            products: what the lists look like.
            bounds: what may be asked for at a time, and what is remembered.
            clock: seconds that never go back.
            tell: is told of an event in a word, and in a sentence.
            settle: is called when all that a release needs is in memory, before it answers.
        """
        self.current: Serving | None = None
        self.problem: str | None = None
        """Why what is live in the log is not what answers."""
        self.switches = 0
        self._store, self._products, self._bounds = store, products, bounds
        self._clock, self._tell, self._settle = clock, tell, settle
        self._reader: Reader | None = None
        self._deliveries = Deliveries(store)
        self._seen: tuple[Stamp | None, ...] | None = None
        self._again, self._rest = 0.0, 1.0

    def look(self) -> None:
        """Open what is live if it is another release than before, has other parts or a newer delivery; on any
        failure keep what is open.

        A log that did not change is not read; what could not be opened is tried again after a while, and sooner when
        the log changes.
        """
        seen = self._stamp()
        if seen == self._seen and (self.problem is None or self._clock() < self._again):
            self._prepare()
            return
        self._seen = seen
        problem = self._refreshed()
        if problem is None:
            self._rest = 1.0
        else:
            self._again, self._rest = self._clock() + self._rest, min(2 * self._rest, LONGEST_REST)
        if problem != self.problem:
            self._tell("kept" if problem else "sound", problem or "What is live answers.")
        self.problem = problem

    def _stamp(self) -> tuple[Stamp | None, ...] | None:
        try:
            return self._store.stamp(LOG), self._store.stamp(DELIVERIES)
        except (RecsysError, OSError):
            return None  # whoever reads the log says why

    def _refreshed(self) -> str | None:
        try:
            reader = self._reader or Reader(self._store, settings=self._products)
            problem = reader.refresh() if self._reader else None
            self._reader = reader
            if problem is None:
                names = self._from_deliveries(lambda: names_of(self._deliveries, reader.entry), DeliveryNames())
                if not self._is_current(reader.entry, names):
                    self._switch(reader.opened, names)
            return problem
        except Exception as error:  # whatever is wrong with a release, the one that is open goes on answering
            return told(error)

    def _from_deliveries(self, read: Callable[[], Found], otherwise: Found) -> Found:
        """What deliveries say; a damaged one says nothing, and no release waits for it."""
        try:
            return read()
        except (RecsysError, OSError) as error:
            self._tell("failed", told(error))
            return otherwise

    def _prepare(self) -> None:
        """Make what somebody has asked for in vain."""
        try:
            if self.current is not None:
                self.current.answers.artists.prepare()
        except Exception as error:  # they are told to come again, as before
            self._tell("failed", told(error))

    def _is_current(self, entry: Entry, names: DeliveryNames) -> bool:
        now = self.current
        if now is None:
            return False
        return (entry.candidate, entry.parts, names) == (now.entry.candidate, now.entry.parts, now.delivered)

    def _switch(self, opened: Opened, names: DeliveryNames) -> None:
        entry, settings = opened.entry, (self._products.model_dump(), self._bounds.longest_list)
        added = self._from_deliveries(
            lambda: delivered(self._deliveries, names, opened.bundle, opened.products.artists, self._products),
            Delivered(),
        )
        if added.other_settings:
            self._tell("made", "What is delivered was made by other [products] settings: lists are made here.")
        tag = digest_of("answers", ANSWERS, entry.candidate, entry.parts, *settings, *astuple(names))[:SHORT]
        remembered = Remembered(self._bounds.cache_mb << 20)
        answers = Answers(entry.release, self._products_of(opened, added), self._bounds, added)
        before = self.current.answers.artists if self.current else None
        asked = before is not None and before.wanted  # what was asked for goes on being answered
        answers.artists.wanted = asked or (self._bounds.related_artists and not answers.artists.delivered)
        answers.artists.prepare()
        self._settle()
        self.current = Serving(entry, answers, names, f'"{entry.release}-{tag}"', remembered)
        self.switches += 1
        self._tell("switched", f"Release {entry.release} (data of {entry.day}) answers.")

    def _products_of(self, opened: Opened, added: Delivered) -> Products:
        if added.never_again is None and added.hours is None:
            return opened.products
        return Products(opened.bundle, self._products, never_again=added.never_again, hours=added.hours)


def age(serving: Serving | None, now: datetime) -> float:
    """Seconds since the log entry was made by which this release is live; NaN where none is open."""
    return (now - datetime.fromisoformat(serving.entry.at)).total_seconds() if serving else float("nan")
