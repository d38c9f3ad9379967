"""Power loss: every state that the disk may hold then is looked at, and each fsync is left out in turn.

First for each way in which ``files.py`` writes, by itself and after a writer that was killed at any operation; then for
a whole day and the store that it leaves.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from faults.disk import Files, Trace
from faults.ground import Ground
from faults.invariants import violations
from faults.outcome import Outcome
from faults.recording import Known, Op, Recorder
from faults.working import Worker, a_day, a_publish
from recsys_tasks.storage.files import link_new, make_durable, new_directory, remove_tree, replace_file, write_file
from recsys_tasks.storage.posix import PosixStore

OLD, NEW = b"what was there before " * 9, b"what is written now " * 11
DIRECTORY: Files = {"": None, "/a": NEW, "/sub": None, "/sub/b": OLD}


def _make(root: Path) -> bool:
    with new_directory(root, root / "kinds" / "one") as directory:
        (directory.path / "sub").mkdir()
        for name in ("a", "sub/b"):
            write_file(directory.path / name, lambda output, name=name: output.write(DIRECTORY[f"/{name}"]))
    return True


def _link(root: Path) -> bool:
    if not link_new(root, root / "log" / "1.json", NEW):
        make_durable(root, root / "log" / "1.json")  # as whoever relies on a name that it did not make
    return True


def _replace(root: Path) -> bool:
    replace_file(root, root / "day" / "manifest", NEW)
    return True


def _remove(root: Path) -> bool:
    there = (root / "kinds" / "one").exists()
    if there:
        remove_tree(root, root / "kinds" / "one")
    return there


@dataclass(frozen=True)
class Way:
    """One way of writing: what is there before, what is done, and what may be found, the last of it once promised."""

    path: str
    before: Files
    work: Callable[[Path], bool]  # whether something was promised
    may_be: tuple[Files, ...]


WAYS = {
    "make": Way("kinds/one", {}, _make, ({}, DIRECTORY)),
    "link": Way("log/1.json", {}, _link, ({}, {"": NEW})),
    "create": Way("day/manifest", {}, _replace, ({}, {"": NEW})),
    "replace": Way("day/manifest", {"": OLD}, _replace, ({"": OLD}, {"": NEW})),
    "remove": Way("kinds/one", DIRECTORY, _remove, (DIRECTORY, {})),
}


@dataclass(frozen=True)
class Recorded:
    """A job to be recorded."""

    anchor: Path
    work: Any  # name of a way of writing, or a task with its job
    known: Known = field(default_factory=dict)
    die_before: int = 0


def recorded(pipe: Connection, job: Recorded) -> None:
    """Do the work in the store below the anchor, and report every operation and promise."""
    recorder = Recorder(job.anchor, lambda op: pipe.send(("op", op)), job.known, job.die_before)
    pipe.send(("start",))
    if isinstance(job.work, tuple):
        task, its_job = job.work
        task(_Promising(pipe, recorder), its_job)
    elif WAYS[job.work].work(job.anchor / "store"):
        recorder.promise(True)


class _Promising:
    """A pipe that takes an acknowledged publish for a promise."""

    def __init__(self, pipe: Connection, recorder: Recorder) -> None:
        self._pipe, self._recorder = pipe, recorder

    def send(self, message: tuple[Any, ...]) -> None:
        """Hand it on."""
        if message[:2] == ("done", "publish") and message[2]["published"]:
            self._recorder.promise((message[2]["live"]["release"], message[2]["live"]["candidate"]))
        self._pipe.send(message)


def ops_of(anchor: Path, work: Any, die_before: int = 0, earlier: Trace | None = None) -> tuple[list[Op], list[Op]]:
    """The operations that were there before, and those of the work."""
    known = earlier.live() if earlier else {}
    worker = Worker(recorded, Recorded(anchor, work, known, die_before)).go().finish()
    if worker.refusal and not die_before:
        raise RuntimeError(f"An undisturbed writer failed: {worker.refusal}")
    place = worker.messages.index(("start",))
    before, after = [
        [message[1] for message in part if message[0] == "op"]
        for part in (worker.messages[:place], worker.messages[place:])
    ]
    return (before, after) if earlier is None else ([], before + after)


def power_loss(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Each way of writing, alone and after a killed writer: the old or the new, whole; and the new once promised."""
    for name in WAYS:
        for start, ops in _histories(ground.folder, name, count, random):
            trace = Trace(start, ops)
            for n in range(len(ops) + 1):
                for files in trace.after(n, random):
                    outcome.add(f"{name} after {n} of {len(ops)} operations", _broken(WAYS[name], ops[:n], files))


