"""What a store in a bucket promises beyond every store: its cache, its leftovers, a server that is tried first."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic

import numpy as np
import pytest
from faulty_proxy import Fault, faulty_proxy
from object_servers import forgetful_server

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.errors import CorruptArtefact, StorageError
from recsys_tasks.core.roots import Cache
from recsys_tasks.storage.bucket_artefacts import FILES, WRITING
from recsys_tasks.storage.leases import leased
from recsys_tasks.storage.manifest import Manifest, StoredFile
from recsys_tasks.storage.object_store import ObjectStore

ONE = digest_of("one")
LARGE = np.arange(100_000)  # 800,000 bytes
OUTAGE_S = 6.0
"""Longer than ten pauses that hardly grow, which take 2.5 s, and shorter than the patience of the client."""


def put(store, name="things/one", values=LARGE):
    """An artefact of one array."""
    return store.put(name, ONE, {}, {"values": values})


def elsewhere(store, folder, megabytes=20_000):
    """The same store on another machine, with a cache of its own."""
    return ObjectStore(replace(store.root, cache=Cache(folder, megabytes)))


def downloaded(store, work):
    """Bytes that come down while something is done."""
    before = store.moved()
    work()
    return store.moved().since(before).downloaded


class TestCache:
    def test_what_this_machine_made_is_not_fetched(self, bucket_store):
        """After an upload the files are in the cache; only the manifest is read."""
        put(bucket_store)
        assert downloaded(bucket_store, lambda: bucket_store.open("things/one").array("values")) < 1000

    def test_nor_is_what_it_stored_as_an_object(self, bucket_store):
        """A partition's counts are an object of their own first, and then a file of the manifest that names them."""
        content = LARGE.tobytes()
        files = {"plays.parquet": StoredFile(len(content), hashlib.sha256(content).hexdigest())}
        bucket_store.replace("partitions/one/plays.parquet", content)
        bucket_store.replace("partitions/one/manifest.json", Manifest(ONE, {}, {}, files, "partitions/one").sealed())
        assert downloaded(bucket_store, lambda: bucket_store.open("partitions/one")) < 1000
        assert bucket_store.open("partitions/one").file("plays.parquet").read_bytes() == content

    def test_another_machine_fetches_once(self, bucket_store, tmp_path):
        """The first opening downloads the file, the second one nothing but the manifest."""
        put(bucket_store)
        other = elsewhere(bucket_store, tmp_path / "other")
        assert downloaded(other, lambda: other.open("things/one")) > LARGE.nbytes
        assert downloaded(other, lambda: other.open("things/one")) < 1000
        assert (other.open("things/one").array("values") == LARGE).all()

    def test_threads_that_lack_the_same_file_fetch_it_once(self, bucket_store, tmp_path):
        """ALS and the components beside it open a day's matrix at the same moment: one of them downloads it."""
        put(bucket_store)
        other = elsewhere(bucket_store, tmp_path / "other")

        def all_open():
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(other.open, ["things/one"] * 4))

        assert LARGE.nbytes < downloaded(other, all_open) < 2 * LARGE.nbytes

    def test_what_rots_in_the_cache_is_fetched_again(self, bucket_store):
        """A cache can be wrong without harm: its files are verified each time, and are only copies."""
        file = put(bucket_store).file("values.npy")
        file.chmod(0o600)
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        assert (bucket_store.open("things/one").array("values") == LARGE).all()

    def test_what_rots_in_the_bucket_is_refused(self, bucket_store, tmp_path):
        """Other bytes than the manifest's are damage, named by their address; the cache does not take them."""
        put(bucket_store)
        (stored,) = bucket_store._requests.all_below(FILES)
        bucket_store._requests.put(stored.name, bytes(stored.size))
        other = elsewhere(bucket_store, tmp_path / "other")
        for _ in range(2):
            with pytest.raises(CorruptArtefact, match=r"s3://.*/things/one/values.npy differs from the checksum"):
                other.open("things/one")

    def test_it_keeps_within_its_bound(self, bucket_store, tmp_path):
        """What was used longest ago goes first, and what is open stays, also where only an array of it is."""
        other = elsewhere(bucket_store, tmp_path / "other", megabytes=2)
        names = [f"things/{n}" for n in range(4)]
        for name in names:
            put(bucket_store, name)
        mapped = other.open(names[0]).array("values", mapped=True)
        for name in names[1:]:
            other.open(name)
        assert (mapped == LARGE).all()
        there = [
            downloaded(other, lambda name=name: other.open(name)) < 1000 for name in (names[3], names[0], names[1])
        ]
        assert there == [True, True, False]
        del mapped

    def test_large_objects_of_their_own_are_fetched_once(self, bucket_store, tmp_path):
        """A partition's counts are read from the cache while they are the version that the bucket has."""
        name = "partitions/2026-01-01/plays-1.parquet"
        bucket_store.replace(name, bytes(100_000))
        assert downloaded(bucket_store, lambda: bucket_store.read(name)) == 0
        elsewhere(bucket_store, tmp_path / "other").replace(name, bytes(99_999) + b"x")
        assert bucket_store.read(name)[-1:] == b"x"


