"""What must hold of a store at any moment, whatever happened to its writers; and of a finished one, byte for byte.

The numbers are those of the invariants: I1 what is live is whole, I2 no acknowledged publish is lost, I4 no stream is
lost or counted twice, I5 a rerun gives the same bytes, I7 vocabularies and arrays fit together, I8 the live day never
goes back, I9 nothing is live that the gate refused, I11 nothing temporary is left.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import Day, PlayMatrix, parse_day
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.partitions.repository import Partitions
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.release.bundle import open_gated, open_users
from recsys_tasks.release.bundles import GATED, NAMES, USERS
from recsys_tasks.release.log import PUBLISH_OLDER, ROLLBACK, ReleaseLog
from recsys_tasks.release.releases import Releases
from recsys_tasks.repositories.matrices import Matrices
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.repositories.splits import Splits
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps.stored_models import recommender_of
from recsys_tasks.storage.artefacts import Artefact, open_artefact
from recsys_tasks.storage.manifest import MANIFEST
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.temporary import TEMPORARY

Acknowledged = Collection[tuple[int, str]]  # number of a release, and its candidate
Bytes = dict[str, str]  # name of a stored file -> SHA-256


def violations(store: PosixStore, acknowledged: Acknowledged = ()) -> list[str]:
    """The promises that a store breaks now, in words; none of them may be broken at any moment."""
    found: list[str] = []
    for check in (_log, _live, _partitions, _matrices, _splits, _models, _bundles, _others):
        try:
            found += check(store)
        except RecsysError as error:
            found.append(f"{check.__name__.strip('_')}: {type(error).__name__}: {error}")
    return found + lost(store, acknowledged)


def lost(store: PosixStore, acknowledged: Acknowledged) -> list[str]:
    """I2: acknowledged publishes that the log does not hold."""
    try:
        held = {(entry.number, entry.candidate) for entry in Releases(store).log().entries}
    except RecsysError:
        return ["I2: the log cannot be read"]
    return [f"I2: release {number} was acknowledged and is gone" for number, _ in sorted({*acknowledged} - held)]


def bytes_of(root: Path) -> Bytes:
    """Every stored file but the records of the runs, which hold clocks, and the reports, which are drawn anew."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".html" and path.relative_to(root).parts[0] not in ("runs", TEMPORARY)
    }


def differences(root: Path, expected: Mapping[str, str]) -> list[str]:
    """I5 and I11: how a store after a successful run differs from what that run must leave."""
    found = bytes_of(root)
    left = [path.name for path in (root / TEMPORARY).glob("*")]
    return [
        *(f"I5: {name} is missing" for name in sorted(expected.keys() - found.keys())),
        *(f"I5: {name} should not be there" for name in sorted(found.keys() - expected.keys())),
        *(f"I5: {name} has other bytes" for name in sorted(found.keys() & expected) if found[name] != expected[name]),
        *(f"I11: {TEMPORARY}/{name} is left" for name in left),
    ]


def _log(store: PosixStore) -> Iterator[str]:
    log = Releases(store).log()
    yield from _order(log)
    for entry in log.entries:
        if entry.is_release and entry.verdict != "PASS" and not (entry.by.strip() and entry.why.strip()):
            yield f"I9: entry {entry.number} went live with {entry.verdict} and nobody's word"


def _order(log: ReleaseLog) -> Iterator[str]:
    """I8, and one release for each candidate."""
    live = None
    for entry in log.entries:
        if live and entry.kind not in (ROLLBACK, PUBLISH_OLDER) and entry.day < live.day:
            yield f"I8: entry {entry.number} went back from {live.day} to {entry.day}"
        live = entry
    published = [entry.candidate for entry in log.releases]
    if len(published) != len(set(published)):
        yield "I5: a candidate was published twice"


def _live(store: PosixStore) -> Iterator[str]:
    if Releases(store).log().live is None:
        return
    reader = Reader(store)
    if not reader.recommend(5).tracks:
        yield "I1: the live release does not answer"


def _partitions(store: PosixStore) -> Iterator[str]:
    for day in Partitions(store).days():
        stored = Partitions(store).newest(day)
        assert stored is not None
        figures, kept = stored.figures, _plays(Partitions(store).load(day, stored.digest).plays)
        dropped = sum(figures.dropped.values())
        if not figures.rows_read - dropped == figures.rows_kept == kept:
            yield f"I4: {day}: {figures.rows_read} read, {dropped} dropped, {kept} kept"


