"""The records of the runs: clocks, seconds, memory, who started it. Nothing but pages and reports depends on them."""

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from recsys_tasks.storage.files import replace_file


class RunRecords:
    """``runs/<run_id>/<step>.json`` under a root; ``<step>.2.json`` of a second try, and so on."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save_run(self, run_id: str, step: str, record: Mapping[str, Any]) -> None:
        """Keep what a step took and who started it; beside an earlier record that has a result, never over it."""
        name, tries = step, count(2)
        while "result" in read_record(self._run_path(run_id, name)):
            name = f"{step}.{next(tries)}"
        content = json.dumps({**record, "run_id": run_id}, indent=1, sort_keys=True).encode()
        replace_file(self.root, self._run_path(run_id, name), content)

    def read_run(self, run_id: str, step: str) -> dict[str, Any] | None:
        """What is kept of a step of a run, of its last try that has a result; None when there is nothing."""
        tries = self._records_of(run_id, f"{step}.*json")
        return max(tries, key=lambda record: ("result" in record, str(record.get("began"))), default=None)

    def runs_of(self, step: str) -> list[dict[str, Any]]:
        """What is kept of a step, of every run, those that began first first."""
        records = [read_record(path) for path in self.root.glob(f"runs/*/{step}.*json")]
        return sorted((r for r in records if "run_id" in r), key=lambda r: (str(r.get("began")), str(r["run_id"])))

    def steps_of(self, run_id: str) -> list[dict[str, Any]]:
        """What is kept of all steps of a run, of each try that has a result, in the order in which they began."""
        return sorted(self._records_of(run_id, "*.json"), key=lambda record: str(record.get("began")))

    def _records_of(self, run_id: str, names: str) -> list[dict[str, Any]]:
        """What is kept of a run under such names, but for that of another run of a like name."""
        try:
            paths = list(self._run_path(run_id, "any").parent.glob(names))
        except OSError:  # no file system takes a name of that length
            return []
        return [record for path in paths if (record := read_record(path)).get("run_id") == run_id]

    def _run_path(self, run_id: str, step: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "-_.:+" else "_" for c in run_id).lstrip(".")
        return self.root / "runs" / safe / f"{step}.json"


def read_record(path: Path) -> dict[str, Any]:
    """A record of a run; empty when it is missing or unreadable: nothing but a page depends on it."""
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        return {}
