"""The way back from a release: log <- index <- factors <- play matrix <- each partition with its source counts.

Everything is read from manifests, the release log and the records of the runs; nothing is loaded or made. What is gone
is said, never an error. The chain of a matrix that retention removed is proven from the partitions that are there: the
digest of a matrix is one of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.errors import NotStored
from recsys_tasks.matrix.play_matrix import Chain, chain_digests
from recsys_tasks.partitions.versions import replaced_versions, version_manifest
from recsys_tasks.release.bundle import GATED
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.release.releases import read_log
from recsys_tasks.release.series import FIGURES, judgement_row
from recsys_tasks.steps.workplace import Reference
from recsys_tasks.storage.artefacts import MANIFEST, read_manifest
from recsys_tasks.storage.files import sha256_of
from recsys_tasks.storage.store import SHORT, Store

Manifest = dict[str, Any]
DROPPED = "dropped_"


@dataclass(frozen=True)
class _Way:
    """The stations of the way back that are known."""

    candidate: str
    day: Day
    entry: Entry | None  # that published it
    judgements: tuple[Path, ...]
    gated: Manifest | None  # None, as below: it is not stored any more
    model: str | None  # digest; None, as below: nothing that is stored names it
    trained: Manifest | None
    matrix: str | None
    chain: Chain  # empty: not known any more


def lineage(store: Store, name: str, log: ReleaseLog | None = None) -> Reference:
    """Everything that a release or a candidate was made from, as far as the store still holds it.

    Args:
        store: where to look.
        name: number of a release, or how the digest of a candidate begins.
        log: the release log, where the caller has read it.

    Raises:
        UnknownId: there is no such release.
        NotStored: no candidate, or more than one, begins like this.
        CorruptArtefact: the log or a manifest is damaged.
    """
    log = log or read_log(store)
    way = _way(store, log, _candidate(store, log, name))
    live = log.live is not None and log.live.candidate == way.candidate
    return {
        "candidate": way.candidate,
        "day": way.day.isoformat(),
        "release": way.entry.number if way.entry else None,
        "live": live,
        "log": [_logged(entry) for entry in log.entries if entry.candidate == way.candidate],
        "judgements": [judgement_row(log, path) for path in way.judgements],
        "parts": _parts(store.bundle_path(way.candidate), way.entry),
        "index": _index(way),
        "factors": _factors(store, way.model, way.trained),
        "matrix": _matrix(store, way.day, way.matrix),
        "partitions": _partitions(store, way.chain),
        "runs": _runs(store, way),
        "lost": list(_lost(store, way)),
    }


def _candidate(store: Store, log: ReleaseLog, name: str) -> str:
    """Digest of what was asked for."""
    if name.isdecimal() and len(name) < SHORT:
        return log.release(int(name)).candidate
    logged = {entry.candidate for entry in log.entries if entry.candidate.startswith(name)}
    return logged.pop() if name and len(logged) == 1 else str(store.find_candidate(name)["digest"])


def _way(store: Store, log: ReleaseLog, candidate: str) -> _Way:
    entry, gated = log.published(candidate), _manifest(store.bundle_path(candidate) / GATED)
    judgements = tuple(store.evaluations_of(candidate=candidate))
    keys = [gated["key"]] if gated else [read_manifest(path / FIGURES)["key"] for path in judgements]
    if not keys and entry is None:
        raise NotStored(f"Nothing is stored of candidate {candidate[:SHORT]}.")
    day = parse_day(keys[0]["day"]) if keys or entry is None else entry.day
    model = str(keys[0]["model"]) if keys else None
    trained = _manifest(store.model_path(day, model)) if model else None
    matrix = next((str(each["key"]["matrix"]) for each in (gated, trained) if each), None)
    return _Way(candidate, day, entry, judgements, gated, model, trained, matrix, _chain(store, day, matrix))


def _chain(store: Store, day: Day, matrix: str | None) -> Chain:
    """What a matrix was folded from: from its manifest; where that is gone, the partitions, if they prove to be it."""
    if matrix is None:
        return ()
    stored = _manifest(store.matrix_path(day, matrix))
    if stored:
        return tuple((parse_day(date), digest) for date, digest in stored["key"]["chain"])
    days = [date for date in store.partition_days() if date <= day]
    chain = tuple((date, digest) for date in days if (digest := store.partition_digest(date)))
    return chain if chain and chain_digests(chain)[-1] == matrix else ()


def _logged(entry: Entry) -> dict[str, Any]:
    names = ("number", "kind", "by", "why", "at", "run_id", "pinned", "verdict")
    return {name: getattr(entry, name) for name in names}


def _index(way: _Way) -> dict[str, Any] | None:
    """The index with its parameters, and the recall that was measured when it was judged; None before that."""
    if way.gated is None:
        return None
    recall = read_manifest(way.judgements[0] / FIGURES)["figures"]["recall"] if way.judgements else None
    return {"parameters": way.gated["key"]["index"], **way.gated["figures"], "recall": recall}


def _parts(bundle: Path, entry: Entry | None) -> dict[str, dict[str, Any]]:
    """The parts of the bundle: SHA-256 of each one's manifest, by the log if it was published, and whether it is there.

    A part that is there is not read: `verify` does that.
    """
    stored = {path.name: path / MANIFEST for path in sorted(bundle.glob("*")) if (path / MANIFEST).is_file()}
    shas = entry.parts if entry else {name: sha256_of(file) for name, file in stored.items()}
    return {name: {"sha256": sha, "stored": name in stored} for name, sha in shas.items()}


def _factors(store: Store, digest: str | None, manifest: Manifest | None) -> dict[str, Any] | None:
    """The model with its parameters, and the models that it started from, the nearest first."""
    if manifest is None:
        return {"digest": digest, "stored": False} if digest else None
    key = manifest["key"]
    parents = list(_parents(store, parse_day(key["day"]), key["parent"]))
    return _trained(manifest) | {"parameters": key["als"], "hidden": key["hidden"], "parents": parents}


def _trained(manifest: Manifest) -> dict[str, Any]:
    figures = manifest["figures"]
    told = {"iterations": figures["iterations"], "loss": figures["losses"][-1], "warm": figures["warm"]}
    return {"digest": manifest["digest"], "day": manifest["key"]["day"], "stored": True, **told}


def _parents(store: Store, day: Day, parent: str | None) -> Iterator[dict[str, Any]]:
    """The models before, each of the day before, up to a cold start or to one that is not stored any more."""
    while parent is not None:
        day -= timedelta(days=1)
        manifest = _manifest(store.model_path(day, parent))
        if manifest is None:
            yield {"digest": parent, "day": day.isoformat(), "stored": False}
            return
        yield _trained(manifest)
        parent = manifest["key"]["parent"]


def _matrix(store: Store, day: Day, digest: str | None) -> dict[str, Any] | None:
    if digest is None:
        return None
    manifest = _manifest(store.matrix_path(day, digest))
    figures = manifest["figures"] if manifest else {}
    return {"digest": digest, "day": day.isoformat(), "stored": manifest is not None, **figures}


def _partitions(store: Store, chain: Chain) -> list[dict[str, Any]]:
    """Each partition of a chain: the version that was folded, its source counts and rule, and the other versions."""
    restated: dict[str, list[str]] = {}
    for run in store.runs_of("extract_streams"):
        for date in (run.get("result") or {}).get("restated", ()):
            restated.setdefault(date, []).append(run["run_id"])
    rows = [_partition(store, day, digest) for day, digest in chain]
    return [row | {"restated_by": restated.get(row["day"], [])} for row in rows]


def _partition(store: Store, day: Day, digest: str) -> dict[str, Any]:
    manifest, newest = version_manifest(store, day, digest), store.partition_digest(day)
    figures = manifest["figures"] if manifest else {}
    reasons = {name.removeprefix(DROPPED): n for name, n in figures.items() if name.startswith(DROPPED)}
    return {
        "day": day.isoformat(),
        "digest": digest,
        "rows_read": figures.get("rows_read"),
        "rows_kept": figures.get("rows_kept"),
        "dropped": reasons,
        "rule": manifest["key"]["rule"] if manifest else None,
        "replaced_by": newest if newest != digest else None,
        "other_versions": [other for other in replaced_versions(store, day) if other not in (digest, newest)],
    }


def _runs(store: Store, way: _Way) -> list[dict[str, Any]]:
    """The run that first made each station, with who started it, when, and the versions of the libraries."""
    made = {
        "extract_streams": ("partition", way.chain[-1][1] if way.chain else None),
        "increment_matrix": ("matrix", way.matrix),
        "train_als": ("model", way.model),
        **{step: ("candidate", way.candidate) for step in ("build_index", "evaluate", "gate")},
    }
    found = [_first_run(store, step, name, digest) for step, (name, digest) in made.items() if digest]
    published = _publishing(store, way)
    return [_told(record) for record in (*found, published) if record]


def _publishing(store: Store, way: _Way) -> Mapping[str, Any] | None:
    """The try of the run's step that published; a rerun of it keeps its id, and publishes nothing."""
    tries = store.steps_of(way.entry.run_id) if way.entry else []
    results = ((record, record.get("result") or {}) for record in tries if record.get("step") == "publish")
    return next((record for record, result in results if result.get("published")), None)


