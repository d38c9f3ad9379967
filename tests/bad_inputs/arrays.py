"""Cases 44 to 53: the cells of a matrix, and the arrays that hold them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from planting import plant
from scipy import sparse
from settings import run
from source_tables import DAY, create_streams

from bad_inputs.cases import (
    REMEDY,
    case,
    little_memory,
    loaded,
    matrix_path,
    overwrite,
    refused,
    refuses,
    service,
)
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import parse_day
from recsys_tasks.core.errors import BadData, CorruptArtefact
from recsys_tasks.matrix.play_matrix import canonical
from recsys_tasks.matrix.row_ranges import NARROW_PAIRS, as_cells, row_ranges, rows_within
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.confidence import confidence
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.stored_models import open_model
from recsys_tasks.storage.artefacts import open_artefact, read_manifest

CONFIG = AlsConfig(factors=4)


def array(at: Workplace, name: str) -> Any:
    """A stored array of the newest matrix."""
    return open_artefact(matrix_path(at)).array(name)


@case(44, "columns that do not rise, and a pair that stands twice")
def not_canonical(copied):
    """Stored so, they are refused: ALS would train differently in silence; a fold sorts and sums."""
    cols, indptr = array(copied, "indices"), array(copied, "indptr")
    row = int(np.argmax(np.diff(indptr) > 1))
    first, second = indptr[row], indptr[row] + 1
    for pair in (cols[[second, first]], cols[[first, first]]):
        wrong = cols.copy()
        wrong[[first, second]] = pair
        refuses(copied, "a pair twice, or its columns do not rise", indices=wrong)
    jumbled = sparse.csr_matrix((np.array([1, 2, 4], np.uint32), [1, 0, 1], [0, 3]), shape=(1, 2))
    assert (canonical(jumbled).data.tolist(), jumbled.indices.tolist()) == ([2, 5], [0, 1])


@case(45, "columns out of bounds, and row pointers that go back")
def out_of_bounds(copied):
    """They are refused before anybody follows them: the process lives, where the solver would read elsewhere."""
    cols, indptr = array(copied, "indices"), array(copied, "indptr")
    for number in (-1, len(loaded(copied).tracks), 2**31 - 1):
        wrong = cols.copy()
        wrong[0] = number
        refuses(copied, "a column outside of the", indices=wrong)
    plant(matrix_path(copied), indices=cols)
    for number in (-1, 2**31 - 1):
        wrong = indptr.copy()
        wrong[1] = number
        refuses(copied, "The rows of a play matrix do not divide", indptr=wrong)
    refuses(copied, "The rows of a play matrix do not divide", indptr=np.append(indptr[:-1], indptr[-1] - 1))
    refuses(copied, "users in its vocabulary", indptr=indptr[:-1])


@case(46, "more pairs than 32 bits can number")
def too_many_pairs():
    """The library numbers them in 32 bits: it is handed ranges of rows, whose pointers begin anew."""
    ends = np.arange(41) << 27  # 5.4 billion pairs of 40 listeners
    one = np.broadcast_to(np.uint32(1), int(ends[-1]))  # one number, seen so often
    plays = as_cells(one, one.view(np.int32), ends, (40, 2))
    ranges = row_ranges(plays.indptr, NARROW_PAIRS)
    assert [(rows.start, rows.stop) for rows in ranges] == [(0, 15), (15, 30), (30, 40)]
    for rows in ranges:
        part = rows_within(plays, rows)
        assert part.indptr.dtype == part.indices.dtype == np.int32
        assert part.nnz == part.indptr[-1] == (rows.stop - rows.start) << 27


@case(47, "a NaN in a stored matrix")
def nan_in_a_matrix(copied):
    """A matrix of fractions is none, stored or handed to the training."""
    plays = array(copied, "plays").astype(np.float32)
    plays[0] = np.nan
    refuses(copied, "A play matrix of float32 plays", plays=plays)
    with refused(BadData, "holds float32 or a stored zero"):
        confidence(sparse.csr_matrix(([np.float32(np.nan)], [0], [0, 1])), CONFIG)


@case(48, "a negative cell in a stored matrix")
def negative_cell(copied):
    """A matrix of signed counts is none, stored or handed to the training."""
    plays = array(copied, "plays").astype(np.int32)
    plays[0] = -1
    refuses(copied, "A play matrix of int32 plays", plays=plays)
    with refused(BadData, "holds int32 or a stored zero"):
        confidence(sparse.csr_matrix(([np.int32(-1)], [0], [0, 1])), CONFIG)


@case(49, "a matrix of zeros")
def matrix_of_zeros(copied):
    """A stored zero is refused, one or all of them; nothing is trained to factors of zero."""
    plays = array(copied, "plays")
    refuses(copied, "stores a zero or negative count", plays=np.zeros_like(plays))
    refuses(copied, "stores a zero or negative count", plays=np.where(np.arange(len(plays)) == 7, 0, plays))
    with refused(BadData, "stored zero", "Fold it again"):
        confidence(sparse.csr_matrix((np.zeros(2, np.uint32), [0, 1], [0, 1, 2])), CONFIG)
    nothing = np.zeros((3, CONFIG.factors), np.float32)
    with refused(BadData, "The play matrix is empty", "Check the source and history_start"):
        Als(CONFIG).alternate(sparse.csr_matrix((3, 3), dtype=np.uint32), Factors(nothing, nothing), warm=False)


@case(50, "a matrix of no users and no tracks")
def matrix_of_nothing(source_dsn, tmp_path):
    """A history of allowed empty days folds to 0 x 0, and its training is refused in plain words."""
    create_streams(source_dsn)
    at = service(source_dsn, tmp_path)
    with refused(BadData, "The play matrix is empty", "Check the source and history_start"):
        run(at, DAY, allow_empty=True)
    assert loaded(at).counts.shape == (0, 0)
    assert Als(CONFIG).user_vectors(loaded(at).counts, np.zeros((0, 4), np.float32)).shape == (0, 4)


@case(51, "numbers of another type or byte order")
def other_numbers(copied):
    """Neither is converted in silence: counts are uint32, factors float32, both in this machine's order."""
    sound = {name: array(copied, name) for name in ("plays", "indices", "indptr")}
    for name, kind in (("plays", "i8"), ("indices", "u4"), ("indptr", "f8")):
        refuses(copied, "A play matrix of", **{name: sound[name].astype(kind)})
        plant(matrix_path(copied), **{name: sound[name]})
    for name, values in sound.items():
        swapped = values.astype(values.dtype.newbyteorder("S"))
        refuses(copied, "is no array of this machine's numbers", CorruptArtefact, **{name: swapped})
        plant(matrix_path(copied), **{name: values})
    (model,) = copied.store.root.glob("models/2026-01-15-*")
    factors = open_artefact(model).array("user_factors")
    plant(model, user_factors=factors.astype(np.float64))
    with refused(BadData, "The user factors are float64", str(model), REMEDY):
        open_model(copied, parse_day("2026-01-15"), read_manifest(model).digest)


