"""What every store promises, on each implementation: the disk, a bucket of a real server, and the one in memory that
tests of pure rules use."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import numpy as np
import pyarrow as pa
import pytest
from memory_store import MemoryStore

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.errors import BadData, CorruptArtefact, NotStored, StorageError
from recsys_tasks.storage.artefacts import LocalFile
from recsys_tasks.storage.manifest import LARGEST_MANIFEST, Manifest, StoredFile
from recsys_tasks.storage.posix import PosixStore

ONE, TWO = digest_of("one"), digest_of("two")


@pytest.fixture(params=["disk", "memory", "bucket"])
def store(request, tmp_path):
    """An empty store of each kind."""
    if request.param == "bucket":
        return request.getfixturevalue("bucket_store")
    return PosixStore(tmp_path / "store") if request.param == "disk" else MemoryStore()


def put(store, name="things/one", digest=ONE, values=(1, 2, 3)):
    """A small artefact."""
    table = pa.table({"a": list(values)})
    return store.put(name, digest, {"b": 1}, {"values": np.array(values), "rows": table}, {"n": len(values)})


class TestArtefacts:
    def test_what_was_put_is_opened_whole(self, store):
        """Arrays, tables, key and figures come back as they were given."""
        put(store)
        opened = store.open("things/one", ONE)
        assert opened.array("values").tolist() == [1, 2, 3]
        assert opened.table("rows").column("a").to_pylist() == [1, 2, 3]
        assert (opened.digest, opened.key, opened.figures) == (ONE, {"b": 1}, {"n": 3})
        assert store.manifest("things/one") == opened.manifest

    def test_threads_read_one_header_at_a_time(self, tmp_path, monkeypatch):
        """Of two threads that parse headers at once, some versions of Python end one with a SystemError."""
        store = PosixStore(tmp_path / "store")
        put(store)
        opened, load, inside, most = store.open("things/one", ONE), np.load, [0], [0]

        def slow(*args, **options):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            sleep(0.01)
            inside[0] -= 1
            return load(*args, **options)

        monkeypatch.setattr(np, "load", slow)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: opened.array("values").tolist(), range(8)))
        assert found == [[1, 2, 3]] * 8
        assert most == [1]

    def test_the_first_of_a_name_stays(self, store):
        """A second writer gets what the first one stored."""
        put(store)
        assert put(store, values=(9, 9)).array("values").tolist() == [1, 2, 3]

    def test_another_digest_under_the_name_is_refused(self, store):
        """Nobody gets another artefact than was asked for."""
        put(store)
        with pytest.raises(CorruptArtefact):
            store.open("things/one", TWO)

    def test_what_was_never_put_is_said(self, store):
        """A missing artefact is an error of its own."""
        with pytest.raises(NotStored):
            store.open("things/none")
        with pytest.raises(CorruptArtefact):
            store.manifest("things/none")

    @pytest.mark.parametrize(
        ("files", "figures"),
        [
            ({}, {"words": "x" * LARGEST_MANIFEST}),
            ({}, {"loss": float("nan")}),
            ({"away/values": np.arange(3)}, {}),
            ({"flags": np.zeros(3, dtype=bool)}, {}),
            ({"swapped": np.arange(3, dtype=">i8")}, {}),
            ({"objects": np.array([{}])}, {}),
        ],
    )
    def test_what_no_reader_would_take_is_not_stored(self, store, files, figures):
        """Beyond the bound, no number of JSON, a name elsewhere, an array of no numbers: nothing lies there."""
        with pytest.raises((BadData, StorageError)):
            store.put("things/one", ONE, {}, files, figures)
        assert not store.holds("things/one")
        assert put(store).array("values").tolist() == [1, 2, 3]

    @pytest.mark.parametrize("name", ["away/file", "..", "/etc/passwd", ""])
    def test_no_manifest_names_what_its_readers_would_refuse(self, name):
        """A file elsewhere is refused when it is written, not by everybody who comes later."""
        with pytest.raises(BadData, match="outside its directory"):
            Manifest(ONE, {}, {}, {name: StoredFile(1, "0")}).sealed()

    @pytest.mark.parametrize("write", ["create", "replace"])
    def test_a_small_object_is_written_only_if_it_can_be_read(self, store, write):
        """The bound of a reader is that of the writer; what stood there stands."""
        getattr(store, write)("small/object", b"12345678", 8)
        assert store.read("small/object", 8) == b"12345678"
        for name in ("small/object", "small/other"):
            with pytest.raises(BadData, match="9 bytes"):
                getattr(store, write)(name, b"123456789", 8)
        assert (store.read("small/object"), store.names("small")) == (b"12345678", ["object"])

    def test_a_file_of_a_workspace_becomes_part_of_an_artefact(self, store):
        """A file that another library wrote is moved in, and the workspace is gone afterwards."""
        with store.workspace() as folder:
            file = Path(folder) / "made.bin"
            file.write_bytes(b"somebody else's format")
            store.put("things/file", ONE, {}, {"made.bin": LocalFile(str(file))})
        assert not Path(folder).exists()
        assert store.open("things/file").file("made.bin").read_bytes() == b"somebody else's format"


class TestNames:
    def test_names_are_those_directly_below(self, store):
        """Listing a folder gives the last parts, sorted, each once; nothing where there is no folder."""
        put(store, "things/two", TWO)
        put(store)
        store.create("things/three/deep", b"x")
        assert store.names("things") == ["one", "three", "two"]
        assert store.names("nothing") == []
        assert "things" in store.names("")

    def test_what_is_removed_is_gone(self, store):
        """An artefact goes whole, and its neighbour of a like name stays."""
        put(store)
        put(store, "things/one-more", TWO)
        store.remove("things/one")
        assert not store.holds("things/one")
        assert store.names("things") == ["one-more"]
        assert store.bytes_of("things/one-more") > 0

    @pytest.mark.parametrize("name", ["things/one", "things/small"])
    def test_a_stamp_changes_with_the_content(self, store, name):
        """Equal stamps, equal content; nothing there, no stamp."""
        put(store)
        store.replace("things/small", b"1")
        before = store.stamp(name)
        assert store.stamp(name) == before is not None
        store.remove(name)
        assert store.stamp(name) is None


class TestSmallObjects:
    def test_a_name_is_taken_once(self, store):
        """The second creation of a name says so, and changes nothing."""
        assert store.create("log/1.json", b"first")
        assert not store.create("log/1.json", b"second")
        assert store.read("log/1.json") == b"first"

    def test_of_many_writers_one_wins(self, store):
        """However many create a name at once, exactly one is told that it did."""
        with ThreadPoolExecutor(8) as writers:
            won = list(writers.map(lambda n: store.create("log/2.json", b"%d" % n), range(24)))
        assert won.count(True) == 1
        assert store.read("log/2.json") == b"%d" % won.index(True)

    def test_a_replaced_object_is_the_new_one(self, store):
        """The content is what was set last."""
        for content in (b"old", b"new"):
            store.replace("marks/seen", content)
        assert store.read("marks/seen") == b"new"

    def test_what_is_missing_or_too_large_is_refused(self, store):
        """An object that is not there is not stored; one beyond the bound is none of ours."""
        with pytest.raises(NotStored):
            store.read("marks/none")
        store.replace("marks/large", b"x" * 100)
        with pytest.raises(CorruptArtefact):
            store.read("marks/large", most=99)
        assert len(store.read("marks/large", most=100)) == 100

    def test_a_lock_is_held_by_one(self, store):
        """Who does not want to wait is told that somebody else holds it, until they let go."""
        store.create("alerts/a/alert.json", b"{}")
        with store.locked("alerts/a") as mine:
            assert mine
            with store.locked("alerts/a", wait=False) as also_mine:
                assert not also_mine
        with store.locked("alerts/a", wait=False) as mine_again:
            assert mine_again


def test_the_manifest_tells_what_a_table_takes_in_memory(store):
    """By its values alone, however Arrow holds them: equal values have equal manifests."""
    texts, lists = ["ab", None, "é"], [["x", "yz"], [], None]
    whole = pa.table({"text": texts, "number": [1, 2, 3], "flag": [True, False, None], "tags": lists})
    pieces = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    for name, table in (("whole", whole), ("pieces", pieces)):
        store.put(f"things/{name}", ONE, {}, {"rows": table, "values": np.arange(3)})
    found = [store.manifest(f"things/{name}").files for name in ("whole", "pieces")]
    assert [files["rows.parquet"].unpacked for files in found] == [16 + 24 + 3 + 12 + 11] * 2
    assert found[0]["values.npy"].unpacked is None
