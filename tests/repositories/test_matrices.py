"""Stored play matrices: what is folded comes back mapped and equal, and what is damaged does not come back at all."""

import numpy as np
import pytest
from folding import START, folded
from stored_objects import flip

from recsys_tasks.core.errors import BadData, CorruptArtefact, NotStored
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.matrix.play_matrix import MatrixFigures
from recsys_tasks.repositories.matrices import Matrices, matrix_name

DAYS = [{(1, 10): 3, (2, 11): 1}, {(1, 12): 1, (3, 10): 4}]


@pytest.fixture
def matrices(store):
    """The matrices of an empty store."""
    return Matrices(store)


@pytest.fixture
def stored(matrices):
    """A matrix of two days that is stored; the matrix, its date and its digest."""
    matrix, day = folded(DAYS)
    digest = chain_digests(matrix.chain)[-1]
    matrices.save(matrix, digest)
    return matrix, day, digest


def vocabulary(ids):
    """Ids and first days as plain Python."""
    return ids.ids.to_pylist(), ids.first_days.tolist()


class TestRoundTrip:
    def test_the_matrix_comes_back(self, matrices, stored):
        """Cells, both vocabularies and the chain, in the same types."""
        matrix, day, digest = stored
        found = matrices.load(day, digest)
        assert (found.counts != matrix.counts).nnz == 0
        assert found.counts.dtype == np.uint32
        assert [vocabulary(each) for each in (found.users, found.tracks)] == [
            vocabulary(each) for each in (matrix.users, matrix.tracks)
        ]
        assert found.chain == matrix.chain

    def test_its_cells_are_mapped(self, matrices, stored):
        """Nobody writes into the stored files through a loaded matrix."""
        _, day, digest = stored
        with pytest.raises(ValueError, match="read-only"):
            matrices.load(day, digest).counts.data[:] = 7

    def test_a_part_is_asked_for_alone(self, matrices, stored):
        """Figures and chain come from the manifest, and the vocabularies without the cells."""
        matrix, day, digest = stored
        assert matrices.figures(day, digest) == MatrixFigures(users=3, tracks=3, pairs=4, plays=9)
        assert matrices.chain(day, digest) == matrix.chain
        users, tracks = matrices.vocabularies(day, digest)
        assert (vocabulary(users), vocabulary(tracks)) == (vocabulary(matrix.users), vocabulary(matrix.tracks))

    def test_several_are_listed(self, matrices, stored):
        """Dates rise, each once, and the chains are those of all matrices but the ones that are left out."""
        _, day, digest = stored
        first, _ = folded(DAYS[:1])
        matrices.save(first, chain_digests(first.chain)[-1])
        matrices.save(first, "f" * 64)
        assert matrices.days() == [START, day]
        assert len(list(matrices.chains())) == 3
        assert list(matrices.chains(but=[matrix_name(day, digest)])) == [first.chain, first.chain]
        assert matrices.holds(day, digest)
        assert not matrices.holds(START, digest)


class TestRefused:
    def test_what_was_never_folded_is_said(self, matrices):
        """A missing matrix is an error of its own, for a run folds it."""
        with pytest.raises(NotStored):
            matrices.load(START, "f" * 64)

    @pytest.mark.parametrize("file", ["plays.npy", "indices.npy", "indptr.npy", "users.parquet", "tracks.parquet"])
    def test_a_flipped_byte_is_refused(self, matrices, store, stored, file):
        """Whichever file it is in: the solver would read wherever a damaged pointer points."""
        _, day, digest = stored
        flip(store, f"{matrix_name(day, digest)}/{file}")
        with pytest.raises(CorruptArtefact, match=file):
            matrices.load(day, digest)

    def test_damaged_cells_do_not_keep_the_vocabularies_away(self, matrices, store, stored):
        """A warm start asks for yesterday's ids alone."""
        _, day, digest = stored
        flip(store, f"{matrix_name(day, digest)}/plays.npy")
        assert len(matrices.vocabularies(day, digest)[0]) == 3

    def test_another_matrix_than_was_vouched_for_is_refused(self, matrices, store):
        """Sound files whose figures are not those of the manifest are a wrong program's."""
        matrix, day = folded(DAYS)
        files = {
            "indptr": matrix.counts.indptr,
            "indices": matrix.counts.indices,
            "plays": matrix.counts.data + np.uint32(1),
        }
        digest = chain_digests(matrix.chain)[-1]
        matrices.save(matrix, digest)
        sound, other = store.open(matrix_name(day, digest)), "e" * 64
        tables = {name: sound.table(name) for name in ("users", "tracks")}
        store.put(matrix_name(day, other), other, sound.key, files | tables, sound.figures)
        with pytest.raises(BadData, match="was stored as"):
            matrices.load(day, other)
