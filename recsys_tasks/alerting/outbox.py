"""The outbox: an alert is stored before it is sent, and stays owed to a channel until that has it.

    alerts/<key>/alert.json               the alert, and the connections it is owed to; the first one stored wins
    alerts/<key>/<connection>.delivered   that this connection has it, and since when
    alerts/<key>/attempted                when it was last tried

A connection that is configured later is owed nothing of what was stored before. Whoever delivers holds a lock on the
alert's directory, so that a callback and a task never both send it: only who is killed between sending and marking has
it sent twice, with the same key.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from recsys_tasks.alerting.alerts import Alert
from recsys_tasks.core.errors import CorruptArtefact, NotStored, Unreadable
from recsys_tasks.storage.store import ArtefactStore

FOLDER, ALERT, MARK = "alerts", "alert.json", ".delivered"
LARGEST_LETTER = 1 << 20
"""Bytes: a larger object is no alert of ours, and is not read into memory."""
Send = Callable[[Alert, Sequence[str]], Iterable[tuple[str, str]]]
"""Sends an alert through connections. Yields, as soon as it is known, each connection and why it refused; empty: it
took the alert."""


@dataclass(frozen=True)
class Delivery:
    """How a delivery went; each line names the alert's subject."""

    taken: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True)
class _Letter:
    alert: Alert
    connections: tuple[str, ...]
    written: str  # ISO-8601


class Outbox:
    """The alerts in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def put(self, alert: Alert, connections: Iterable[str], at: datetime) -> bool:
        """Store an alert that is owed to these connections; False if its key was stored before, or nobody is owed it.

        Raises:
            StorageError: the file system refused.
        """
        letter = {"alert": asdict(alert), "connections": list(dict.fromkeys(connections)), "written": at.isoformat()}
        content = json.dumps(letter, ensure_ascii=False, indent=1).encode(errors="replace")  # told rather than exact
        return bool(letter["connections"]) and self._store.create(
            f"{_folder(alert.key)}/{ALERT}", content, LARGEST_LETTER
        )

    def holds(self, key: str) -> bool:
        """Whether an alert of this key was ever stored."""
        return self._store.holds(f"{_folder(key)}/{ALERT}")

    def owed(self, connections: Collection[str], keys: Collection[str] | None = None) -> list[str]:
        """Subjects of the alerts that one of these connections has not had yet, oldest first. keys: of these alone."""
        letters, _ = self._letters(keys)
        return [letter.alert.subject for letter in letters if self._missing(letter, connections)]

    def deliver(
        self,
        connections: Collection[str],
        send: Send,
        at: datetime,
        keys: Collection[str] | None = None,
        wait: bool = True,
    ) -> Delivery:
        """Send what is still owed, oldest first, to all connections of an alert at once.

        Args:
            connections: those configured now; what is owed to others waits.
            send: sends one alert through several connections.
            at: the instant that the marks show.
            keys: only these alerts; None: all.
            wait: whether to wait for whoever is delivering the same alert; else that alert is left to them.

        Raises:
            StorageError: the file system takes no note of a delivery, so nothing is sent.
        """
        letters, refused = self._letters(keys)
        taken = []
        for letter in letters:
            with self._store.locked(_folder(letter.alert.key), wait) as mine:
                missing = self._missing(letter, connections) if mine else []
                if mine and not set(letter.connections) & set(connections) and not self._reached_anybody(letter):
                    refused.append(self._lost(letter))
                for name, why in self._sent(letter, missing, send, at) if missing else ():
                    delivery = f"{letter.alert.subject!r} to {name}"
                    if why:
                        refused.append(f"{delivery} ({why})")
                    else:
                        taken.append(delivery)
        return Delivery(tuple(taken), tuple(refused))

    def _sent(self, letter: _Letter, names: list[str], send: Send, at: datetime) -> Iterator[tuple[str, str]]:
        """Send, and mark each success.

        A disk that keeps no mark would have an alert sent again and again: it is tried before anything is sent.
        """
        now = at.isoformat().encode()
        self._store.replace(f"{_folder(letter.alert.key)}/attempted", now)
        for name, why in send(letter.alert, names):
            if not why:
                self._store.create(_mark(letter, name), now)
            yield name, why

    def _letters(self, keys: Collection[str] | None) -> tuple[list[_Letter], list[str]]:
        """The stored alerts, oldest first, and a complaint about each that cannot be read."""
        letters, complaints = [], []
        stored = [key for key in self._store.names(FOLDER) if self.holds(key)]
        for key in stored if keys is None else [key for key in stored if key in keys]:
            try:
                letters.append(_read(key, self._store.read(f"{_folder(key)}/{ALERT}", LARGEST_LETTER)))
            except Unreadable as error:
                complaints.append(str(error))
            except (OSError, ValueError, KeyError, TypeError, RecursionError, NotStored, CorruptArtefact):
                where = self._store.where(f"{_folder(key)}/{ALERT}")
                complaints.append(f"{where} cannot be read; remove its directory")
        return sorted(letters, key=lambda letter: letter.written), complaints

    def _missing(self, letter: _Letter, connections: Collection[str]) -> list[str]:
        """Which of these connections are owed the alert and have not had it."""
        owed = [name for name in letter.connections if name in connections]
        return [name for name in owed if not self._store.holds(_mark(letter, name))]

    def _reached_anybody(self, letter: _Letter) -> bool:
        return any(self._store.holds(_mark(letter, name)) for name in letter.connections)

    def _lost(self, letter: _Letter) -> str:
        return (
            f"{letter.alert.subject!r} to {', '.join(letter.connections)} (none of them is in [alert] connections any "
            f"more, and none had it: put one back, or remove {self._store.where(_folder(letter.alert.key))})"
        )


def _folder(key: str) -> str:
    return f"{FOLDER}/{key}"


def _mark(letter: _Letter, name: str) -> str:
    return f"{_folder(letter.alert.key)}/{name}{MARK}"


def _read(key: str, stored: bytes) -> _Letter:
    values = json.loads(stored)
    alert = values["alert"]
    content = Alert(str(alert["key"]), str(alert["subject"]), tuple(map(str, alert["lines"])))
    if content.key != key:
        raise ValueError(content.key)
    return _Letter(content, tuple(map(str, values["connections"])), str(values["written"]))