class TestLeftovers:
    def test_of_many_writers_of_other_bytes_one_wins_whole(self, bucket_store, tmp_path):
        """All get the winner's artefact, verified, and nothing of the losers stays in the bucket."""
        stores = [elsewhere(bucket_store, tmp_path / str(n)) for n in range(6)]
        with ThreadPoolExecutor(6) as writers:
            made = list(writers.map(lambda n: put(stores[n], values=np.full(10, n)).array("values")[0], range(6)))
        assert len(set(made)) == 1
        assert len(bucket_store._requests.all_below(FILES)) == 1
        assert bucket_store._requests.all_below(WRITING) == []

    def test_an_upload_without_its_manifest_is_not_there(self, bucket_store, monkeypatch):
        """A writer killed before the manifest left nothing that anybody sees; the next one stores the artefact."""
        monkeypatch.setattr(bucket_store._requests, "create", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        monkeypatch.setattr(ObjectStore, "_trusted", True)
        with pytest.raises(KeyboardInterrupt):
            put(bucket_store)
        monkeypatch.undo()
        assert (bucket_store.holds("things/one"), bucket_store.names("things")) == (False, [])
        assert len(bucket_store._requests.all_below(FILES)) == 1
        assert (put(bucket_store).array("values") == LARGE).all()

    def test_leftovers_are_swept_when_their_writer_must_be_dead(self, bucket_store):
        """What no manifest vouches for goes after a day by the bucket's own clock; what one vouches for never."""
        put(bucket_store)
        bucket_store._requests.put(f"{FILES}/things/one/values.npy/other", b"of a loser")
        bucket_store._requests.put(f"{FILES}/things/two/values.npy/other", b"of a dead writer")
        for name in ("things/one", "things/two"):
            bucket_store._requests.put(f"{WRITING}/{name[-3:]}", name.encode())
        assert bucket_store.sweep() == []
        swept = ObjectStore(bucket_store.root, dead_after=-1).sweep()  # of Ceph, a HEAD tells whole seconds
        assert sorted(swept) == [f"{FILES}/things/{name}/values.npy/other" for name in ("one", "two")]
        assert bucket_store._requests.all_below(WRITING) == []
        assert (bucket_store.open("things/one").array("values") == LARGE).all()


class TestServers:
    def test_one_that_takes_a_name_twice_is_refused(self, bucket_store):
        """Nothing is stored where the second conditional put is answered with 200: which server, and what instead."""
        with forgetful_server() as server:
            root = server.bucket("store", bucket_store.root.cache.folder)
            for write in (lambda store: store.create("log/1.json", b"1"), put, ObjectStore.require_rights):
                with pytest.raises(
                    StorageError, match=r"at http://127.*Forgetful/1.*does not keep its word.*SeaweedFS"
                ):
                    write(ObjectStore(root))
            assert ObjectStore(root).names("log") == []

    @pytest.mark.parametrize("kind", ["503", "reset"])
    def test_one_that_is_away_for_seconds_is_waited_for(self, bucket_store, object_server, kind):
        """A server that asks to be spared, or is started again, costs the time until it is back, and no refusal."""
        with faulty_proxy(object_server.endpoint) as proxy:
            store = ObjectStore(bucket_store.root.given({"endpoint": proxy.endpoint}))
            store.create("before", b"1")
            until = monotonic() + OUTAGE_S
            proxy.count_anew(lambda _: Fault(kind) if monotonic() < until else None)
            with ThreadPoolExecutor() as askers:
                read = askers.submit(store.read, "before")
                created = askers.submit(store.create, "meanwhile", b"2")
                replaced = askers.submit(store.replace, "other", b"3")
                assert (read.result(), created.result(), replaced.result()) == (b"1", True, None)
            assert monotonic() > until
        assert (bucket_store.read("meanwhile"), bucket_store.read("other")) == (b"2", b"3")

    def test_a_lease_ends_with_its_time(self, bucket_store):
        """Whoever was killed while it held a folder keeps it from the others for some minutes, not for ever."""
        requests = bucket_store._requests
        requests.create(".locks/alerts/a/1", b"held")
        with leased(requests, "alerts/a", wait=False) as mine:
            assert not mine
        with leased(requests, "alerts/a", wait=True, lasts=-1) as mine:
            assert mine
            with leased(requests, "alerts/a", wait=False) as also_mine:
                assert not also_mine
