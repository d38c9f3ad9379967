"""Readers that switch while others ask and retention removes: no error, no answer from two releases."""

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import monotonic

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from faults.ground import Ground
from faults.outcome import Outcome
from faults.working import REST
from recsys_tasks.core.digests import digest_of
from recsys_tasks.release.bundles import GATED, NAMES, USERS, Bundles
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import Releases
from recsys_tasks.serving.opened import Answered
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace, retain
from recsys_tasks.storage.artefacts import Artefact, Content, LocalFile
from recsys_tasks.storage.posix import PosixStore

THREADS = 4
APART = 1_000_000  # ids of tracks are so far apart from one release to the next
LISTENERS = range(0, 1_500, 31)  # those who ask
NOBODY = -1


@dataclass(frozen=True)
class Marks:
    """What answers have to hold, whichever marked release they come from."""

    rows: dict[int, int]  # where each listener stands in the first marked release
    lists: list[list[int]]  # ids of the tracks, without their mark, that whoever stands there is answered with

    @classmethod
    def of(cls, first: Reader, answer: Callable[[int], Answered]) -> "Marks":
        """What a reader answers from the first marked release. answer: how it is asked."""
        ids = first.bundle.users.ids.to_pylist()
        lists = [[track.track_id % APART for track in answer(each).tracks] for each in ids]
        return cls({each: row for row, each in enumerate(ids)}, lists)

    def wrong(self, tracks: Iterable[tuple[int, str]], user: int, known: bool) -> str:
        """What shows that an answer comes from more than one release. tracks: ids and titles."""
        found = [(track // APART, int(title.split()[1]), track % APART) for track, title in tracks]
        marks = {mark for *both, _ in found for mark in both}
        if len(marks) != 1 or len(found) != 10:
            return f"I3: an answer of {len(found)} tracks and the releases {marks}"
        n, listed = marks.pop(), [track for *_, track in found]
        if known and listed != self.lists[(self.rows[user] + n - 1) % len(self.lists)]:
            return f"I3: tracks of release {n}, and listeners of another"
        return ""


def readers(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Publish releases whose every answer shows where it comes from; switch to each under load."""
    store = PosixStore(ground.copy(ground.done))
    releases = Releases(store)
    live = releases.log().require_live()
    parts = Bundles(PosixStore(ground.done)).verify(live)  # retention soon removes it from the other store
    releases.append(marked(store, live, parts, 1))
    reader, wrong = Reader(store), list[str]()
    marks = Marks.of(reader, reader.recommend)
    swaps: list[float] = []
    with _asking(reader, marks, wrong, outcome), _removing(_keeping_few(ground.at(store.root)), wrong):
        for n in range(2, count + 2):
            releases.append(marked(store, live, parts, n))
            began, seen = monotonic(), len(wrong)
            kept = reader.refresh()
            swaps.append(monotonic() - began)
            broken = [kept] * bool(kept) + ["I3: it did not switch"] * (reader.entry.candidate != name_of(n))
            outcome.add(f"switch {n}", broken + wrong[seen:])
    outcome.figures["switch p99 ms"] = 1000 * sorted(swaps)[int(len(swaps) * 0.99)]
    outcome.failures += [f"in between: {said}" for said in wrong if said not in "".join(outcome.failures)]
    shutil.rmtree(store.root)


def marked(store: PosixStore, live: Entry, parts: dict[str, Artefact], n: int) -> Entry:
    """Another release of the same bundle, whose ids, names, listeners and date say that it is the n-th: each listener
    stands n rows further down, and is answered for as whoever stood there."""
    gated, names, users = (parts[part] for part in (GATED, NAMES, USERS))
    bundles, name, day = Bundles(store), name_of(n), live.day + timedelta(days=n)
    tracks, listeners, key = gated.table("tracks"), users.table("users"), gated.key | {"day": day.isoformat()}
    title = pa.array([f"release {n}"] * tracks.num_rows)
    ids = listeners.column("id").take(pa.array(np.roll(np.arange(listeners.num_rows), n)))
    order = np.asarray(pc.sort_indices(ids)).astype(np.int64)
    with store.workspace() as folder:
        gated_files = contents(gated, Path(folder))
        gated_files["tracks"] = tracks.set_column(0, "id", pc.add(tracks.column("id"), n * APART))
        bundles.save(name, GATED, name, key, gated_files, gated.figures)
        users_files = contents(users, Path(folder)) | {"users": listeners.set_column(0, "id", ids), "order": order}
        bundles.save(name, users.path.name, users.digest, users.key, users_files)
    bundles.save(name, NAMES, name, key, {"names": names.table("names").set_column(0, "title", title)})
    vouched = {part: bundles.vouched(name, part) for part in (GATED, NAMES, users.path.name)}
    number = len(Releases(store).log().entries) + 1
    return replace(live, number=number, release=number, candidate=name, parts=vouched, day=day)


def contents(artefact: Artefact, folder: Path) -> dict[str, Content]:
    """All files of an artefact, to be stored again."""
    found: dict[str, Content] = {}
    for name in artefact.manifest.files:
        file = Path(name)
        if file.suffix == ".npy":
            found[file.stem] = artefact.array(file.stem)
        elif file.suffix == ".parquet":
            found[file.stem] = artefact.table(file.stem)
        else:
            found[name] = LocalFile(shutil.copyfile(artefact.file(name), folder / name))
    return found


def name_of(n: int) -> str:
    """Digest of the n-th candidate."""
    return digest_of("marked", n)


def _keeping_few(at: Workplace) -> Workplace:
    """Where retention keeps two releases."""
    few = at.config.retention.model_copy(update={"keep_releases": 2})
    return replace(at, config=at.config.model_copy(update={"retention": few}))


@contextmanager
def _asking(reader: Reader, marks: Marks, wrong: list[str], outcome: Outcome) -> Iterator[None]:
    """Threads that ask for known and unknown listeners, without a pause."""
    stop, asked = threading.Event(), [0] * THREADS

    def ask(thread: int) -> None:
        random = Random(thread)
        while not stop.is_set():
            user = random.choice([*LISTENERS, NOBODY])
            try:
                answer = reader.recommend(user)
                tracks = [(track.track_id, str(track.title)) for track in answer.tracks]
                if said := marks.wrong(tracks, user, answer.known):
                    wrong.append(said)
            except Exception as error:  # whatever it is, somebody got no answer
                wrong.append(f"I3: {type(error).__name__}: {error}")
            asked[thread] += 1

    with _running(stop, [threading.Thread(target=ask, args=(n,)) for n in range(THREADS)]):
        yield
    outcome.tally("answers", sum(asked))


@contextmanager
def _removing(at: Workplace, wrong: list[str]) -> Iterator[None]:
    """Retention, without a pause."""
    stop = threading.Event()

    def remove() -> None:
        while not stop.wait(0.05):
            try:
                retain(at, datetime.now(UTC) + REST)
            except Exception as error:
                wrong.append(f"retention: {type(error).__name__}: {error}")

    with _running(stop, [threading.Thread(target=remove)]):
        yield


@contextmanager
def _running(stop: threading.Event, threads: list[threading.Thread]) -> Iterator[None]:
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
