"""The outbox: an alert is stored before it is sent, and stays owed to a channel until that has it.

    alerts/<key>/alert.json               the alert, and the connections it is owed to; the first one stored wins
    alerts/<key>/<connection>.delivered   that this connection has it, and since when
    alerts/<key>/attempted                when it was last tried

A connection that is configured later is owed nothing of what was stored before. Whoever delivers holds a lock on the
alert's directory, so that a callback and a task never both send it: only who is killed between sending and marking has
it sent twice, with the same key.
"""

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from recsys_tasks.alerting.alerts import Alert
from recsys_tasks.storage.files import link_new, replace_file

ALERT, MARK = "alert.json", ".delivered"
Send = Callable[[Alert, Sequence[str]], Iterable[tuple[str, str]]]
"""Sends an alert through connections; of each, as soon as it is known: its name, and why not; empty: it was taken."""


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
    """The alerts under the root of a store."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, alert: Alert, connections: Iterable[str], at: datetime) -> bool:
        """Store an alert that is owed to these connections; False when its key was stored before, or nobody is owed it.

        Raises:
            StorageError: the file system refused.
        """
        letter = {"alert": asdict(alert), "connections": list(dict.fromkeys(connections)), "written": at.isoformat()}
        content = json.dumps(letter, ensure_ascii=False, indent=1).encode()
        return bool(letter["connections"]) and link_new(self._root, self._folder(alert.key) / ALERT, content)

    def holds(self, key: str) -> bool:
        """Whether an alert of this key was ever stored."""
        return (self._folder(key) / ALERT).exists()

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
            connections: those configured now; what is owed to others rests.
            send: sends one alert through several connections.
            at: the instant that the marks show.
            keys: only these alerts; None: all.
            wait: for whoever is just delivering the same alert; else that alert is left to them.

        Raises:
            StorageError: the file system takes no note of a delivery, so nothing is sent.
        """
        letters, refused = self._letters(keys)
        taken = []
        for letter in letters:
            with self._held(letter.alert.key, wait) as mine:
                owed = [name for name in letter.connections if name in connections] if mine else []
                missing = [name for name in owed if not self._mark(letter, name).exists()]
                if mine and not owed and not self._reached_anybody(letter):
                    refused.append(self._lost(letter))
                for name, why in self._sent(letter, missing, send, at) if missing else ():
                    said = f"{letter.alert.subject!r} to {name}"
                    if why:
                        refused.append(f"{said} ({why})")
                    else:
                        taken.append(said)
        return Delivery(tuple(taken), tuple(refused))

    def _sent(self, letter: _Letter, names: list[str], send: Send, at: datetime) -> Iterator[tuple[str, str]]:
        """Send, and mark each success. A disk that takes no note would have an alert sent again and again: it is asked
        before anything is sent.
        """
        folder, now = self._folder(letter.alert.key), at.isoformat().encode()
        replace_file(self._root, folder / "attempted", now)
        for name, why in send(letter.alert, names):
            if not why:
                link_new(self._root, self._mark(letter, name), now)
            yield name, why

    def _letters(self, keys: Collection[str] | None) -> tuple[list[_Letter], list[str]]:
        """The stored alerts, oldest first, and a complaint about each that cannot be read."""
        letters, complaints = [], []
        for path in sorted((self._root / "alerts").glob(f"*/{ALERT}")):
            if keys is not None and path.parent.name not in keys:
                continue
            try:
                letters.append(_read(path))
            except (OSError, ValueError, KeyError, TypeError):
                complaints.append(f"{path} cannot be read; remove its directory")
        return sorted(letters, key=lambda letter: letter.written), complaints

    def _reached_anybody(self, letter: _Letter) -> bool:
        return any(self._mark(letter, name).exists() for name in letter.connections)

    def _lost(self, letter: _Letter) -> str:
        return (
            f"{letter.alert.subject!r} to {', '.join(letter.connections)} (none of them is in [alert] connections any "
            f"more, and none had it: put one back, or remove {self._folder(letter.alert.key)})"
        )

    @contextmanager
    def _held(self, key: str, wait: bool) -> Iterator[bool]:
        """Hold the alert's lock; False when somebody else does and we shall not wait."""
        descriptor = os.open(self._folder(key), os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield _locked(descriptor, wait)
        finally:
            os.close(descriptor)

    def _folder(self, key: str) -> Path:
        return self._root / "alerts" / key

    def _mark(self, letter: _Letter, name: str) -> Path:
        return self._folder(letter.alert.key) / f"{name}{MARK}"


def _locked(descriptor: int, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> _Letter:
    values = json.loads(path.read_bytes())
    alert = values["alert"]
    content = Alert(str(alert["key"]), str(alert["subject"]), tuple(map(str, alert["lines"])))
    if content.key != path.parent.name:
        raise ValueError(content.key)
    return _Letter(content, tuple(map(str, values["connections"])), str(values["written"]))
