"""The names of the artefacts under one root, and the saving and verified loading of each.

    partitions/<date>/            plays-<digest>.parquet + manifest.json, replaced when the day is restated
    partitions/<date>/restated-<digest>/  the source counts of a version that was replaced
    data_checks/<date>/refused-<digest>|accepted-<digest>/  what was refused, and who let it pass and why
    matrices/<date>-<digest>/     CSR arrays, vocabularies, chain
    models/<date>-<digest>/       factors, loss trace, parameters
    bundles/<candidate>/gated/    index, factors, norm order, track vocabulary: what the gate judges
    bundles/<candidate>/names/    title, artist, play total of each track
    bundles/<candidate>/users-<digest>/  user vectors, user vocabulary, played tracks
    evaluations/<date>/<candidate>-<incumbent>/figures|verdict/, report.html
    releases/log/<n>.json         the append-only log
    runs/<run_id>/<step>.json     clocks, seconds, memory, who started it; <step>.2.json of a second try, and so on

Directories carry the first 16 hexadecimal digits of a digest; manifests carry all 64, and loading compares them.
"""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.core.domain import Day, Factors, FloatArray, PlayCounts, PlayMatrix, Vocabulary, parse_day
from recsys_tasks.core.errors import BadData, CorruptArtefact, NotStored
from recsys_tasks.matrix.play_matrix import stored_counts
from recsys_tasks.storage.artefacts import (
    MANIFEST,
    Artefact,
    open_artefact,
    parquet_bytes,
    read_manifest,
    save_artefact,
    sealed_manifest,
)
from recsys_tasks.storage.files import replace_file
from recsys_tasks.storage.run_records import RunRecords
from recsys_tasks.storage.stored_forms import as_ids, counts_digest, matrix_sizes, vocabulary_of, vocabulary_table

SHORT = 16