def _matrices(store: PosixStore) -> Iterator[str]:
    for artefact in _artefacts(store, "matrices/*"):
        matrix = _matrix(store, artefact)
        folded = sum(_plays(Partitions(store).load(*link).plays) for link in matrix.chain)
        if matrix.plays != folded:
            yield f"I4: {artefact.path.name} holds other plays than its {len(matrix.chain)} partitions"
        for vocabulary in (matrix.users, matrix.tracks):
            if not np.array_equal(vocabulary.rows_of(vocabulary.ids), np.arange(len(vocabulary))):
                yield f"I7: a vocabulary of {artefact.path.name} is no bijection"


def _splits(store: PosixStore) -> Iterator[str]:
    for artefact in _artefacts(store, "splits/*"):
        split, matrix = Splits(store).load(_day(artefact), artefact.digest), _matrix_named(store, artefact)
        if matrix is None:
            continue
        if split.day_counts.shape != matrix.counts.shape:
            yield f"I7: {artefact.path.name} is of {split.day_counts.shape} for a matrix of {matrix.counts.shape}"
        if _plays(split.day_counts.data) != _plays(Partitions(store).load(*matrix.chain[-1]).plays):
            yield f"I4: {artefact.path.name} holds other plays than the partition of its day"


def _models(store: PosixStore) -> Iterator[str]:
    for artefact in _artefacts(store, "models/*"):
        if "user_factors.npy" not in artefact.manifest.files:
            continue  # an erasure left the factors of the tracks alone
        factors = recommender_of(ModelKey.from_json(artefact.key)).open(arrays_of(artefact))
        matrix = _matrix_named(store, artefact)
        sizes = (len(factors.user_factors), len(factors.item_factors))
        if matrix is not None and sizes != matrix.counts.shape:
            yield f"I7: {artefact.path.name} has factors of {sizes} for a matrix of {matrix.counts.shape}"


def _bundles(store: PosixStore) -> Iterator[str]:
    for bundle in sorted(store.root.glob("bundles/*")):
        opened = {path.name.split("-")[0]: open_artefact(path) for path in sorted(bundle.iterdir()) if path.is_dir()}
        if GATED not in opened:
            continue  # its writer was killed after the names
        gated, matrix = open_gated(opened[GATED]), _matrix_named(store, opened[GATED])
        if NAMES in opened and opened[NAMES].table("names").num_rows != len(gated.tracks):
            yield f"I7: {bundle.name} names another number of tracks than it knows"
        if matrix is None:
            continue  # retention removed it
        known = gated.tracks.ids  # those without plays stand behind the matrix's
        if not known.slice(0, len(matrix.tracks)).equals(matrix.tracks.ids):
            yield f"I7: {bundle.name} knows other tracks than its matrix"
        users = opened.get(USERS)
        whole = users is not None and "without" not in users.key  # an erasure rewrites it before the matrix goes
        if users and whole and not open_users(users).ids.equals(matrix.users.ids):
            yield f"I7: {bundle.name} knows other users than its matrix"


def _others(store: PosixStore) -> Iterator[str]:
    for manifest in sorted(store.root.glob(f"*/**/{MANIFEST}")):
        if manifest.relative_to(store.root).parts[0] not in (TEMPORARY, "partitions"):
            open_artefact(manifest.parent)
    yield from ()


def _artefacts(store: PosixStore, pattern: str) -> Iterator[Artefact]:
    """Every directory of a kind, verified: one that is there is whole."""
    return (open_artefact(path) for path in sorted(store.root.glob(pattern)))


def _matrix(store: PosixStore, artefact: Artefact) -> PlayMatrix:
    return Matrices(store).load(_day(artefact), artefact.digest)


def _matrix_named(store: PosixStore, artefact: Artefact) -> PlayMatrix | None:
    """The matrix that an artefact was made from, if it is still there."""
    matrices, day, digest = Matrices(store), _day(artefact), artefact.key["matrix"]
    return matrices.load(day, digest) if matrices.holds(day, digest) else None


def _day(artefact: Artefact) -> Day:
    return parse_day(artefact.key["day"])


def _plays(counts: npt.NDArray[np.uint32]) -> int:
    return int(counts.sum(dtype=np.int64))
