"""A day in a process of its own, forked from a server that has everything imported, so that a kill costs no start."""

import multiprocessing
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from settings import config
from tqdm import tqdm

from recsys_tasks.core.config import Config
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.core.roots import Root
from recsys_tasks.steps import Signature, Workplace, publish, whole_day
from recsys_tasks.steps.one_store import StoreUsed
from recsys_tasks.steps.results import Reported
from recsys_tasks.steps.workplace import recorded
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.stores import store_at

FAST = config(
    source={"late_window_days": 1},  # retention keeps no fewer dates than the late window may need
    als={"threads": 1},
    gate={"recall_queries": 100},
    retention={"keep_days": 2},
)
EVERYTHING = config(
    **{name: FAST.model_dump()[name] for name in ("source", "als", "gate", "retention")},
    blend={"components": ["als", "recent", "neighbours", "content"], "joined_by": "ranker"},
    recent={"half_life_days": [2, 14], "counts": "discoveries"},
    content={"cold_tracks": True},
    evaluation={"salt": "recsys", "blend_share": 0.3},
    products={"played_again_days": 2, "own_half_life_days": 14, "exploration_share": 0.1},
)
"""Every component, joined by trees, tracks without plays, and own plays by trees."""
REST = timedelta(days=3)
"""The clock of the days is ahead by so much that retention finds something to remove."""
SIGNED = Signature("olga", "a fault", "2026-01-16T00:00:00+00:00", "fault")
CONTEXT = multiprocessing.get_context("forkserver")
LATE_IMPORTS = ("matplotlib.figure", "matplotlib.backends.backend_svg", "jinja2", "pyarrow.dataset")
"""What the steps import only when they need it."""
PATIENCE_S = 600  # the suite runs for hours beside other work, which may leave it a hundredth of a core
tqdm.get_lock()  # a semaphore that the forked processes share: each would leave one of its own behind when it is killed


@dataclass(frozen=True)
class Job:
    """What a process is to do."""

    root: Root
    dsn: str
    day: date
    config: Config = FAST
    candidate: str = ""  # what to publish, where only that is to be done
    snapshots: Path | None = None  # where to keep the store as it is before each step
    largest_file: int | None = None  # bytes; more is refused by the system
    report: bool = False  # whether to draw the report: it takes half of the time, and nothing depends on it


Task = Callable[[Connection, Any], None]


class Worker:
    """A process at work, and the messages that it has sent so far."""

    def __init__(self, task: Task, job: Any) -> None:
        with _importable():
            self._pipe, theirs = CONTEXT.Pipe()
            self.process = CONTEXT.Process(target=_begin, args=(theirs, task, job), daemon=True)
            self.process.start()
        theirs.close()
        self.messages: list[tuple[Any, ...]] = []

    def go(self) -> "Worker":
        """Let it begin."""
        self._pipe.send("go")
        return self

    def hear(self, *wanted: Any) -> bool:
        """Wait until it says something that begins like this; False when it ended before."""
        while self._pipe.poll(PATIENCE_S):
            try:
                self.messages.append(self._pipe.recv())
            except (EOFError, ConnectionResetError):
                self.process.join()
                return False
            if self.messages[-1][: len(wanted)] == wanted:
                return True
        raise TimeoutError(f"Nothing was heard for {PATIENCE_S} s; the last was {self.messages[-1:]}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.process.is_alive() and self.process.pid:
            os.kill(self.process.pid, number)

    def kill(self) -> "Worker":
        """End it by SIGKILL; what it said before is heard."""
        self.process.kill()
        return self.finish()

    def finish(self) -> "Worker":
        """Wait for its end."""
        while self.hear("nothing is called like this"):
            pass
        return self

    @property
    def refusal(self) -> str:
        """Why it did not reach its end, in words; empty when it did."""
        kind, *rest = self.messages[-1] if self.messages else ("died",)
        return "" if kind == "ended" else f"{rest[0]}: {rest[1]}" if kind == "refused" else f"died after {kind} {rest}"

    @property
    def stagings(self) -> int:
        """How often it began to write something."""
        return sum(message[1] for message in self.messages if message[0] == "stagings")

    @property
    def acknowledged(self) -> list[tuple[int, str]]:
        """The publishes that were acknowledged to it: number and candidate."""
        results = [message[2] for message in self.messages if message[:2] == ("done", "publish")]
        return [(each["live"]["release"], each["live"]["candidate"]) for each in results if each["published"]]


def _begin(pipe: Connection, task: Task, job: Any) -> None:
    """Wait for the word, work, and send how it ended."""
    pipe.send(("ready",))
    pipe.recv()
    stagings = []
    sys.addaudithook(lambda event, _: stagings.append(event) if event == "tempfile.mkdtemp" else None)
    try:
        task(pipe, job)
        last: tuple[Any, ...] = ("ended",)
    except (RecsysError, OSError) as error:
        last = ("refused", type(error).__name__, str(error))
    pipe.send(("stagings", len(stagings)))
    pipe.send(last)


def a_day(pipe: Connection, job: Job) -> None:
    """Run all steps of a day; send a message when each begins, and its result as soon as it is there."""
    if job.largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job.largest_file, job.largest_file))

    @contextmanager
    def reported(
        store: PosixStore, run_id: str, step: str, by: str, now: Any, begun_on: StoreUsed
    ) -> Iterator[dict[str, Any]]:
        pipe.send(("step", step, now().timestamp()))
        if job.snapshots:
            shutil.copytree(store.root, job.snapshots / step, copy_function=os.link)
        with recorded(store, run_id, step, by, now, begun_on) as record:
            yield record
            pipe.send(("done", step, record["result"]))

    whole_day.recorded = reported  # type: ignore[assignment]
    if not job.report:
        whole_day.write_report = lambda _, day, judgement: Reported(day, judgement, "")
    at = Workplace(store_at(job.root), job.config, job.dsn)
    whole_day.run_day(at, job.day, SIGNED, lambda: datetime.now(UTC) + REST)


def a_publish(pipe: Connection, job: Job) -> None:
    """The last step of a day that was judged."""
    result = publish(Workplace(PosixStore(job.root), job.config, job.dsn), job.day, job.candidate, SIGNED)
    pipe.send(("done", "publish", result.to_json()))


@contextmanager
def _importable() -> Iterator[None]:
    """Let the server, which starts at the first use, import what we can."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    CONTEXT.set_forkserver_preload(["faults.working", *LATE_IMPORTS])
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
