"""What the outbox has told: each alert with when it was written, and which connection has it since when."""

import json
from collections.abc import Callable
from typing import NamedTuple

from recsys_tasks.alerting.outbox import ALERT, FOLDER, LARGEST_LETTER, MARK
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.storage.store import ArtefactStore


class Told(NamedTuple):
    """An alert, and whom it has reached."""

    written: str  # instant, ISO-8601
    subject: str
    reached: tuple[tuple[str, str], ...]  # connection, and the instant since when it has the alert
    owed: tuple[str, ...]  # connections that do not have it yet


def told(store: ArtefactStore, key: str) -> Told | None:
    """The alert of a key; None where it is not there, or cannot be read: nothing but a page depends on it."""
    try:
        letter = json.loads(store.read(f"{FOLDER}/{key}/{ALERT}", LARGEST_LETTER))
        marked = {name: _instant(store, key, name) for name in store.names(f"{FOLDER}/{key}") if name.endswith(MARK)}
        reached = {name.removesuffix(MARK): at for name, at in marked.items()}
        owed = tuple(str(name) for name in letter["connections"] if name not in reached)
        return Told(str(letter["written"]), str(letter["alert"]["subject"]), tuple(reached.items()), owed)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, RecsysError):
        return None


def all_told(store: ArtefactStore, read: Callable[[str], Told | None], since: str) -> list[Told]:
    """The alerts that were written since an instant, newest first.

    Args:
        store: where to look.
        read: how one is read, by its key.
        since: instant or date, ISO-8601; empty: all.
    """
    found = (read(key) for key in store.names(FOLDER))
    return sorted((each for each in found if each and each.written >= since), reverse=True)


def _instant(store: ArtefactStore, key: str, name: str) -> str:
    return store.read(f"{FOLDER}/{key}/{name}").decode().strip()