def lost_syncs(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Leave out each fsync that settles anything: some state must then break a promise."""
    for name, way in WAYS.items():
        start, ops = _history(ground.folder, name, 0)
        whole = Trace(start, ops)
        for place in (n for n, op in enumerate(ops) if op.kind == "sync" and whole.flushes(n)):
            trace = Trace(start, ops, without=place)
            states = ((n, files) for n in range(len(ops) + 1) for files in trace.after(n, random))
            caught = any(_broken(way, ops[:n], files) for n, files in states)
            outcome.add(f"{name}: fsync {place} of {len(ops)} operations", [] if caught else ["nobody missed it"])


def power_loss_in_a_day(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """A whole day: whenever the power fails, the store that is found breaks no promise."""
    anchor = ground.folder / "anchor"
    shutil.copytree(ground.base, anchor / "store")
    start, ops = ops_of(anchor, (a_day, ground.job(anchor / "store")))
    shutil.rmtree(anchor)
    states = list(_distinct(start, ops, 0, random))
    for n, files in random.sample(states, min(count, len(states))):
        outcome.add(f"after {n} of {len(ops)} operations", _broken_store(ground.folder / "disk", files, ops[:n]))


def power_loss_after_kill(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """A publish that was killed before its k-th operation and done again: what it then promised survives."""
    for die_before in range(1, count + 1):
        anchor = ground.folder / "anchor"
        shutil.copytree(ground.before["publish"], anchor / "store")
        work = (a_publish, ground.job(anchor / "store", candidate=ground.candidate))
        start, ops = ops_of(anchor, work, die_before)
        if any(op.kind == "done" for op in ops):
            shutil.rmtree(anchor)
            return
        ops += ops_of(anchor, work, earlier=Trace(start, ops))[1]
        shutil.rmtree(anchor)
        promised = next(n for n, op in enumerate(ops) if op.kind == "done")
        for n, files in _distinct(start, ops, promised + 1, random):
            broken = _broken_store(ground.folder / "disk", files, ops[:n])
            outcome.add(f"killed before {die_before}, power lost after {n} of {len(ops)} operations", broken)


def _distinct(start: list[Op], ops: list[Op], first: int, random: Random) -> Iterator[tuple[int, Files]]:
    """The different states after so many operations and more."""
    trace, seen = Trace(start, ops), set()
    for n in range(first, len(ops) + 1):
        promises = sum(op.kind == "done" for op in ops[:n])
        for files in trace.after(n, random):
            key = (promises, frozenset(files.items()))
            if key not in seen:
                seen.add(key)
                yield n, files


def _broken_store(disk: Path, files: Files, ops: list[Op]) -> list[str]:
    """What a state of the disk breaks of the promises given before."""
    for path, content in sorted(files.items()):
        if content is None:
            (disk / path).mkdir(parents=True, exist_ok=True)
        else:
            (disk / path).parent.mkdir(parents=True, exist_ok=True)
            (disk / path).write_bytes(content)
    (disk / "store").mkdir(parents=True, exist_ok=True)
    broken = violations(PosixStore(disk / "store"), [op.promise for op in ops if op.kind == "done"])
    shutil.rmtree(disk)
    return broken


def _histories(folder: Path, name: str, count: int, random: Random) -> Iterator[tuple[list[Op], list[Op]]]:
    """What one writer does; then what a writer does after one that was killed before an operation, for so many."""
    start, ops = _history(folder, name, 0)
    yield start, ops
    points = range(1, len(ops) + 1)
    for die_before in sorted(random.sample(points, min(count, len(points)))):
        yield _history(folder, name, die_before)


def _history(folder: Path, name: str, die_before: int) -> tuple[list[Op], list[Op]]:
    way, anchor = WAYS[name], folder / "anchor"
    anchor.mkdir()
    for path, content in way.before.items():
        file = Path(f"{anchor / 'store' / way.path}{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.mkdir() if content is None else file.write_bytes(content)
    start, ops = ops_of(anchor, name, die_before)
    if not any(op.kind == "done" for op in ops):
        ops += ops_of(anchor, name, earlier=Trace(start, ops))[1]
    shutil.rmtree(anchor)
    return start, ops


def _broken(way: Way, ops: list[Op], files: Files) -> list[str]:
    """What a state breaks of the promise of a way of writing."""
    path = f"store/{way.path}"
    found = {name.removeprefix(path): content for name, content in files.items() if f"{name}/".startswith(f"{path}/")}
    if any(op.kind == "done" for op in ops):
        return [] if found == way.may_be[-1] else ["I2: what was promised is not there"]
    return [] if found in way.may_be else ["I1: it is neither as before nor as it should be"]
