"""The stored play matrices.

matrices/<date>-<digest>/   CSR arrays, vocabularies, chain
"""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

from scipy import sparse

from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.domain import Day, PlayMatrix, Vocabulary, parse_day
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.records import Json, as_json, from_json
from recsys_tasks.matrix.chain import Chain
from recsys_tasks.matrix.play_matrix import MatrixFigures, figures_of, stored_counts
from recsys_tasks.storage.artefacts import Artefact
from recsys_tasks.storage.store import ArtefactStore, day_in
from recsys_tasks.storage.stored_forms import vocabulary_of, vocabulary_table

FOLDER = "matrices"


class Matrices:
    """The play matrices in a store. The digest of one is that of its chain."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def holds(self, day: Day, digest: str) -> bool:
        """Whether the matrix of this date and chain is stored."""
        return self._store.holds(matrix_name(day, digest))

    def days(self) -> list[Day]:
        """Dates that have a stored matrix, rising, each once."""
        return sorted({day for name in self._store.names(FOLDER) if (day := day_in(name))})

    def digests(self, day: Day) -> list[str]:
        """Digests of the stored matrices of a date.

        Raises:
            CorruptArtefact: a manifest is damaged.
        """
        names = [name for name in self._store.names(FOLDER) if day_in(name) == day]
        return [self._store.manifest(f"{FOLDER}/{name}").digest for name in names]

    def save(self, matrix: PlayMatrix, digest: str) -> None:
        """Store a folded matrix under the digest of its chain."""
        day = matrix.chain[-1][0]
        files = {
            "indptr": matrix.counts.indptr,
            "indices": matrix.counts.indices,
            "plays": matrix.counts.data,
            "users": vocabulary_table(matrix.users),
            "tracks": vocabulary_table(matrix.tracks),
        }
        key = {"day": day.isoformat(), "chain": [[date.isoformat(), partition] for date, partition in matrix.chain]}
        self._store.put(matrix_name(day, digest), digest, key, files, as_json(figures_of(matrix)))

    def load(self, day: Day, digest: str) -> PlayMatrix:
        """A stored matrix, verified; its cells are mapped read-only, not copied.

        Raises:
            NotStored: there is none.
            CorruptArtefact: a file differs from the manifest.
            BadData: what it holds is no play matrix, or another one than was stored.
        """
        artefact = self._store.open(matrix_name(day, digest), digest)
        with artefact.named(), ThreadPoolExecutor(2) as pool:  # Arrow and numpy's sort let go of the interpreter
            users, tracks = pool.map(lambda name: vocabulary_of(artefact.table(name)), ("users", "tracks"))
            matrix = PlayMatrix(cells_of(artefact, (len(users), len(tracks))), users, tracks, _chain(artefact.key))
            if as_json(figures_of(matrix)) != artefact.figures:
                raise BadData(f"A play matrix of {figures_of(matrix)} was stored as {artefact.figures}.")
        return matrix

    def figures(self, day: Day, digest: str) -> MatrixFigures:
        """Numbers of a stored matrix, from its manifest."""
        return from_json(MatrixFigures, self._store.manifest(matrix_name(day, digest)).figures)

    def chain(self, day: Day, digest: str) -> Chain:
        """What a stored matrix was folded from, from its manifest."""
        return _chain(self._store.manifest(matrix_name(day, digest)).key)

    def chains(self, but: Collection[str] = ()) -> Iterator[Chain]:
        """What each stored matrix was folded from, without those of some names.

        Raises:
            CorruptArtefact: a manifest is damaged.
        """
        names = [f"{FOLDER}/{name}" for name in self._store.names(FOLDER) if day_in(name)]
        return (_chain(self._store.manifest(name).key) for name in names if name not in but)

    def vocabularies(self, day: Day, digest: str) -> tuple[Vocabulary, Vocabulary]:
        """Users and tracks of a stored matrix, verified; its cells are not read."""
        artefact = self._store.open(matrix_name(day, digest), digest, only=("users.parquet", "tracks.parquet"))
        with artefact.named():
            return vocabulary_of(artefact.table("users")), vocabulary_of(artefact.table("tracks"))


def cells_of(
    artefact: Artefact, shape: tuple[int, int], names: tuple[str, str, str] = ("plays", "indices", "indptr")
) -> sparse.csr_matrix:
    """Play counts from the arrays (plays, columns, pointers) of a verified artefact, mapped. (n_users, n_tracks).

    Raises:
        BadData: they are no play counts of this shape.
    """
    plays, cols, indptr = (artefact.array(name, mapped=True) for name in names)
    return stored_counts(plays, cols, indptr, shape)


def matrix_name(day: Day, digest: str) -> str:
    """Where the matrix of this date and chain lies, or would lie."""
    return f"{FOLDER}/{day.isoformat()}-{digest[:SHORT]}"


def _chain(key: Json) -> Chain:
    return tuple((parse_day(date), partition) for date, partition in key["chain"])