class Payload:
    """What a pickle of it does when somebody loads it: makes a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.mkdir, (self.path,)


@case(52, "a pickle or an archive in the place of an array")
def pickle_in_an_array(copied, tmp_path):
    """Only plain arrays are opened: a pickle is not run, and an archive is not unpacked."""
    archive, objects = io.BytesIO(), io.BytesIO()
    trap = np.array([Payload(tmp_path / "run")], dtype=object)
    np.savez_compressed(archive, plays=trap)
    np.save(objects, trap)
    for content, said in (
        (archive.getvalue(), "is no array of this machine's numbers"),
        (objects.getvalue(), "is no array"),
        (objects.getvalue().split(b"\n", 1)[1], "is no array"),
    ):
        refuses(copied, said, CorruptArtefact, plays=content)
    assert not (tmp_path / "run").exists()


@case(53, "a header that claims more than there is")
def header_that_lies(copied):
    """The size of the manifest is asked for first; then no memory is taken for what the file does not hold."""
    plays = array(copied, "plays")
    for claimed in (10**9, 10**12, 10**30, -1, len(plays) - 1):
        header = io.BytesIO()
        header_of = {"descr": "<u4", "fortran_order": False, "shape": (claimed,)}
        np.lib.format.write_array_header_1_0(header, header_of)
        lie = header.getvalue() + plays.tobytes()
        with little_memory():
            refuses(copied, "header says", CorruptArtefact, plays=lie)
    overwrite(matrix_path(copied) / "plays.npy", lie + bytes(1 << 20))
    with refused(CorruptArtefact, "plays.npy has", "bytes where its manifest says"):
        loaded(copied)
