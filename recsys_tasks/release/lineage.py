"""The way back from a release: log <- index <- components <- factors <- play matrix <- partitions with source counts.

Everything is read from manifests, the release log and the records of the runs; nothing is loaded or made. What is gone
is said, never an error.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.domain import Day
from recsys_tasks.core.records import Json
from recsys_tasks.matrix.chain import Chain
from recsys_tasks.matrix.split import without_salt
from recsys_tasks.partitions.repository import Partitions
from recsys_tasks.recommenders.base import TrainingFigures
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.release.bundles import Bundles
from recsys_tasks.release.components import beside_factors
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.release.releases import Releases
from recsys_tasks.release.series import judgement_row
from recsys_tasks.release.stations import Kept, Stations, candidate_of, stations_of
from recsys_tasks.repositories.matrices import Matrices
from recsys_tasks.repositories.models import Models
from recsys_tasks.repositories.splits import Splits
from recsys_tasks.storage.run_records import RunRecords
from recsys_tasks.storage.store import ArtefactStore
from recsys_tasks.storage.stored_forms import NO_PLAYS

LEFT_OUT = "quarantined, no play of it"
SINCE_QUARANTINED = "quarantined since it was folded: the next run folds without it"


def lineage(
    store: ArtefactStore,
    name: str,
    log: ReleaseLog | None = None,
    runs: RunRecords | None = None,
    partitions: Partitions | None = None,
) -> Json:
    """Everything that a release or a candidate was made from, as far as the store still holds it.

    Args:
        store: where to look.
        name: number of a release, or how the digest of a candidate begins.
        log: the release log, where the caller has read it.
        runs: the records of runs, where the caller reads them in another way.
        partitions: the partitions, where the caller reads them in another way.

    Raises:
        UnknownId: there is no such release.
        NotStored: no candidate, or more than one, begins like this.
        CorruptArtefact: the log or a manifest is damaged.
    """
    log, kept = log or Releases(store).log(), Kept(store, runs, partitions)
    found = stations_of(kept, log, candidate_of(kept.bundles, log, name))
    live = log.live is not None and log.live.candidate == found.candidate
    return {
        "candidate": found.candidate,
        "day": found.day.isoformat(),
        "release": found.entry.number if found.entry else None,
        "live": live,
        "log": [_logged(entry) for entry in log.entries if entry.candidate == found.candidate],
        "judgements": [judgement_row(log, kept.judgements, judgement) for judgement in found.judgements],
        "parts": _parts(kept.bundles, found),
        "index": _index(kept, found),
        "beside": beside_factors(kept.models, found.gated),
        "factors": _factors(kept, found),
        "matrix": _matrix(kept.matrices, found.day, found.matrix),
        "partitions": _partitions(kept, found.chain),
        "runs": _runs(kept.runs, found),
        "lost": list(_lost(kept, found)),
    }


def _logged(entry: Entry) -> dict[str, Any]:
    names = ("number", "kind", "by", "why", "at", "run_id", "pinned", "verdict")
    return {name: getattr(entry, name) for name in names}


def _index(kept: Kept, found: Stations) -> Json | None:
    """The index with its parameters, and the recall that was measured when it was judged; None before that."""
    if found.gated is None:
        return None
    recall = kept.judgements.figures(found.judgements[0])["recall"] if found.judgements else None
    return {"parameters": found.gated.index, **kept.bundles.manifest(found.candidate).figures, "recall": recall}


def _parts(bundles: Bundles, found: Stations) -> dict[str, Json]:
    """The parts of the bundle: SHA-256 of each one's manifest, by the log if it was published, and whether it is there.

    A part that is there is not read: `verify` does that.
    """
    stored = bundles.parts(found.candidate)
    named = found.entry.parts if found.entry else {part: bundles.vouched(found.candidate, part) for part in stored}
    return {part: {"sha256": sha256, "stored": part in stored} for part, sha256 in named.items()}


def _factors(kept: Kept, found: Stations) -> Json | None:
    """The model with its parameters, and the models that it started from, the nearest first."""
    digest, trained = found.model, found.trained
    if digest is None or trained is None:
        return {"digest": digest, "stored": False} if digest else None
    key, figures = trained
    more = {"parameters": key.parameters, "hidden": _hidden(kept.splits, key)}
    return _trained(digest, key, figures) | more | {"parents": list(_parents(kept.models, key, found.chain))}


def _hidden(splits: Splits, key: ModelKey) -> Json:
    """The settings that say who was hidden from the training, and their split, where there was one."""
    if key.split is None:
        return without_salt(key.hidden or {})
    stored = splits.find(key.day, key.split)
    return {**(stored.settings if stored else {}), "split": key.split}


def _trained(digest: str, key: ModelKey, figures: TrainingFigures) -> Json:
    recorded = {"iterations": figures.iterations, "loss": figures.losses[-1], "warm": figures.warm}
    return {"digest": digest, "day": key.day.isoformat(), "stored": True, **recorded, "trainer": _trainer(key.backend)}


def _trainer(backend: Json | None) -> str:
    """What trained a model, with its versions: spark 4.3.0, blocks 2, java 17.0.15; empty before it was recorded."""
    if backend is None:
        return ""
    first = {"name", "version"}
    others = [f"{name} {value}" for name, value in backend.items() if name not in first]
    return ", ".join([f"{backend['name']} {backend['version']}", *others])


def _parents(models: Models, key: ModelKey, chain: Chain) -> Iterator[Json]:
    """The models before, up to a cold start or to one that is not stored any more.

    Each is of the day before, or of the newest date before that was not quarantined.
    """
    day, parent = key.day, key.parent
    while parent is not None:
        folded = (date for date, partition in reversed(chain) if date < day and partition != NO_PLAYS)
        day = models.day_of(parent) or next(folded, day - timedelta(days=1))
        found = models.find(day, parent)
        if found is None:
            yield {"digest": parent, "day": day.isoformat(), "stored": False}
            return
        yield _trained(parent, *found)
        parent = found[0].parent


def _matrix(matrices: Matrices, day: Day, digest: str | None) -> Json | None:
    if digest is None:
        return None
    stored = matrices.holds(day, digest)
    figures = vars(matrices.figures(day, digest)) if stored else {}
    return {"digest": digest, "day": day.isoformat(), "stored": stored, **figures}


def _partitions(kept: Kept, chain: Chain) -> list[Json]:
    """Each partition of a chain: the version that was folded, its source counts and rule, and the other versions."""
    restated = kept.runs.restated_by() if chain else {}
    rows = [_partition(kept, day, digest) for day, digest in chain]
    return [row | {"restated_by": restated.get(row["day"], [])} for row in rows]


def _partition(kept: Kept, day: Day, digest: str) -> Json:
    partitions, quarantined = kept.partitions, kept.quarantine.find(day) is not None
    stored, newest = partitions.version(day, digest), partitions.digest(day)
    figures = stored.figures if stored else None
    empty = _is_left_out(partitions, day, digest)
    since = SINCE_QUARANTINED if quarantined and digest == newest else ""
    return {
        "day": day.isoformat(),
        "digest": digest,
        "rows_read": figures.rows_read if figures else None,
        "rows_kept": figures.rows_kept if figures else None,
        "dropped": dict(figures.dropped) if figures else {},
        "rule": stored.rule if stored else None,
        "quarantine": LEFT_OUT if empty else since,
        "replaced_by": newest if newest != digest and not (empty and quarantined) else None,
        "other_versions": [other for other in partitions.replaced_versions(day) if other not in (digest, newest)],
    }


def _is_left_out(partitions: Partitions, day: Day, digest: str) -> bool:
    """Whether a date was folded as an empty one, of which the source never had a version: it was quarantined."""
    return digest == NO_PLAYS and partitions.version(day, digest) is None


def _runs(runs: RunRecords, found: Stations) -> list[Json]:
    """The run that first made each station, with who started it, when, and the versions of the libraries."""
    made = {
        "extract_streams": ("partition", found.chain[-1][1] if found.chain else None),
        "increment_matrix": ("matrix", found.matrix),
        "train_als": ("model", found.model),
        **{step: ("candidate", found.candidate) for step in ("build_index", "evaluate", "gate")},
    }
    first = [runs.first_that_made(step, name, digest) for step, (name, digest) in made.items() if digest]
    names = ("step", "run_id", "by", "began", "seconds", "versions")
    records = [record for record in (*first, _publishing(runs, found)) if record]
    return [{name: record.get(name) for name in names} for record in records]


def _publishing(runs: RunRecords, found: Stations) -> Mapping[str, Any] | None:
    """The try of the run's step that published; a rerun of it keeps its id, and publishes nothing."""
    tries = runs.of_run(found.entry.run_id) if found.entry else []
    results = ((record, record.get("result") or {}) for record in tries if record.get("step") == "publish")
    return next((record for record, result in results if result.get("published")), None)


def _lost(kept: Kept, found: Stations) -> Iterator[str]:
    """A sentence for each station that is not stored any more."""
    if found.gated is None:
        yield "the bundle: its index, factors, names and users"
    if found.trained is None:
        yield "the model: its parameters, its parents" if found.model else "the model, and its name with the bundle's"
    if found.matrix is None:
        yield "the play matrix, and its name with the bundle's and the model's"
    elif not kept.matrices.holds(found.day, found.matrix):
        proven = "but the partitions that are there prove to be those it was folded from"
        unknown = "and what it was folded from: the partitions that are there are others by now"
        yield f"the play matrix, {proven if found.chain else unknown}"
    for day, digest in found.chain:
        if kept.partitions.version(day, digest) is None and not _is_left_out(kept.partitions, day, digest):
            yield f"the source counts of {day}, version {digest[:SHORT]}"
