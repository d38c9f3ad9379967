"""The gate: a verdict on stored figures, and the same verdict again from these files alone."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, Figures, Verdict
from recsys_tasks.core.errors import NotStored
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.gate.drift import drift
from recsys_tasks.gate.verdict import Check, judge
from recsys_tasks.partitions.data_quality import OK, DataCheck
from recsys_tasks.release.series import FIGURES, VERDICT, series
from recsys_tasks.steps.workplace import Reference, Workplace
from recsys_tasks.storage.artefacts import Artefact, open_artefact, read_manifest, save_artefact


def gate(at: Workplace, day: Day, judgement: str) -> Reference:
    """Store and return the verdict on stored figures.

    Args:
        at: store and configuration (the policy).
        day: of the candidate.
        judgement: name of the stored figures, ``<candidate>-<incumbent>``.

    Returns:
        Outcome, reasons, whether an exact check failed, the figures that decided, the candidate, and the alarms of
        slow drift that hold on this day.
    """
    path = at.store.judgement_path(day, judgement)
    verdict = stored_verdict(path) if (path / VERDICT).is_dir() else decide(at, path)
    candidate = read_manifest(path / FIGURES)["key"]["candidate"]
    at.progress(f"{verdict.outcome}: {'; '.join(verdict.reasons)}")
    alarms = drift(series(at.store, day), at.config.drift).alarms
    for said in (*verdict.figures["warnings"], *(alarm.text for alarm in alarms)):
        at.progress(f"warning: {said}")
    reference = {"day": day.isoformat(), "candidate": candidate, "judgement": judgement}
    return reference | asdict(verdict) | {"alarms": [asdict(alarm) for alarm in alarms]}


def decide(at: Workplace, path: Path) -> Verdict:
    """Judge stored figures by the policy, and store the verdict."""
    figures = open_artefact(path / FIGURES)
    verdict = verdict_on(figures, at.config.gate)
    key = {"figures": figures.digest, "policy": at.config.gate.model_dump()}
    save_artefact(at.store.root, path / VERDICT, digest_of("verdict", key), key, {}, asdict(verdict))
    return stored_verdict(path)


def verdict_on(figures: Artefact, policy: GateConfig) -> Verdict:
    """The verdict on stored figures, from these files and the policy alone."""
    columns = figures.table("per_user")
    per_user = {name: np.asarray(columns.column(name)) for name in columns.column_names}
    stored, key = figures.figures, figures.manifest["key"]
    verdict = judge([Check(**check) for check in stored["checks"]], per_user, key["no_incumbent"], policy)
    return replace(verdict, figures=_named(verdict.figures, stored, key))


def stored_verdict(path: Path) -> Verdict:
    """The verdict of a judgement, as it was stored."""
    values: dict[str, Any] = open_artefact(path / VERDICT).figures
    return Verdict(values["outcome"], tuple(values["reasons"]), values["exact"], values["figures"])


def recomputed(path: Path, policy: GateConfig | None = None) -> tuple[Verdict, Verdict]:
    """The stored verdict, and the verdict that the stored figures of single users give again.

    Args:
        path: directory of a judgement.
        policy: another policy than the one of that day, which stands with the verdict.

    Raises:
        NotStored: it was never judged.
        CorruptArtefact: a file differs from its checksum.
    """
    if not (path / VERDICT).is_dir():
        raise NotStored(f"{path.parent.name}: {path.name} was evaluated, but never judged. Run the gate's task again.")
    then = GateConfig(**read_manifest(path / VERDICT)["key"]["policy"])
    return stored_verdict(path), verdict_on(open_artefact(path / FIGURES), policy or then)


def _named(figures: Figures, stored: Figures, key: Mapping[str, Any]) -> Figures:
    """The figures with the releases that they speak of, and the warnings of the data beside those of the slices."""
    releases = {"honest": key["incumbent_release"], "reference": key["reference_release"]}
    named = {name: figures[name] | {"release": number} for name, number in releases.items() if name in figures}
    data = [str(DataCheck(**check)) for check in stored["data_checks"] if check["outcome"] != OK]
    return figures | named | {"warnings": [*data, *figures["warnings"]]}
