"""Stored bytes that rot: flipped, cut, zeroed, swapped, replaced by older ones. Seen before they are used, each time.

Each type of artefact is used as the next step, or a reader, uses it, in a process of its own that may die. The reader
has the release before the damaged one open, and must keep it.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from faults.byte_damages import IN_PLACE
from faults.ground import DAY, Ground
from faults.outcome import Outcome
from faults.working import SIGNED, Worker
from recsys_tasks.core.config import Config
from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.partitions.repository import StoredPartition
from recsys_tasks.release.bundle import open_gated
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace, publish
from recsys_tasks.steps.opened_candidate import open_candidate
from recsys_tasks.steps.stored_models import open_model
from recsys_tasks.steps.verdict import recomputed
from recsys_tasks.storage.artefacts import read_manifest
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.stored_mark import mark_of

Use = Callable[["Bench"], Any]


class Bench:
    """A store to damage, and the ways in which it is used."""

    def __init__(self, root: Path, dsn: str, candidate: str, config: Config) -> None:
        self.root, self.store, self.candidate = root, PosixStore(root), candidate
        self.at = Workplace(self.store, config, dsn)
        self.key = self.at.bundles.key(candidate)
        (self.judgement,) = self.at.judgements.of(DAY, candidate)
        log = self.at.releases.log()
        self.newest = len(log.entries)
        self.reader = Reader(self.store, log.entries[-2].release)

    def files(self, kind: "Kind", newer: bool) -> list[Path]:
        """The files of one artefact of a type, of this day or of the day before."""
        entries = self.at.releases.log().entries
        entry = next(e for e in reversed(entries) if e.day < DAY)
        day, candidate, number = (
            (DAY, self.candidate, self.newest) if newer else (entry.day, entry.candidate, self.newest - 1)
        )
        places = sorted(self.root.glob(kind.place.format(day=day, candidate=candidate[:SHORT], number=number)))
        found = next(each for each in places if not kind.recommender or _made_by(kind.recommender, each))
        return sorted(path for path in found.iterdir() if path.is_file()) if found.is_dir() else [found]

    def partition(self) -> None:
        """Folded into the next matrix."""
        digest = self.at.partitions.digest(DAY)
        if digest is None:
            raise NotStored(f"{self.root} has no partition of {DAY}")  # it is extracted again
        self.at.partitions.load(DAY, digest)

    def data_checks(self) -> None:
        """Warned of in the verdict."""
        if self.at.checked.found(DAY, str(self.at.partitions.digest(DAY))) is None:
            raise NotStored(f"{self.root} holds no checks of {DAY}")  # the verdict does without

    def traces(self) -> None:
        """Made into the shape of the day, and compared with."""
        self._held(self.at.shapes.traces(self._partition()), "traces")

    def shape(self) -> None:
        """Compared with tomorrow."""
        self._held(self.at.shapes.find(self._partition()), "shape")

    def mark(self) -> None:
        """Looked at by every step."""
        if mark_of(self.store) is None:
            raise NotStored(f"{self.root} has no mark")

    def matrix(self) -> None:
        """Trained on, and extended tomorrow."""
        self.at.matrices.load(DAY, self.key.matrix)

    def split(self) -> None:
        """Trained by, and judged by."""
        key = self.at.models.key(DAY, self.key.component)
        self.at.splits.load(DAY, str(key.split))

    def catalogue(self) -> None:
        """Named from."""
        self.at.catalogues.load(DAY, str(self.key.catalogue))

    def model(self) -> None:
        """Indexed, and tomorrow's start."""
        open_model(self.at, DAY, self.key.component)

    def beside(self) -> None:
        """Judged with, as whatever a candidate was made from."""
        with ThreadPoolExecutor(1) as beside:
            open_candidate(self.at, self.at.bundles.gated(self.candidate), beside)

    def gated(self) -> None:
        """Judged."""
        open_gated(self.at.bundles.gated(self.candidate))

    def figures(self) -> None:
        """Shown, and judged again."""
        recomputed(self.at.judgements, self.judgement)

    def verdict(self) -> None:
        """Published upon."""
        publish(self.at, DAY, self.candidate, SIGNED)

    def release(self) -> None:
        """Read: the open reader keeps what it has, a new one refuses."""
        before = self.reader.entry.release
        kept, answer = self.reader.refresh(), self.reader.recommend(5)
        if kept is None or f"release {before} is kept" not in kept or answer.release != before:
            raise AssertionError(f"the reader went from release {before} to {answer.release}: {kept}")
        Reader(self.store)

    def log(self) -> None:
        """Read and written to: as a release, and nothing is published."""
        try:
            self.release()
        except CorruptArtefact:
            publish(self.at, DAY, self.candidate, SIGNED)

    def _partition(self) -> StoredPartition:
        found = self.at.partitions.newest(DAY)
        if found is None:
            raise NotStored(f"{self.root} has no partition of {DAY}")
        return found

    def _held(self, found: object, what: str) -> None:
        """A damaged one counts as none: it costs the history one day, and stops nothing."""
        if found is None:
            raise NotStored(f"{self.root} holds no {what} of {DAY}")


