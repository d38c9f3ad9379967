"""Every step of a run works on one store: the first one marks it, the others look whether it is the same.

Tasks of one run may run on different machines and under different accounts. A folder that they do not share, or may
not all write to, is found out by the first step that meets it, before it does any work.
"""

import platform
import secrets
from dataclasses import dataclass
from datetime import datetime

from recsys_tasks.core.errors import OtherStore
from recsys_tasks.storage.mark import Mark
from recsys_tasks.storage.store import ArtefactStore
from recsys_tasks.storage.stored_mark import mark_of, marked

SHOWN = 8
"""Hexadecimal digits of an id in a message."""

SHARED = (
    "RECSYS_ROOT must be one shared folder, or bucket, on every machine that runs tasks or shows pages. Mount or name "
    "it here."
)


@dataclass(frozen=True)
class StoreUsed:
    """The store that a step worked on: what goes to the steps after it, and into the record of the run."""

    id: str  # of its mark
    root: str  # as this machine knows it
    host: str

    def __str__(self) -> str:
        return f"store {self.id[:SHOWN]} at {self.root} on {self.host}"


def fresh_mark(now: datetime) -> Mark:
    """A mark with a drawn id."""
    return Mark(secrets.token_hex(16), now.isoformat())


def begin(store: ArtefactStore, now: datetime) -> StoreUsed:
    """Begin a day on a store: see that this account may work everywhere in it, and mark it if nobody has.

    Raises:
        StorageError: it may not; the message says what belongs to whom.
        CorruptArtefact: the mark is damaged.
    """
    store.require_rights()
    return _used(store, marked(store, fresh_mark(now)))


def same_store(store: ArtefactStore, begun_on: StoreUsed) -> StoreUsed:
    """Go on with a day on the store on which it began. Makes no mark.

    Raises:
        OtherStore: this is another store, or none.
        Unreadable: this account may not read it.
    """
    mark = mark_of(store)
    if mark is not None and mark.id == begun_on.id:
        return _used(store, mark)
    raise OtherStore(
        f"This task {_found(store, mark)}; the day began on {begun_on}. {SHARED} "
        "Then clear the run from its first task on."
    )


def require_store(store: ArtefactStore, id_: str, others: str) -> None:
    """Work only on the store of this id, on which the others work. Makes no mark.

    Args:
        store: where a task would work.
        id_: of its mark.
        others: who the others are and what they work on, for the message.

    Raises:
        OtherStore: this is another store, or none.
        Unreadable: this account may not read it.
    """
    mark = mark_of(store)
    if mark is None or mark.id != id_:
        raise OtherStore(f"This worker {_found(store, mark)}; {others}. {SHARED}")


def _found(store: ArtefactStore, mark: Mark | None) -> str:
    """What is here instead of the store that the others work on."""
    if mark is not None:
        return f"works on {_used(store, mark)}"
    names = [name for name in store.names("") if not name.startswith(".")]
    there = f"nothing but {', '.join(names[:3])}" if names else "nothing"
    return f"finds no store at {store.where('')} on {platform.node()} ({there} lies there)"


def _used(store: ArtefactStore, mark: Mark) -> StoreUsed:
    return StoreUsed(mark.id, store.where(""), platform.node())