class Store(RunRecords):
    """Everything under one root directory."""

    # partitions

    def partition_path(self, day: Day) -> Path:
        """The directory of a date's partition."""
        return self.root / "partitions" / day.isoformat()

    def partition_digest(self, day: Day) -> str | None:
        """Digest of the stored partition of a date; None when there is none."""
        manifest = self.partition_manifest(day)
        return str(manifest["digest"]) if manifest else None

    def partition_manifest(self, day: Day) -> dict[str, Any] | None:
        """Manifest of the stored partition of a date; None when there is none, or a dead writer got no further.

        Raises:
            CorruptArtefact: it is damaged, or of another date.
        """
        path = self.partition_path(day)
        return read_manifest(path) if (path / MANIFEST).exists() else None

    def whole_partition(self, day: Day) -> dict[str, Any] | None:
        """Manifest of the stored partition of a date if its counts are what it says; None when there is none such."""
        try:
            return open_artefact(self.partition_path(day)).manifest
        except (NotStored, CorruptArtefact):
            return None

    def save_partition(
        self,
        day: Day,
        counts: PlayCounts,
        rule: str,
        figures: Mapping[str, Any],
        fingerprint: str | None = None,
        digest: str = "",
    ) -> str:
        """Store a date's play counts in place of any earlier version; the digest of the counts.

        The earlier version's counts stay beside it under their digest: matrices that were folded from them, and the
        split of their day, still need them. Nothing is written where the same is stored already.

        Args:
            day: UTC date.
            counts: its play counts.
            rule: digest of what decided which streams count.
            figures: what became of the rows of the source.
            fingerprint: of those rows, where the source could tell it.
            digest: of the counts, where it is known already.
        """
        digest = digest or counts_digest(counts)
        key = {"day": day.isoformat(), "rule": rule} | ({"fingerprint": fingerprint} if fingerprint else {})
        stored = self.whole_partition(day)
        if stored and (stored["digest"], stored["key"], stored["figures"]) == (digest, key, dict(figures)):
            return digest
        table = pa.table({"user_id": counts.user_ids, "track_id": counts.track_ids, "plays": counts.plays})
        content, name = parquet_bytes(table), f"plays-{digest[:SHORT]}.parquet"
        files = {name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
        place = self.partition_path(day).relative_to(self.root).as_posix()
        manifest = sealed_manifest(digest, key, figures, files, place)
        # the counts first, under a name of their own: whoever reads the old manifest still finds the old counts
        replace_file(self.root, self.partition_path(day) / name, content)
        replace_file(self.root, self.partition_path(day) / MANIFEST, manifest)
        return digest

    def load_partition(self, day: Day, digest: str) -> PlayCounts:
        """The play counts of a date that have this digest, whether they are the newest version or an earlier one.

        Raises:
            CorruptArtefact: the file is missing, or holds other counts.
        """
        path = self.partition_path(day) / f"plays-{digest[:SHORT]}.parquet"
        try:
            table = pq.read_table(path, memory_map=False)
            user_ids, track_ids = (as_ids(table.column(name)) for name in ("user_id", "track_id"))
            counts = PlayCounts(user_ids, track_ids, np.asarray(table.column("plays")))
            sound = counts_digest(counts) == digest
        except (OSError, KeyError, pa.ArrowException, BadData):
            sound = False
        if not sound:
            raise CorruptArtefact(f"{path} is missing or differs from its checksum. Remove {path.parent}, then rerun.")
        return counts

    def partition_days(self) -> list[Day]:
        """Dates that have a partition, ascending."""
        return [parse_day(path.parent.name) for path in sorted(self.root.glob(f"partitions/*/{MANIFEST}"))]

    # matrices

    def matrix_path(self, day: Day, digest: str) -> Path:
        """Where the matrix of this date and chain lies, or would lie."""
        return self.root / "matrices" / f"{day.isoformat()}-{digest[:SHORT]}"

    def save_matrix(self, matrix: PlayMatrix, digest: str) -> Artefact:
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
        return save_artefact(self.root, self.matrix_path(day, digest), digest, key, files, matrix_sizes(matrix))

    def load_matrix(self, day: Day, digest: str) -> PlayMatrix:
        """A stored matrix, verified; its cells are mapped read-only, not copied.

        Raises:
            CorruptArtefact: a file differs from the manifest.
            BadData: what it holds is no play matrix, or another one than was stored.
        """
        artefact = open_artefact(self.matrix_path(day, digest), digest)
        with artefact.named(), ThreadPoolExecutor(2) as pool:  # Arrow and numpy's sort let go of the interpreter
            users, tracks = pool.map(lambda name: vocabulary_of(artefact.table(name)), ("users", "tracks"))
            plays, cols, indptr = (artefact.array(name, mapped=True) for name in ("plays", "indices", "indptr"))
            counts = stored_counts(plays, cols, indptr, (len(users), len(tracks)))
            chain = tuple((parse_day(date), partition) for date, partition in artefact.manifest["key"]["chain"])
            matrix = PlayMatrix(counts, users, tracks, chain)
            if matrix_sizes(matrix) != artefact.figures:
                raise BadData(f"A play matrix of {matrix_sizes(matrix)} was stored as {artefact.figures}.")
        return matrix

    def matrix_figures(self, day: Day, digest: str) -> dict[str, Any]:
        """Numbers of users, tracks, pairs and plays of a stored matrix, from its manifest."""
        return dict(read_manifest(self.matrix_path(day, digest))["figures"])

    def load_vocabularies(self, day: Day, digest: str) -> tuple[Vocabulary, Vocabulary]:
        """Users and tracks of a stored matrix, verified; its cells are not read."""
        artefact = open_artefact(self.matrix_path(day, digest), digest, only=("users.parquet", "tracks.parquet"))
        with artefact.named():
            return vocabulary_of(artefact.table("users")), vocabulary_of(artefact.table("tracks"))

    # models

    def model_path(self, day: Day, digest: str) -> Path:
        """Where the model of this date and input key lies, or would lie."""
        return self.root / "models" / f"{day.isoformat()}-{digest[:SHORT]}"

    def load_model(self, day: Day, digest: str) -> tuple[Factors, Artefact]:
        """Stored factors, verified and mapped read-only, with the manifest of their loss trace and parameters."""
        artefact = open_artefact(self.model_path(day, digest), digest)
        with artefact.named():
            users, tracks = (artefact.array(f"{side}_factors", mapped=True) for side in ("user", "item"))
            return Factors(np.asarray(users), np.asarray(tracks)), artefact

    def load_item_factors(self, day: Day, digest: str) -> tuple[FloatArray, Artefact]:
        """The track factors of a stored model alone, verified, with its manifest."""
        artefact = open_artefact(self.model_path(day, digest), digest, only=("item_factors.npy",))
        with artefact.named():
            return artefact.array("item_factors"), artefact

    def models_of(self, day: Day) -> list[dict[str, Any]]:
        """Manifests of the stored models of a date."""
        return [read_manifest(path) for path in sorted(self.root.glob(f"models/{day.isoformat()}-*"))]

    # bundles and evaluations

    def bundle_path(self, candidate: str) -> Path:
        """The directory of a candidate's parts."""
        return self.root / "bundles" / candidate[:SHORT]

    def gated_part(self, candidate: str) -> Artefact:
        """The part of a candidate that the gate judges, verified."""
        return open_artefact(self.bundle_path(candidate) / "gated", candidate)

    def find_candidate(self, prefix: str) -> dict[str, Any]:
        """Manifest of the gated part of the one candidate whose digest begins like this.

        Raises:
            NotStored: none does, or more than one.
        """
        found = [
            manifest
            for path in sorted(self.root.glob("bundles/*/gated"))
            if (manifest := read_manifest(path))["digest"].startswith(prefix)
        ]
        if not prefix or len(found) != 1:
            raise NotStored(f"{len(found)} candidates begin with {prefix!r}. `status` lists them; name one in full.")
        return found[0]

    def evaluation_path(self, day: Day, candidate: str, incumbent: str | None) -> Path:
        """The directory of a judgement: this candidate against this incumbent."""
        against = incumbent[:SHORT] if incumbent else "none"
        return self.judgement_path(day, f"{candidate[:SHORT]}-{against}")

    def judgement_path(self, day: Day, judgement: str) -> Path:
        """The directory of a judgement by its name, ``<candidate>-<incumbent>``."""
        return self.root / "evaluations" / day.isoformat() / judgement

    def evaluations_of(self, day: Day | None = None, candidate: str = "") -> list[Path]:
        """Directories of stored judgements, by date, of one date or of all, of one candidate or of all."""
        pattern = f"evaluations/{day.isoformat() if day else '*'}/{candidate[:SHORT]}*/figures"
        return [path.parent for path in sorted(self.root.glob(pattern))]

    def report_path(self, day: Day, judgement: str) -> Path:
        """Where the page of a judgement lies, or would lie."""
        return self.judgement_path(day, judgement) / "report.html"