@dataclass(frozen=True)
class Kind:
    """A type of artefact: where one lies, the newer of ``new`` and ``old``, and how it is used."""

    place: str  # glob below the root
    use: Use
    before: str = ""  # the step before which the store is taken; empty: after the day
    recommender: str = ""  # whose model it is


KINDS = {
    "partition": Kind("partitions/{day}", Bench.partition),
    "data checks": Kind("data_checks/{day}/found-*", Bench.data_checks),
    "traces": Kind("data_checks/{day}/traces-*", Bench.traces),
    "shape": Kind("data_checks/{day}/shape-*", Bench.shape),
    "mark": Kind("store.json", Bench.mark),
    "catalogue": Kind("catalogues/{day}-*", Bench.catalogue),
    "matrix": Kind("matrices/{day}-*", Bench.matrix),
    "split": Kind("splits/{day}-*", Bench.split),
    "model": Kind("models/{day}-*", Bench.model, recommender="als"),
    "gated part": Kind("bundles/{candidate}/gated", Bench.gated),
    "gated part of a release": Kind("bundles/{candidate}/gated", Bench.release),
    "names": Kind("bundles/{candidate}/names", Bench.release),
    "users": Kind("bundles/{candidate}/users-*", Bench.release),
    "figures": Kind("evaluations/{day}/*/figures", Bench.figures),
    "verdict": Kind("evaluations/{day}/*/verdict", Bench.verdict, before="publish"),
    "newest log entry": Kind("releases/log/{number}.json", Bench.log),
}
BESIDE = ("recent", "neighbours", "content", "cold", "blend")
"""Recommenders whose models stand beside that of ALS where everything is on; the blend's holds weights and trees."""
KINDS |= {each: Kind("models/{day}-*", Bench.beside, recommender=each) for each in BESIDE}
Contents = dict[Path, bytes | None]  # what becomes of files; None: they vanish


def damaged(random: Random, mine: list[Path], older: list[Path], is_log: bool) -> tuple[str, Contents]:
    """One way in which an artefact may rot; ``older`` are the same files of an artefact of the day before."""
    one = random.randrange(len(mine))
    content = mine[one].read_bytes()
    ways: dict[str, Contents] = {name: {mine[one]: way(random, content)} for name, way in IN_PLACE.items()}
    ways["an older file"] = {mine[one]: older[one].read_bytes()}
    ways["older files"] = dict(zip(mine, (path.read_bytes() for path in older), strict=True))
    if not is_log:  # a newest entry without its name cannot be told from one that was never written
        other = random.choice(mine)
        ways |= {"gone": {mine[one]: None}, "swapped": {mine[one]: other.read_bytes(), other: content}}
    return next((name, ways[name]) for name in random.sample(sorted(ways), len(ways)) if _differs(ways[name]))


def _made_by(recommender: str, place: Path) -> bool:
    """Whether its model lies there."""
    return bool(read_manifest(place).key["recommender"] == recommender)


def _differs(way: Contents) -> bool:
    return any(content is None or content != path.read_bytes() for path, content in way.items())


@dataclass(frozen=True)
class Rotting:
    """A store to damage in so many ways, one after the other."""

    root: Path
    dsn: str
    candidate: str
    kind: str
    seeds: tuple[int, ...]
    config: Config


def rotting(pipe: Connection, job: Rotting) -> None:
    """Damage, use and restore files; send each time what came of it."""
    kind, bench = KINDS[job.kind], Bench(job.root, job.dsn, job.candidate, job.config)
    mine, older = (bench.files(kind, newer) for newer in (True, False))
    for seed in job.seeds:
        way, contents = damaged(Random(seed), mine, older, kind.place.endswith(".json"))
        sound = {path: path.read_bytes() for path in contents}
        _set(contents)
        pipe.send(("damaged", seed, way, [path.name for path in contents]))
        try:
            kind.use(bench)
            pipe.send(("came", "I1: it was used"))
        except (CorruptArtefact, NotStored) as error:
            pipe.send(("came", "" if str(job.root) in str(error) else f"it names no file: {error}"))
        except Exception as error:  # whatever else it is, it is no answer
            pipe.send(("came", f"{type(error).__name__}: {error}"))
        _set(sound)


def _set(contents: Contents) -> None:
    """Give files other bytes, and another inode: nobody's mapping changes under them."""
    for path, content in contents.items():
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)


def rot(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """So many damages of each type of artefact."""
    alone = len(ground.config.blend.components) == 1
    for name, kind in KINDS.items():
        if alone and name in BESIDE:
            continue
        root = ground.copy(ground.before[kind.before] if kind.before else ground.done)
        seeds = [random.randrange(1 << 32) for _ in range(count)]
        while seeds:
            job = Rotting(root, ground.dsn, ground.candidate, name, tuple(seeds), ground.config)
            worker = Worker(rotting, job).go().finish()
            came = [message[1] for message in worker.messages if message[0] == "came"]
            cases = [f"{name}: {message[1:]}" for message in worker.messages if message[0] == "damaged"]
            for case, said in zip(cases, came, strict=False):
                outcome.add(case, [said] * bool(said))
            if worker.refusal:
                outcome.add(cases[-1] if cases else name, [worker.refusal])
                root = ground.copy(ground.done)
            seeds = seeds[len(came) + 1 :] if worker.refusal else []
        shutil.rmtree(root)
