"""The HTTP service as a process: it switches under load, is killed while it does, and meets damaged releases.

No answer comes from two releases, none is refused while the process runs, and whoever starts it again finds the newest
sound release answered from.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
from processes import wait_for
from settings import damage

from faults.ground import Ground
from faults.outcome import Outcome
from faults.readers import LISTENERS, NOBODY, Marks, marked, name_of
from recsys_tasks.release.bundles import Bundles, bundle_name
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import Releases
from recsys_tasks.serving.reader import Reader
from recsys_tasks.storage.posix import PosixStore

THREADS = 2
READY = 120.0
"""Seconds in which the service is ready, or has switched."""
LONGEST_SWITCH = 1.0
"""Seconds after a release went live up to which the process is killed: it looks, verifies and opens in less."""
KINDS = ("switch", "damage", "kill")


def service(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Publish releases whose every answer shows where it comes from: each is switched to, damaged, or met by a kill."""
    store = PosixStore(ground.copy(ground.done))
    releases = Releases(store)
    live = releases.log().require_live()
    parts = Bundles(PosixStore(ground.done)).verify(live)
    releases.append(marked(store, live, parts, 1))
    reader = Reader(store)
    marks = Marks.of(reader, lambda user: reader.discover(user, 10))
    newest = 1
    with _Process(store, ground.folder) as process, _asking(process, marks, outcome) as wrong:
        for n in range(2, count + 2):
            kind, seen = KINDS[n % len(KINDS)], len(wrong)
            entry = marked(store, live, parts, n)
            if kind == "damage":
                _damage(store, entry)
                releases.append(entry)
                broken = process.waits_for(newest, kept=True)
                newest = n + count  # the way on: another release, a sound one
                releases.append(marked(store, live, parts, newest))
            else:
                releases.append(entry)
                newest = n
                if kind == "kill":
                    time.sleep(random.uniform(0, LONGEST_SWITCH))
                    process.kill_and_start()
                broken = []
            broken += process.waits_for(newest)
            outcome.tally(kind)
            outcome.add(f"{kind} {n}", broken + wrong[seen:])
    outcome.failures += [f"in between: {said}" for said in wrong if said not in "".join(outcome.failures)]
    shutil.rmtree(store.root)


def _damage(store: PosixStore, entry: Entry) -> None:
    damage(store.root / bundle_name(entry.candidate) / "gated" / "index.ann")


class _Process:
    """``recsys serve`` over a store."""

    def __init__(self, store: PosixStore, folder: Path) -> None:
        self._store, self._log = store, folder / "service.log"
        self._config = folder / "service.toml"
        self._config.write_text("[serve]\nport = 0\nrefresh_s = 0.05\n")
        self.down, self.answers, self.url = threading.Event(), 0, ""
        self._running: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "_Process":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.down.set()
        self._kill()

    def kill_and_start(self) -> None:
        """kill -9, and a new process."""
        self.down.set()
        self._kill()
        self._start()
        self.down.clear()

    def waits_for(self, n: int, kept: bool = False) -> list[str]:
        """What is wrong when it does not answer from the n-th release in time."""
        wanted = name_of(n)[:16]
        number = next(entry.release for entry in Releases(self._store).log().releases if entry.candidate[:16] == wanted)
        state: dict[str, Any] = {}

        def is_there() -> bool:
            state.update(httpx.get(f"{self.url}/readyz").json())
            return bool((state.get("release"), state.get("kept")) == (number, kept))

        return [] if wait_for(is_there, READY) else [f"I3: {state} instead of release {number}, kept: {kept}"]

    def _start(self) -> None:
        words = [sys.executable, "-m", "recsys_tasks", "serve"]
        environment = {**os.environ, "RECSYS_ROOT": str(self._store.root), "RECSYS_CONFIG": str(self._config)}
        with self._log.open("wb") as log:
            self._running = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=log)
        assert wait_for(lambda: b"listening" in self._log.read_bytes(), READY), self._log.read_bytes()
        self.url = json.loads(self._log.read_bytes().splitlines()[0])["text"]
        assert wait_for(lambda: httpx.get(f"{self.url}/readyz").status_code == 200, READY)

    def _kill(self) -> None:
        assert self._running is not None
        self._running.kill()
        self._running.wait()


def _mixed(answer: dict[str, Any], user: int, marks: Marks) -> str:
    """Whether an answer comes from more than one release."""
    tracks = [(int(track["track_id"]), str(track["title"])) for track in answer["tracks"]]
    return marks.wrong(tracks, user, answer["basis"] == "listener")


@contextmanager
def _asking(process: _Process, marks: Marks, outcome: Outcome) -> Iterator[list[str]]:
    """Threads that ask without a pause; what was wrong. While the process is down, nobody is owed an answer."""
    stop, wrong = threading.Event(), list[str]()

    def ask(thread: int) -> None:
        random = Random(thread)
        while not stop.is_set():
            user, was_down, url = random.choice([*LISTENERS, NOBODY]), process.down.is_set(), process.url
            try:
                said = httpx.get(f"{url}/v1/listeners/{user}/discover?k=10")
                if said.status_code != 200 and not was_down:  # it listens before it is ready
                    wrong.append(f"I3: {said.status_code} {said.text}")
                elif said.status_code != 200:
                    stop.wait(0.1)
                elif mixed := _mixed(said.json(), user, marks):
                    wrong.append(mixed)
                process.answers += 1
            except httpx.TransportError as error:
                if not was_down and not process.down.is_set() and url == process.url:
                    wrong.append(f"I3: {type(error).__name__}: {error}")
                stop.wait(0.1)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(THREADS)]
    for each in threads:
        each.start()
    try:
        yield wrong
    finally:
        stop.set()
        for each in threads:
            each.join()
    outcome.tally("answers", process.answers)
