"""Readers that switch while others ask and retention removes: no error, no answer from two releases."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic

import pyarrow as pa
import pyarrow.compute as pc

from faults.ground import Ground
from faults.outcome import Outcome
from faults.working import FAST, REST
from recsys_tasks.core.config import Config
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
STEP = 1e-3  # scores grow by this share from one release to the next
LISTENERS = range(0, 1_500, 31)


def readers(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Publish releases whose every answer shows where it comes from; switch to each under load."""
    store = PosixStore(ground.copy(ground.done))
    releases = Releases(store)
    live = releases.log().require_live()
    parts = Bundles(PosixStore(ground.done)).verify(live)  # retention soon removes it from the other store
    scores = {user: _best(Reader(store).recommend(user)) for user in LISTENERS}
    releases.append(marked(store, live, parts, 1))
    reader, wrong = Reader(store), list[str]()
    swaps: list[float] = []
    with _asking(reader, scores, wrong, outcome), _removing(Workplace(store, _few(), ground.dsn), wrong):
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
    """Another release of the same bundle, whose ids, names, scores and date say that it is the n-th."""
    gated, names, users = (parts[part] for part in (GATED, NAMES, USERS))
    bundles, name, day = Bundles(store), name_of(n), live.day + timedelta(days=n)
    tracks, key = gated.table("tracks"), gated.key | {"day": day.isoformat()}
    title = pa.array([f"release {n}"] * tracks.num_rows)
    users_files: dict[str, Content] = {each: users.array(each) for each in ("indptr", "cols", "order")}
    users_files |= {"user_vectors": users.array("user_vectors") * (1 + n * STEP), "users": users.table("users")}
    with store.workspace() as folder:
        index = LocalFile(shutil.copyfile(gated.file("index.ann"), f"{folder}/index.ann"))
        gated_files: dict[str, Content] = {"index.ann": index}
        gated_files |= {each: gated.array(each) for each in ("rank_cols", "ranked_factors", "ranked_norms")}
        gated_files["tracks"] = tracks.set_column(0, "id", pc.add(tracks.column("id"), n * APART))
        bundles.save(name, GATED, name, key, gated_files, gated.figures)
    bundles.save(name, NAMES, name, key, {"names": names.table("names").set_column(0, "title", title)})
    bundles.save(name, users.path.name, users.digest, users.key, users_files)
    vouched = {part: bundles.vouched(name, part) for part in (GATED, NAMES, users.path.name)}
    number = len(Releases(store).log().entries) + 1
    return replace(live, number=number, release=number, candidate=name, parts=vouched, day=day)


def name_of(n: int) -> str:
    """Digest of the n-th candidate."""
    return digest_of("marked", n)


def _few() -> Config:
    return FAST.model_copy(update={"retention": FAST.retention.model_copy(update={"keep_releases": 2})})


def _best(answer: Answered) -> float:
    return answer.tracks[0].score


def _mixed(answer: Answered, score: float) -> str:
    """Whether an answer comes from more than one release."""
    marks = {track.track_id // APART for track in answer.tracks} | {int(str(t.title).split()[1]) for t in answer.tracks}
    if answer.known:
        marks.add(round((_best(answer) / score - 1) / STEP))
    return "" if len(marks) == 1 and len(answer.tracks) == 10 else f"I3: an answer of release {answer.release}: {marks}"


@contextmanager
def _asking(reader: Reader, scores: dict[int, float], wrong: list[str], outcome: Outcome) -> Iterator[None]:
    """Threads that ask for known and unknown listeners, without a pause."""
    stop, asked = threading.Event(), [0] * THREADS

    def ask(thread: int) -> None:
        random = Random(thread)
        while not stop.is_set():
            user = random.choice([*scores, -1])
            try:
                answer = reader.recommend(user)
                if said := _mixed(answer, scores.get(user, 1.0)):
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
