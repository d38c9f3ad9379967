"""Cases 37 to 43: ids and their numbers, as they grow, shrink, and lie on the disk."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from annoy import AnnoyIndex
from conftest import execute
from planting import plant
from source_tables import DAY, create_streams, insert
from strategies import play_counts

from bad_inputs.cases import case, loaded, matrix_path, overwrite, refused, refuses, service
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import PlayMatrix
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.gate.matrix_checks import order_check
from recsys_tasks.index.annoy_index import build_trees, open_index
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.matrix.play_matrix import day_counts, empty_matrix, fold, without_users
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.factors import cold_factors, warm_factors
from recsys_tasks.steps import extract_streams, increment_matrix

CONFIG = AlsConfig(factors=4)


def folded(*days: dict[tuple[int, int], int]) -> PlayMatrix:
    """Days of (user, track) -> plays, one after the other."""
    matrix = empty_matrix(pa.int64(), pa.int64())
    for number, events in enumerate(days):
        matrix = fold(matrix, DAY + timedelta(days=number), play_counts(events), f"{number}")
    return matrix


@case(37, "20,000 new tracks in a day")
def many_new_tracks():
    """They are appended in the order of their ids, whoever played them; no number of before has moved."""
    before = folded({(user, track): 1 for user in range(3) for track in (900_000, 5)})
    rng = np.random.default_rng(1)
    new = {(int(user), 10 + int(track)): 1 for user, track in zip(rng.integers(0, 50, 20_000), rng.permutation(20_000),
                                                                strict=True)}  # fmt: skip
    after = fold(before, DAY + timedelta(days=1), play_counts(new), "b")
    assert after.tracks.ids.to_pylist() == [5, 900_000, *range(10, 20_010)]
    np.testing.assert_array_equal(after.counts[:3, :2].toarray(), before.counts.toarray())


@case(38, "a track without a stream")
def track_without_streams(source_dsn, tmp_path):
    """In the catalogue alone it has no column yet; with hidden plays alone it has one, and no factor, nor a rank."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70)])
    execute(source_dsn, "CREATE TABLE tracks AS SELECT 71 AS track_id, 'new' AS title, '' AS artist")
    at = service(source_dsn, tmp_path, catalogue="tracks")
    snapshot = extract_streams(at, DAY).catalogue
    assert snapshot is not None
    assert at.catalogues.load(DAY, snapshot)["track_id"].to_pylist() == [71]
    assert at.matrices.load(DAY, increment_matrix(at, DAY).matrix).tracks.ids.to_pylist() == [70]
    days = [{(1, 1): 1, (2, 1): 3}, {(2, 9): 1}]
    matrix = folded(*days)
    second_day = day_counts(play_counts(days[1]), matrix.users, matrix.tracks)
    training, _ = without_users(matrix.counts, second_day, np.array([False, True]))
    fit = Als(CONFIG).fit(TrainingData(training, matrix.users, matrix.tracks))
    ranked = rank_tracks(fit.component.item_factors)
    assert (training.shape, ranked.col_ranks.tolist()) == ((2, 2), [0, -1])


@case(39, "a vocabulary shorter or longer than its matrix")
def vocabulary_of_another_length(copied):
    """Either is refused before anything is folded onto it or trained on it."""
    tables = {name: pq.read_table(matrix_path(copied) / f"{name}.parquet") for name in ("users", "tracks")}
    for name, table in tables.items():
        foreign = pa.table({"id": [-99], "first_day": pa.array([0], pa.int32())})
        for wrong, said in ((table[:-1], "in its vocabulary"), (pa.concat_tables([table, foreign]), "")):
            refuses(copied, said, **{name: wrong})
        plant(matrix_path(copied), **{name: table})
    loaded(copied)


@case(40, "an id that stands twice in a vocabulary")
def duplicate_id(copied):
    """It is refused, and so is an id that is null."""
    tracks = pq.read_table(matrix_path(copied) / "tracks.parquet")
    ids = tracks["id"].to_pylist()
    place = tracks.column_names.index("id")
    refuses(copied, "holds 1 ids a second time", tracks=tracks.set_column(place, "id", [[ids[1], *ids[1:]]]))
    refuses(copied, "holds 1 null ids", tracks=tracks.set_column(place, "id", [pa.array([None, *ids[1:]])]))


@case(41, "a vocabulary in another order than its matrix")
def reordered_vocabulary(copied):
    """Its bytes are not those of the manifest; with one that vouches for them, an exact check fails, for good."""
    file = matrix_path(copied) / "tracks.parquet"
    tracks = pq.read_table(file)
    ids = tracks["id"].to_pylist()
    swapped = tracks.set_column(tracks.column_names.index("id"), "id", [[ids[1], ids[0], *ids[2:]]])
    content = pa.BufferOutputStream()
    pq.write_table(swapped, content)
    sound = file.read_bytes()
    overwrite(file, content.getvalue().to_pybytes())
    with refused(CorruptArtefact, "tracks.parquet"):
        loaded(copied)
    overwrite(file, sound)
    assert order_check(loaded(copied)).passed
    plant(matrix_path(copied), tracks=swapped)
    assert not order_check(loaded(copied)).passed


@case(42, "a gap in the numbers of an index")
def gap_in_the_index(tmp_path):
    """Annoy makes 100,001 items of one; by rank there are no gaps, and a file of other items is refused."""
    factors = np.zeros((100_001, 4), np.float32)
    factors[3], factors[100_000] = 1, 2
    ranked = rank_tracks(factors)
    build_trees(ranked.ranked_factors, str(tmp_path / "dense.ann"), 2, 1)
    assert open_index(str(tmp_path / "dense.ann"), 2, 4).get_n_items() == 2
    index = AnnoyIndex(4, "euclidean")
    index.add_item(100_000, [0.5] * 4)
    index.build(2)
    index.save(str(tmp_path / "gap.ann"))
    for items in (1, 100_001):
        with refused(CorruptArtefact, "gap.ann", "its items are not those of an index", "build the index again"):
            open_index(str(tmp_path / "gap.ann"), items, 4)


@case(43, "a listener erased, and a track taken down")
def erased(source_dsn, tmp_path):
    """The day is restated; its matrix is the one of a world without them, and a warm start follows the ids."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70), (2, 8, 70), (3, 8, 71), (4, 9, 72)])
    at = service(source_dsn, tmp_path / "one")
    extract_streams(at, DAY)
    old = at.matrices.load(DAY, increment_matrix(at, DAY).matrix)
    execute(source_dsn, "DELETE FROM streams WHERE user_id = 7 OR track_id = 71")
    assert extract_streams(at, DAY).restated == (DAY,)
    digest = increment_matrix(at, DAY).matrix
    new = at.matrices.load(DAY, digest)
    never = service(source_dsn, tmp_path / "two")
    extract_streams(never, DAY)
    assert increment_matrix(never, DAY).matrix == digest
    assert (new.users.ids.to_pylist(), new.tracks.ids.to_pylist()) == ([8, 9], [70, 72])
    factors = cold_factors(old.users, old.tracks, CONFIG.factors, CONFIG.seed)
    warm = warm_factors(factors, old.users, old.tracks, new.users, new.tracks)
    np.testing.assert_array_equal(warm.user_factors, factors.user_factors[1:])
    np.testing.assert_array_equal(warm.item_factors, factors.item_factors[[0, 2]])