def _first_run(store: Store, step: str, name: str, digest: str) -> Mapping[str, Any] | None:
    runs = (record for record in store.runs_of(step) if (record.get("result") or {}).get(name) == digest)
    return next(runs, None)


def _told(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record.get(name) for name in ("step", "run_id", "by", "began", "seconds", "versions")}


def _lost(store: Store, way: _Way) -> Iterator[str]:
    """A sentence for each station that is not stored any more."""
    if way.gated is None:
        yield "the bundle: its index, factors, names and users"
    if way.trained is None:
        yield "the model: its parameters, its parents" if way.model else "the model, and its name with the bundle's"
    if way.matrix is None:
        yield "the play matrix, and its name with the bundle's and the model's"
    elif not store.matrix_path(way.day, way.matrix).is_dir():
        proven = "but the partitions that are there prove to be those it was folded from"
        unknown = "and what it was folded from: the partitions that are there are others by now"
        yield f"the play matrix, {proven if way.chain else unknown}"
    for day, digest in way.chain:
        if version_manifest(store, day, digest) is None:
            yield f"the source counts of {day}, version {digest[:SHORT]}"


def _manifest(path: Path) -> Manifest | None:
    """A stored manifest; None where the artefact is gone."""
    return read_manifest(path) if path.is_dir() else None
