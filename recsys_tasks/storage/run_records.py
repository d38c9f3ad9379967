"""The records of the runs: clocks, seconds, memory, who started it. Nothing but pages and reports depends on them.

runs/<run_id>/<step>.json     <step>.2.json of a second try, and so on
"""

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from itertools import count
from typing import Any

from recsys_tasks.core.errors import RecsysError
from recsys_tasks.core.records import Json
from recsys_tasks.storage.store import ArtefactStore

FOLDER = "runs"
LARGEST_RECORD = 1 << 24
"""Bytes: a larger object is no record of ours, and is not read into memory."""


class RunRecords:
    """The records of runs in a store. A record is whatever its step wrote: JSON, read with care."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def save(self, run_id: str, step: str, record: Mapping[str, Any]) -> None:
        """Keep what a step took and who started it; beside an earlier record that has a result, never over it."""
        name, tries = step, count(2)
        while "result" in self._read(f"{run_name(run_id)}/{name}.json"):
            name = f"{step}.{next(tries)}"
        content = json.dumps({**record, "run_id": run_id}, indent=1, sort_keys=True).encode()
        self._store.replace(f"{run_name(run_id)}/{name}.json", content, LARGEST_RECORD)

    def last(self, run_id: str, step: str) -> Json | None:
        """What is kept of a step of a run, of its last try that has a result; None when there is nothing."""
        tries = self._of_run(run_id, f"{step}.*json")
        return max(tries, key=lambda record: ("result" in record, str(record.get("began"))), default=None)

    def of_step(self, step: str) -> list[Json]:
        """What is kept of a step, of every run, those that began first first."""
        found = [
            record for run in self._store.names(FOLDER) for kept, record in self.steps_in(run, step) if kept == step
        ]
        return sorted(found, key=_began)

    def first_that_made(self, step: str, what: str, digest: str) -> Json | None:
        """The record of the run whose step first made something; None where no record is left.

        Args:
            step: that makes such things.
            what: key of its result: ``model``, ``judgement``, ...
            digest: that stands there.
        """
        found = first_runs(self.of_step(step), what).get(digest)
        return dict(found) if found else None

    def restated_by(self) -> dict[str, list[str]]:
        """Date -> the runs that restated it, those that began first first."""
        found: dict[str, list[str]] = {}
        for record in self.of_step("extract_streams"):
            for day in restated_in(record):
                found.setdefault(day, []).append(record["run_id"])
        return found

    def steps_in(self, run: str, step: str = "") -> list[tuple[str, Json]]:
        """Step and record of what is kept of a run; unreadable records are left out.

        Args:
            run: last part of the name under which its records lie.
            step: the one that is asked for; others may be given too. Empty: all.
        """
        names = [name for name in self._store.names(f"{FOLDER}/{run}") if name.endswith(".json")]
        wanted = [name for name in names if not step or name.split(".")[0] == step]
        found = [(name.split(".")[0], self._read(f"{FOLDER}/{run}/{name}")) for name in wanted]
        return [(kept, record) for kept, record in found if "run_id" in record]

    def of_run(self, run_id: str) -> list[Json]:
        """What is kept of all steps of a run, of each try that has a result, in the order in which they began."""
        return sorted(self._of_run(run_id, "*.json"), key=lambda record: str(record.get("began")))

    def _of_run(self, run_id: str, pattern: str) -> list[Json]:
        """What is kept of a run under such names, but for that of another run of a like name."""
        return [record for record in self._in(run_name(run_id), pattern) if record.get("run_id") == run_id]

    def _in(self, folder: str, pattern: str) -> list[Json]:
        return [self._read(f"{folder}/{name}") for name in self._store.names(folder) if fnmatchcase(name, pattern)]

    def _read(self, name: str) -> Json:
        """A record; empty when it is missing or unreadable: nothing but a page depends on it."""
        try:
            return dict(json.loads(self._store.read(name, LARGEST_RECORD)))
        except (OSError, ValueError, TypeError, RecursionError, RecsysError):
            return {}


def _began(record: Mapping[str, Any]) -> tuple[str, str]:
    return str(record.get("began")), str(record["run_id"])


def restated_in(record: Mapping[str, Any]) -> list[str]:
    """Dates that a step restated, as its record says; none where it says nothing, or no such thing."""
    result = record.get("result")
    found = result.get("restated") if isinstance(result, dict) else None
    return [str(day) for day in found] if isinstance(found, list) else []


def run_name(run_id: str) -> str:
    """Where the records of a run lie."""
    safe = "".join(c if c.isalnum() or c in "-_.:+" else "_" for c in run_id).lstrip(".")
    return f"{FOLDER}/{safe}"


def first_runs(records: Iterable[Mapping[str, Any]], name: str) -> dict[str, Mapping[str, Any]]:
    """Digest or name -> the record of the run that made it first.

    Args:
        records: of one step, those that began first first.
        name: key of the step's result under which it stands: ``model``, ``judgement``, ...
    """
    found: dict[str, Mapping[str, Any]] = {}
    for record in records:
        result = record.get("result")
        if isinstance(result, dict) and name in result:
            found.setdefault(str(result[name]), record)
    return found
