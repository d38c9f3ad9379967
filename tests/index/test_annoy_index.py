"""The Annoy file: the same bytes again, and no broken file opened in silence."""

import numpy as np
import pytest
from annoy import AnnoyIndex
from file_size_limits import largest_file

from recsys_tasks.core.errors import BadData, CorruptArtefact, StorageError, UnknownId
from recsys_tasks.index.annoy_index import (
    _answers_truly,
    build_trees,
    find_near,
    find_similar,
    held_vectors,
    metric_of,
    open_index,
)
from recsys_tasks.index.annoy_trees import _numbered, node_type

N, F = 600, 8
ROOM = 2 + F
"""Numbers of items that a node has room for."""


@pytest.fixture(scope="module")
def factors():
    """Track factors in rank order. (N, F) float32."""
    return np.random.default_rng(0).normal(size=(N, F)).astype(np.float32)


@pytest.fixture
def path(factors, tmp_path):
    """A sound index file."""
    build_trees(factors, str(tmp_path / "index.ann"), 10, 1)
    return tmp_path / "index.ann"


class TestBuild:
    def test_same_input_gives_the_same_bytes(self, factors, path, tmp_path):
        """Two builds are equal byte for byte, and the seed is what makes them so."""
        build_trees(factors, str(tmp_path / "again.ann"), 10, 1)
        build_trees(factors, str(tmp_path / "other.ann"), 10, 2)
        assert (tmp_path / "again.ann").read_bytes() == path.read_bytes()
        assert (tmp_path / "other.ann").read_bytes() != path.read_bytes()

    def test_another_seed_shares_no_tree(self, factors, path, tmp_path):
        """Not even the next one: each seed has a seed of its own for each of the threads."""
        build_trees(factors, str(tmp_path / "other.ann"), 10, 2)
        roots = [np.fromfile(file, node_type(F))["vector"][-10:] for file in (path, tmp_path / "other.ann")]
        assert len(np.unique(np.concatenate(roots), axis=0)) == 20

    @pytest.mark.parametrize("trees", [1, 2, 3, 10])
    @pytest.mark.parametrize("n", [1, 3, 9, 10, 11, N])
    def test_every_tree_holds_every_item_once(self, factors, tmp_path, n, trees):
        """Trees of several threads in one file: each root leads to all items, and Annoy finds as many roots."""
        file = tmp_path / "index.ann"
        build_trees(factors[:n], str(file), trees, 1)
        nodes = np.fromfile(file, node_type(F))
        for root in range(len(nodes) - trees, len(nodes)):
            assert sorted(items_under(nodes, root, n)) == list(range(n))
        assert list(tmp_path.iterdir()) == [file]
        if n > ROOM:  # else Annoy takes the trees themselves for copies of roots
            assert open_index(str(file), n, F).get_n_trees() == trees
            assert len(np.unique(nodes["vector"][-trees:], axis=0)) == trees

    @pytest.mark.parametrize("broken", [np.zeros((0, F)), np.zeros((3, F)), np.full((3, F), np.nan)])
    def test_what_annoy_would_index_in_silence_is_refused(self, broken, tmp_path):
        """Annoy accepts no item, zero and NaN vectors, and answers nonsense."""
        with pytest.raises(BadData, match="zero or non-finite"):
            build_trees(broken.astype(np.float32), str(tmp_path / "index.ann"), 10, 1)

    def test_a_path_that_cannot_be_written_is_said(self, factors, tmp_path):
        """Annoy's own error is a bare OSError."""
        with pytest.raises(StorageError, match=r"index\.ann"):
            build_trees(factors, str(tmp_path / "missing" / "index.ann"), 10, 1)

    @pytest.mark.parametrize("missing", [1, 100, 1000])
    def test_a_file_that_finds_no_room_is_said(self, factors, tmp_path, missing):
        """So few bytes are only written when the file is closed, more of them before; either is told."""
        build_trees(factors[:20], str(tmp_path / "whole.ann"), 10, 1)
        room = (tmp_path / "whole.ann").stat().st_size - missing
        with largest_file(room), pytest.raises(StorageError, match=r"index\.ann"):
            build_trees(factors[:20], str(tmp_path / "index.ann"), 10, 1)

    def test_which_thread_was_faster_changes_no_byte(self, factors, path):
        """Annoy numbers the nodes as its threads come to them; here they are shuffled, and numbered as before."""
        nodes = np.fromfile(path, node_type(F))[N:]
        rng = np.random.default_rng(1)
        for _ in range(5):
            np.testing.assert_array_equal(np.concatenate(_numbered(interleaved(nodes, 10, rng), N, 10)), nodes)


