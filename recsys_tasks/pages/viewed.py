"""A store as one request sees it: names, and whether something is there, from memory while their folder is unchanged.

Each folder and object is asked for its stamp once in a request, however often the page comes back to it.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from recsys_tasks.pages.memory import MEMORY, Memory
from recsys_tasks.storage.store import ArtefactStore, Stamp

Found = TypeVar("Found")


class Viewed:
    """What a request asks of a store; whatever is not remembered, the store itself answers."""

    def __init__(self, store: ArtefactStore, memory: Memory | None = None) -> None:
        self.store, self._memory, self._place = store, memory or MEMORY, store.where("")
        self._stamps: dict[str, Stamp | None] = {}
        self._folders: dict[str, dict[str, Stamp]] = {}  # whose names were all asked for their stamps
        self._names: dict[str, list[str]] = {}

    def __getattr__(self, name: str) -> Any:
        """As the store."""
        return getattr(self.store, name)

    @property
    def as_store(self) -> ArtefactStore:
        """This view, for the repositories."""
        return cast("ArtefactStore", self)

    def stamp(self, name: str) -> Stamp | None:
        """As ``ArtefactStore``, once in a request."""
        if name not in self._stamps:
            known = name.rpartition("/")[0] in self._folders
            self._stamps[name] = None if known else self.store.stamp(name)
        return self._stamps[name]

    def stamps(self, folder: str) -> dict[str, Stamp]:
        """As ``ArtefactStore``, and kept for the names that are asked for later in the request."""
        if folder not in self._folders:
            found = self._folders[folder] = self.store.stamps(folder)
            self._stamps |= {f"{folder}/{name}": stamp for name, stamp in found.items()}
        return self._folders[folder]

    def names(self, folder: str) -> list[str]:
        """As ``ArtefactStore``, from memory while nothing was added to the folder or removed from it."""
        if folder not in self._names:
            self._names[folder] = self.of((folder,), lambda: self.store.names(folder), "names")
        return self._names[folder]

    def holds(self, name: str) -> bool:
        """As ``ArtefactStore``, by the names in its folder."""
        folder, _, last = name.rpartition("/")
        return last in self.names(folder)

    def of(self, names: tuple[str, ...], read: Callable[[], Found], about: str = "") -> Found:
        """The content of some objects (``Memory.of``)."""
        places = tuple(f"{self._place}/{name}" for name in names)
        return self._memory.of(places, tuple(map(self.stamp, names)), read, about)
