"""What reports and texts tell of people who shall be forgotten: samples of their tracks, and ids that others wrote."""

import json
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow.compute as pc

from recsys_tasks.core.domain import Ids
from recsys_tasks.core.errors import NotStored, RecsysError
from recsys_tasks.core.mentions import Mentions
from recsys_tasks.evaluation.samples import sampled
from recsys_tasks.release.judgements import FIGURES, REPORT, SAMPLES, Judgement
from recsys_tasks.release.log import parse_entry
from recsys_tasks.release.releases import LOG
from recsys_tasks.repositories.erasures import REDACTED, REMOVED, Act
from recsys_tasks.steps.erased_artefacts import digest_at, unlist
from recsys_tasks.steps.report import write_report
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.manifest import MANIFEST, parse_manifest
from recsys_tasks.storage.search import TEXTS, Found, without_mentions

FILE = f"{SAMPLES}.parquet"


def drop_samples(at: Workplace, ids: Ids) -> None:
    """Take the samples out of every judgement that shows the tracks of one of these people, and draw its report anew.

    Whose tracks are shown is known while the matrix of the judgement is stored; of an older one nobody can say it, and
    its samples are nobody's.
    """
    for judgement in at.judgements.of():
        name = f"{judgement.place}/{FIGURES}/{FILE}"
        try:
            if not (at.store.holds(name) and _shows(at, judgement, ids)):
                continue
        except RecsysError:  # its matrix is gone, or the judgement is damaged
            continue
        at.erasures.note([Act(name, REMOVED, 1, digest_at(at, name))])
        unlist(at, f"{judgement.place}/{FIGURES}", FILE)
        try:
            write_report(at, judgement.day, judgement.name)
        except RecsysError:  # a report that is not there shows nobody
            if at.store.holds(report := f"{judgement.place}/{REPORT}"):
                at.store.remove(report)
        at.store.remove(name)


def redact(at: Workplace, ids: Ids, found: Iterable[Found]) -> None:
    """Put a mark in place of the ids of some people in records, alerts, reasons and reports."""
    mentions = Mentions(ids.to_pylist())
    for name in (each.name for each in found if each.name.endswith(TEXTS)):
        try:
            before = at.store.read(name)
        except NotStored:  # its artefact is gone
            continue
        value = without_mentions(mentions, before)
        if value is not None:
            after = _sealed(name, before, value)
            digests = (sha256(content).hexdigest() for content in (before, after))
            at.erasures.note([Act(name, REDACTED, 0, *digests)])
            at.store.replace(name, after)


def _shows(at: Workplace, judgement: Judgement, ids: Ids) -> bool:
    """Whether the samples of a judgement are of one of these people, too."""
    key = at.judgements.key(judgement)
    users, _ = at.matrices.vocabularies(key.day, at.bundles.key(key.candidate).matrix)
    rows = np.flatnonzero(np.asarray(pc.is_in(users.ids, ids)))
    per_user = at.judgements.load(judgement).per_user
    return bool(len(rows)) and (
        "user_row" not in per_user or bool(np.isin(per_user["user_row"][sampled(per_user["activity"])], rows).any())
    )


def _sealed(name: str, before: bytes, value: Any) -> bytes:
    """A text without mentions in the form in which it is stored; what carries a checksum gets a new one."""
    if isinstance(value, str):
        return value.encode()
    if name.endswith(f"/{MANIFEST}"):
        return replace(
            parse_manifest(before, name.removesuffix(f"/{MANIFEST}")), key=value["key"], figures=value["figures"]
        ).sealed()
    if name.startswith(f"{LOG}/"):
        entry = parse_entry(before, name)
        return replace(entry, by=value["by"], why=value["why"], run_id=value["run_id"]).to_bytes()
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode()