def interleaved(nodes, trees, rng):
    """The nodes behind the items as two faster and slower threads might have numbered them, with the same trees."""
    inner, roots = nodes[:-trees].copy(), nodes[-trees:].copy()
    ends = np.flatnonzero(inner["descendants"] == N) + 1  # a tree ends with its root
    thread = np.repeat(rng.permutation(trees) % 2, np.diff(ends, prepend=0))
    turns = rng.permutation(thread)  # who made the n-th node
    place = np.empty(len(inner), np.int32)
    for each in (0, 1):
        place[thread == each] = np.flatnonzero(turns == each)
    for part in (inner, roots):
        within = (part["descendants"] > ROOM)[:, None] & (part["children"] >= N)
        part["children"][within] = N + place[part["children"][within] - N]
    made = np.empty_like(inner)
    made[place] = inner
    return np.concatenate([made, roots[rng.permutation(trees)]])


def items_under(nodes, place, n_items):
    """Every item that a walk from a node comes to, as Annoy walks."""
    node = nodes[place]
    if place < n_items:
        return [place]
    if node["descendants"] <= ROOM:
        return np.frombuffer(node.tobytes(), "<i4")[2 : 2 + node["descendants"]].tolist()
    return [item for child in node["children"] for item in items_under(nodes, int(child), n_items)]


