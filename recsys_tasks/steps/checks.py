"""The exact checks: no statistics, and nobody can override them."""

import numpy as np
from scipy import sparse

from recsys_tasks.bundle import GatedPart
from recsys_tasks.domain import Day, Factors, FloatArray, PlayMatrix
from recsys_tasks.gate import Check
from recsys_tasks.ranked_tracks import has_direction, row_norms
from recsys_tasks.steps.workplace import Workplace


def exact_checks(
    at: Workplace, day: Day, gated: GatedPart, matrix: PlayMatrix, factors: Factors, training: sparse.csr_matrix
) -> list[Check]:
    """Everything that must simply be so before a candidate is compared with anything."""
    policy = at.config.gate
    recall = gated.artefact.figures["recall"]
    indexed = int(has_direction(row_norms(factors.item_factors)).sum())
    return [
        finite_check(factors.user_factors, factors.item_factors),
        Check(
            "track vocabulary",
            gated.tracks.ids.equals(matrix.tracks.ids),
            f"{len(gated.tracks):,} tracks in the index's vocabulary",
            f"the {len(matrix.tracks):,} of the matrix, in its order",
        ),
        conservation_check(at, matrix),
        Check(
            "index size",
            len(gated.search.tracks) == indexed == gated.search.index.get_n_items(),
            f"{gated.search.index.get_n_items():,} tracks in the Annoy index",
            f"the {indexed:,} with a factor",
        ),
        _at_least("recall of user-track search", recall["user_recall"], policy.min_recall),
        _at_least("recall of track-track search", recall["similar_recall"], policy.min_recall),
        coverage_check(factors.user_factors, training, policy.min_user_coverage),
    ]


def finite_check(*factors: FloatArray) -> Check:
    """Whether every number is finite."""
    bad = sum(int((~np.isfinite(values)).any(axis=1).sum()) for values in factors)
    return Check("finite factors", bad == 0, f"{bad:,} rows with an infinite or missing number", "none")


def coverage_check(vectors: FloatArray, plays: sparse.csr_matrix, least: float) -> Check:
    """Share of the users with plays who have a vector that is not zero."""
    known = np.diff(plays.indptr) > 0
    share = float(vectors[known].any(axis=1).mean()) if known.any() else 0.0
    return _at_least("share of listeners with a vector", share, least)


def conservation_check(at: Workplace, matrix: PlayMatrix) -> Check:
    """Whether every stream that was read is in the matrix or was dropped for a named reason."""
    read = kept = dropped = 0
    for day, digest in matrix.chain:
        manifest = at.store.partition_manifest(day)
        if manifest is not None and manifest["digest"] == digest:
            figures = manifest["figures"]
        else:  # restated since: what was dropped from the version that the matrix holds is not known any more
            plays = int(at.store.load_partition(day, digest).plays.sum(dtype=np.int64))
            figures = {"rows_read": plays, "rows_kept": plays}
        read += figures["rows_read"]
        kept += figures["rows_kept"]
        dropped += sum(rows for name, rows in figures.items() if name.startswith("dropped_"))
    held = int(matrix.counts.data.sum(dtype=np.int64))
    return Check(
        "streams conserved",
        read == kept + dropped and held == kept,
        f"{read:,} read, {kept:,} kept, {dropped:,} dropped, {held:,} in the matrix",
        "read = kept + dropped, and kept = in the matrix",
    )


def _at_least(name: str, found: float, least: float) -> Check:
    return Check(name, found >= least, f"{found:.4f}", f"at least {least:.4f}")
