"""Which store this is, in words: on a disk whose it is and how its modes are, in a bucket whether it keeps its word."""

from dataclasses import dataclass

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.steps.one_store import SHOWN
from recsys_tasks.steps.results import Result
from recsys_tasks.steps.sharing import StoreState, look_at_store
from recsys_tasks.storage.object_store import ObjectStore
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.stored_mark import mark_of


@dataclass(frozen=True)
class BucketState(Result):
    """Which store in a bucket this is."""

    root: str
    id: str  # of its mark
    made: str  # instant, ISO-8601 UTC
    cache: str  # the local folder before it
    is_sound: bool = True

    def __str__(self) -> str:
        return (
            f"Store {self.id[:SHOWN]} at {self.root}, made {self.made}: its server keeps its word. Who may read it, "
            f"the bucket's own policy says. Cache: {self.cache}."
        )


def state_of(store: PosixStore | ObjectStore) -> StoreState | BucketState:
    """Which store this is; it is not marked by that.

    Raises:
        ConfigError: there is none.
        Unreadable: this account may not look at it.
        StorageError: the server of a bucket does not keep its word, or refuses this account.
        CorruptArtefact: its mark is damaged.
    """
    if isinstance(store, PosixStore):
        return look_at_store(store)
    store.require_rights()
    mark = mark_of(store)
    if mark is None:
        raise ConfigError(f"There is no store at {store.root} yet. The first run makes it.")
    return BucketState(str(store.root), mark.id, mark.made, str(store.root.cache.folder))