class TestOpen:
    def test_a_sound_file_opens(self, path):
        """The checks refuse nothing that is right."""
        assert open_index(str(path), N, F).get_n_items() == N

    @pytest.mark.parametrize("n", [1, 2, 30])
    def test_a_tiny_or_uniform_catalogue_opens(self, n, tmp_path):
        """One track, or thirty equal ones, are an index too."""
        build_trees(np.ones((n, F), np.float32), str(tmp_path / "index.ann"), 10, 1)
        assert open_index(str(tmp_path / "index.ann"), n, F).get_n_items() == n

    @pytest.mark.parametrize("keep", [0, 1, 17, N // 2, N])
    def test_a_truncated_file_is_refused(self, path, keep):
        """Annoy loads half a file as True with fewer items; whole nodes are the unkindest cut."""
        path.write_bytes(path.read_bytes()[: keep * (12 + 4 * F)])
        with pytest.raises(CorruptArtefact):
            open_index(str(path), N, F)

    def test_a_file_that_lost_a_byte_is_refused(self, path):
        """A size that is no whole number of nodes cannot be right."""
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(CorruptArtefact, match="bytes do not hold"):
            open_index(str(path), N, F)

    @pytest.mark.parametrize(("n_items", "n_factors"), [(N + 1, F), (N - 1, F), (N, F - 1), (N, F + 3)])
    def test_a_file_of_another_shape_is_refused(self, path, n_items, n_factors):
        """Annoy loads a file of another dimension, and answers."""
        with pytest.raises(CorruptArtefact):
            open_index(str(path), n_items, n_factors)

    def test_a_page_of_zeros_is_refused_when_a_probe_meets_it(self, path):
        """Size and count are right here: only looking shows it."""
        content = bytearray(path.read_bytes())
        content[:4096] = bytes(4096)
        path.write_bytes(content)
        with pytest.raises(CorruptArtefact, match="its items are not those"):
            open_index(str(path), N, F)

    def test_leaves_that_list_no_item_are_refused(self, path):
        """The items are right here, and each search comes back with nothing."""
        nodes = np.memmap(path, "<i4", mode="r+").reshape(-1, node_type(F).itemsize // 4)[N:]
        nodes[nodes[:, 0] <= ROOM, 2:] = N  # the number of a node
        nodes.flush()
        with pytest.raises(CorruptArtefact, match="neighbours of item"):
            open_index(str(path), N, F)

    def test_a_file_of_before_is_read_as_it_was(self, factors, path, tmp_path):
        """An angular index, whose items are the factors themselves, gives the same neighbours by the same cosines."""
        old = AnnoyIndex(F, "angular")
        for item, vector in enumerate(factors):
            old.add_item(item, vector)
        old.build(10)
        old.save(str(tmp_path / "old.ann"))
        index, now = open_index(str(tmp_path / "old.ann"), N, F, metric_of({"growing": 2})), open_index(str(path), N, F)
        for rank in (0, 17, N - 1):
            found, again = (find_similar(each, rank, 10, 10 * N) for each in (index, now))
            np.testing.assert_array_equal(found[0], again[0])
            np.testing.assert_allclose(found[1], again[1], atol=1e-5)
            np.testing.assert_array_equal(*(find_near(each, factors[rank], 80 * N) for each in (index, now)))
        np.testing.assert_array_equal(index.get_item_vector(3), held_vectors(factors[3:4], np.ones(1), "angular")[0])
        for wrong, metric in ((path, "angular"), (tmp_path / "old.ann", "euclidean")):
            with pytest.raises(CorruptArtefact):
                open_index(str(wrong), N, F, metric)

    @pytest.mark.parametrize(("distance", "sound"), [(np.sqrt(2), True), (0.3, False)])
    def test_a_short_search_that_misses_the_item_itself_is_no_damage(self, distance, sound):
        """On trained factors one item in ten does not meet itself; what counts is whether the distances are true."""

        class Missing:
            """Stores two items at right angles, and answers with the other one."""

            get_n_items = staticmethod(lambda: 2)
            get_item_vector = staticmethod(lambda item: [1.0, 0.0] if item else [0.0, 2.0])
            get_nns_by_vector = staticmethod(lambda *_, **__: ([1], [distance]))

        assert _answers_truly(Missing(), 0) is sound

    def test_a_missing_file_is_refused(self, tmp_path):
        """The message names the file."""
        with pytest.raises(CorruptArtefact, match=r"index\.ann"):
            open_index(str(tmp_path / "index.ann"), N, F)


class TestSimilar:
    def test_equals_exact_cosine_when_everything_is_asked(self, factors, path):
        """Nearest first, without the track itself, with true cosines."""
        index, unit = open_index(str(path), N, F), factors / np.linalg.norm(factors, axis=1, keepdims=True)
        for rank in (0, 17, N - 1):
            ranks, cosines = find_similar(index, rank, 10, 10 * N)
            exact = np.argsort(-(unit @ unit[rank]))[1:11]
            np.testing.assert_array_equal(ranks, exact)
            np.testing.assert_allclose(cosines, unit[exact] @ unit[rank], atol=1e-5)

    def test_fewer_tracks_give_a_shorter_list(self, tmp_path):
        """Three tracks have two neighbours each, and nothing is invented."""
        build_trees(np.eye(3, F, dtype=np.float32), str(tmp_path / "index.ann"), 10, 1)
        ranks, cosines = find_similar(open_index(str(tmp_path / "index.ann"), 3, F), 1, 10, 100)
        assert sorted(ranks.tolist()) == [0, 2]
        assert len(cosines) == 2

    def test_among_equal_tracks_the_track_itself_is_left_out(self, tmp_path):
        """With thirty copies Annoy may list itself anywhere, or not at all: the list is ten others either way."""
        build_trees(np.ones((30, F), np.float32), str(tmp_path / "index.ann"), 10, 1)
        index = open_index(str(tmp_path / "index.ann"), 30, F)
        for rank in range(30):
            ranks, cosines = find_similar(index, rank, 10, 1000)
            assert len(ranks) == 10
            assert rank not in ranks
            np.testing.assert_allclose(cosines, 1, atol=1e-5)

    @pytest.mark.parametrize("rank", [-1, N])
    def test_an_unknown_rank_is_refused(self, path, rank):
        """Annoy would read beyond its file, or raise an IndexError."""
        with pytest.raises(UnknownId, match="not among the 600"):
            find_similar(open_index(str(path), N, F), rank, 10, 100)


def test_neighbours_are_rising_and_distinct(factors, path):
    """The search merges them after the scanned ranks, in rank order; only the direction is asked for."""
    index = open_index(str(path), N, F)
    ranks = find_near(index, factors[3], 400)
    assert 3 in ranks
    assert (np.diff(ranks) > 0).all()
    assert len(ranks) == 50
    np.testing.assert_array_equal(find_near(index, 1000 * factors[3], 400), ranks)
