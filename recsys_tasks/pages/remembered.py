"""What the pages read of the store: the release log, the judgements, the records of runs; from memory while unchanged.

Only what a page shows of it is read and remembered: the row of a judgement under the stamps of its two manifests, what
a run made and took under that of its folder. Which dates and judgements there are is asked of their folders every time.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.core.records import Json
from recsys_tasks.pages.logbook import LOGS
from recsys_tasks.pages.viewed import Viewed
from recsys_tasks.partitions.checked import FOLDER as CHECKED
from recsys_tasks.partitions.checked import CheckedDays
from recsys_tasks.partitions.quarantine import Quarantine, QuarantinedDay
from recsys_tasks.partitions.repository import FOLDER as PARTITIONS
from recsys_tasks.partitions.repository import Partitions, partition_name
from recsys_tasks.release.judgements import FIGURES, FOLDER, Judgement, Judgements
from recsys_tasks.release.log import ReleaseLog
from recsys_tasks.release.series import judged, with_release
from recsys_tasks.storage.manifest import MANIFEST, Manifest
from recsys_tasks.storage.run_records import FOLDER as RUNS
from recsys_tasks.storage.run_records import RunRecords, restated_in, run_name
from recsys_tasks.storage.store import ArtefactStore, day_in

Row = dict[str, Any]
MADE = ("partition", "matrix", "model", "candidate", "judgement")
"""Keys of a step's result that name what it made."""


class RememberedPartitions(Partitions):
    """The partitions, whose manifests are not read again while they stay the same."""

    def __init__(self, seen: Viewed) -> None:
        super().__init__(seen.as_store)
        self._seen = seen

    def days(self) -> list[Day]:
        """As ``Partitions``; the stamps of all dates are asked for in one go."""
        self._seen.stamps(PARTITIONS)
        return super().days()

    def _manifest(self, day: Day) -> Manifest | None:
        name = f"{partition_name(day)}/{MANIFEST}"
        return self._seen.of((name,), lambda: super(RememberedPartitions, self)._manifest(day))


class Trace(NamedTuple):
    """What a page needs of the record of a step."""

    step: str
    run_id: str
    began: str
    seconds: float
    day: str | None  # that its result names
    made: dict[str, str]  # what -> its digest or name
    restated: tuple[str, ...]  # dates


class RememberedRuns(RunRecords):
    """What the runs made and took, which is not read again while nothing is added to a run.

    A record is added or replaced under its name, which changes the times of its run's folder.
    """

    def __init__(self, seen: Viewed) -> None:
        super().__init__(seen.as_store)
        self._seen = seen

    def traces(self, step: str = "", since: Day | None = None) -> list[list[Trace]]:
        """Of each run, what is kept of a step, or of all its steps.

        Args:
            step: the one that is asked for; empty: all.
            since: leaves out the runs to which nothing was added since this date began: they are about earlier dates.
        """
        begins = 0 if since is None else (since - Day(1970, 1, 1)).days * 86_400 * 10**9
        runs = sorted(name for name, stamp in self._seen.stamps(RUNS).items() if stamp.written_ns >= begins)
        return [self._seen.of((f"{RUNS}/{run}",), partial(self._traces, run, step), step) for run in runs]

    def first_that_made(self, step: str, what: str, digest: str) -> Json | None:
        """As ``RunRecords``: only the run that is found is read."""
        found = self.firsts(step, what).get(digest)
        if found is None:
            return None
        records = self.steps_in(run_name(found.run_id).rpartition("/")[2], step)
        return next((record for _, record in records if str(record.get("began")) == found.began), None)

    def firsts(self, step: str, what: str) -> dict[str, Trace]:
        """Digest or name -> what is kept of the run that made it first."""
        made = (trace for traces in self.traces(step) for trace in traces if what in trace.made)
        found: dict[str, Trace] = {}
        for trace in sorted(made, key=lambda trace: (trace.began, trace.run_id)):
            found.setdefault(trace.made[what], trace)
        return found

    def restated_by(self) -> dict[str, list[str]]:
        """As ``RunRecords``."""
        found: dict[str, list[str]] = {}
        restating = (trace for traces in self.traces("extract_streams") for trace in traces if trace.restated)
        for trace in sorted(restating, key=lambda trace: (trace.began, trace.run_id)):
            for day in trace.restated:
                found.setdefault(day, []).append(trace.run_id)
        return found

    def _traces(self, run: str, step: str) -> list[Trace]:
        return [_trace(kept, record) for kept, record in self.steps_in(run, step)]


def _trace(step: str, record: Json) -> Trace:
    found, seconds = record.get("result"), record.get("seconds")
    result = found if isinstance(found, dict) else {}
    return Trace(
        step,
        str(record["run_id"]),
        str(record.get("began")),
        float(seconds) if isinstance(seconds, int | float) else 0.0,
        str(result["day"]) if "day" in result else None,
        {name: str(result[name]) for name in MADE if name in result},
        tuple(restated_in(record)),
    )


class RememberedJudgements:
    """The judgements as rows (``series.judgement_row``), with what came of each by the log."""

    def __init__(self, seen: Viewed, log: ReleaseLog) -> None:
        self._seen, self._log = seen, log
        self._judgements = Judgements(seen.as_store)

    def days(self) -> list[Day]:
        """Dates of which a judgement is stored, rising."""
        found = [day for name in sorted(self._seen.stamps(FOLDER)) if (day := day_in(name))]
        return [day for day in found if self._judgements.of(day)]

    def newest_first(self) -> Iterator[Day]:
        """Dates that may have a judgement, falling; nothing is asked about those that are not reached."""
        return (day for name in reversed(self._seen.names(FOLDER)) if (day := day_in(name)))

    def on(self, day: Day) -> list[Row]:
        """The judgements of a date.

        Raises:
            CorruptArtefact: a manifest is damaged.
        """
        return [self._row(judgement) for judgement in self._judgements.of(day)]

    def readable(self, days: Iterable[Day]) -> tuple[list[Row], list[Row]]:
        """The judgements of dates, and apart from them those that cannot be read: day, judgement and damage."""
        rows, damaged = [], []
        for judgement in (each for day in days for each in self._judgements.of(day)):
            try:
                rows.append(self._row(judgement))
            except CorruptArtefact as error:
                day = judgement.day.isoformat()
                damaged.append({"day": day, "judgement": judgement.name, "damage": str(error)})
        return rows, damaged

    def count(self, days: Iterable[Day]) -> int:
        """How many judgements of these dates there are."""
        return sum(len(self._judgements.of(day)) for day in days)

    def _row(self, judgement: Judgement) -> Row:
        parts = (FIGURES, self._judgements.newest_verdict(judgement))
        names = tuple(f"{judgement.place}/{part}/{MANIFEST}" for part in parts)
        return with_release(self._log, self._seen.of(names, lambda: judged(self._judgements, judgement)))


def log_of(store: ArtefactStore) -> ReleaseLog:
    """The release log; of the figures of entries that are not live, those that pages show.

    Raises:
        CorruptArtefact: an entry is damaged or missing.
    """
    return LOGS.log(store)


def quarantined_of(seen: Viewed) -> list[QuarantinedDay]:
    """The quarantined dates with their reasons, rising.

    Raises:
        CorruptArtefact: a manifest is damaged.
    """
    seen.stamps(CHECKED)
    return Quarantine(RememberedPartitions(seen), CheckedDays(seen.as_store)).days()
