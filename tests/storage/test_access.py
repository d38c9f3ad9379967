"""Who may read and write what is stored, and what is said to whom who may not."""

import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from accounts import ALICE, BOB, CAROL, GROUP, GROUP_NUMBER, common_folder

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.errors import CorruptArtefact, Unreadable
from recsys_tasks.storage.mark import MARK, Mark
from recsys_tasks.storage.posix import PosixStore

STORE = (
    "import pathlib, sys; from recsys_tasks.storage.posix import PosixStore as P; s = P(pathlib.Path(sys.argv[1]))\n"
)
PRIVATE_MARK, SHARED_MARK = Mark("1" * 32, "2026-01-13"), Mark("1" * 32, "2026-01-13", GROUP)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["umask 0", "umask 22", "umask 77"])
def umask(request):
    """Whatever the umask is."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def alices(tmp_path):
    """A store that belongs to Alice, in a folder that everybody may enter."""
    with common_folder() as folder:
        root = folder / "store"
        assert (
            ALICE.run("-c", f"{STORE}s.create('things/one', b'1'); s.create('store.json', b'')", str(root)).stderr == ""
        )
        yield root


def shared(root: Path) -> None:
    """Let the group in, as ``recsys store --group`` does."""
    (root / MARK).unlink()
    (root / MARK).write_bytes(SHARED_MARK.to_bytes())
    for path in (root, *root.rglob("*")):
        os.chown(path, -1, GROUP_NUMBER)
        path.chmod(0o2770 if path.is_dir() else 0o440)


def work_in(store: PosixStore) -> None:
    """Write in each way."""
    store.put("matrices/a", digest_of("a"), {}, {"values": np.arange(3)})
    store.create("releases/log/1.json", b"1")
    store.replace("partitions/2026-01-13/manifest.json", b"1")
    with store.workspace() as folder:
        assert Path(folder).stat().st_mode & 0o007 == 0


def modes(root: Path) -> set[str]:
    """The modes of everything below a root."""
    return {oct(stat.S_IMODE(path.stat().st_mode)) for path in root.rglob("*")}


class TestModes:
    def test_a_store_is_private_by_itself(self, tmp_path, umask):
        """Directories 0700 and files 0400, the root that was made too, whatever the umask is; marked or not yet."""
        store = PosixStore(tmp_path / "store")
        work_in(store)
        store.create(MARK, PRIVATE_MARK.to_bytes())
        store.replace("alerts/a/alert.json", b"1")
        assert modes(tmp_path) == {"0o700", "0o400"}

    def test_a_shared_one_is_its_groups(self, tmp_path, umask):
        """Directories 2770 and files 0440 as soon as the mark says so, whatever the umask is."""
        store = PosixStore(tmp_path / "store")
        store.create(MARK, SHARED_MARK.to_bytes())
        (store.root / MARK).chmod(0o440)
        store.root.chmod(0o2770)
        work_in(store)
        assert modes(tmp_path) == {"0o2770", "0o440"}

    def test_a_root_that_was_there_is_left_alone(self, tmp_path):
        """It may hold more than our store; what we make in it is private all the same."""
        (tmp_path / "store").mkdir(mode=0o755)
        (tmp_path / "store").chmod(0o755)
        work_in(PosixStore(tmp_path / "store"))
        assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o755
        assert modes(tmp_path / "store") == {"0o700", "0o400"}

    def test_an_older_store_is_closed_where_it_is_written_to(self, tmp_path):
        """A directory that an earlier version left open to all gets the store's mode with the next file in it."""
        (tmp_path / "partitions" / "2026-01-13").mkdir(parents=True)
        for path in tmp_path.rglob("*"):
            path.chmod(0o755)
        PosixStore(tmp_path).replace("partitions/2026-01-13/manifest.json", b"1")
        assert modes(tmp_path) == {"0o700", "0o400"}

    def test_what_root_makes_is_the_owners(self, alices):
        """A rollback by root at night leaves nothing that the store's owner could not read in the morning."""
        (alices / MARK).unlink()
        work_in(PosixStore(alices))
        assert {path.stat().st_uid for path in (alices, *alices.rglob("*"))} == {ALICE.number}
        again = f"{STORE}s.create('releases/log/2.json', s.read('releases/log/1.json')); s.remove('matrices/a')"
        assert ALICE.run("-c", again, str(alices)).stderr == ""


class TestSharedWork:
    def test_each_replaces_removes_and_sweeps_what_the_other_made(self, alices):
        """Also a directory of the other's, as retention does, and what a killed writer of the other's left behind."""
        shared(alices)
        made = "s.put('matrices/a', 'd', {}, {}); s.replace('things/two', b'1')"
        killed = "import os\nwith s.workspace() as folder:\n  open(folder + '/half', 'w').close(); os._exit(0)"
        assert ALICE.run("-c", f"{STORE}{made}", str(alices)).stderr == ""
        ALICE.run("-c", f"{STORE}{killed}", str(alices))
        theirs = "s.replace('things/two', b'2'); s.remove('matrices/a'); print(s.names('matrices'), len(s.sweep()))"
        assert BOB.run("-c", f"{STORE}{theirs}", str(alices)).stdout.strip() == "[] 1"
        assert ALICE.run("-c", f"{STORE}print(s.read('things/two'))", str(alices)).stdout.strip() == "b'2'"

    def test_a_writer_that_ends_meanwhile_refuses_nobody(self, tmp_path):
        """Temporary directories come and go while the rights are looked at: one that has gone is no lack of rights."""
        store = PosixStore(tmp_path / "store")
        with ThreadPoolExecutor(4) as writers:
            writing = [writers.submit(store.replace, f"things/{n}", b"1") for n in range(200)]
            while not all(each.done() for each in writing):
                store.require_rights()
        assert len(store.names("things")) == len([each.result() for each in writing]) == 200


class TestWords:
    def test_a_closed_folder_above_the_store_is_named(self, alices):
        """Sharing the store cannot help there: the message says to open the way, or to move the store."""
        alices.parent.chmod(0o700)
        said = BOB.run("-c", f"{STORE}s.read('things/one')", str(alices)).stderr.splitlines()[-1]
        assert f"{alices.parent} belongs to uid {ALICE.number}" in said
        assert f"chmod o+x {alices.parent}" in said

    @pytest.mark.parametrize("ask", ["s.read('things/one')", "s.names('things')", "s.holds('things/one')"])
    def test_what_may_not_be_read_is_not_missing_either(self, alices, ask):
        """No error that says to run a step, no empty list, no False: it is there, and may not be read."""
        said = CAROL.run("-c", f"{STORE}{ask}", str(alices)).stderr.splitlines()[-1]
        assert said.startswith(f"recsys_tasks.core.errors.Unreadable: {alices}/things")
        assert "Nothing says that it is damaged." in said

    @pytest.mark.parametrize("ask", ["open", "manifest"])
    @pytest.mark.parametrize("name", ["manifest.json", "values.npy", ""])
    def test_an_artefact_of_another_account_is_not_corrupt(self, alices, ask, name):
        """Its manifest, a file, its directory: whichever is closed, nobody is told to remove what is sound."""
        (alices / MARK).unlink()
        PosixStore(alices).put("matrices/a", "d", {}, {"values": np.arange(3)})
        for path in (alices, *alices.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o444)
        (alices / "matrices" / "a" / name).chmod(0o700 if not name else 0o400)
        asked = BOB.run("-c", f"{STORE}s.{ask}('matrices/a')", str(alices))
        if (ask, name) == ("manifest", "values.npy"):
            assert asked.stderr == ""
        else:
            assert "errors.Unreadable: " in asked.stderr
            assert "orrupt" not in asked.stderr.splitlines()[-1]

    def test_a_failing_disk_is_not_corrupt(self, tmp_path):
        """The system says EIO: the message passes it on, and says where to look (/proc/self/mem fails like that)."""
        if sys.platform != "linux":
            pytest.skip("/proc/self/mem is Linux's")
        (tmp_path / "failing").symlink_to("/proc/self/mem")
        with pytest.raises(Unreadable, match=r"failing cannot be read: Input/output error\. The disk failed"):
            PosixStore(tmp_path).read("failing")

    def test_a_damaged_mark_is_said(self, tmp_path):
        """Nobody guesses who shares a store: what would be written is not."""
        store = PosixStore(tmp_path)
        store.create(MARK, SHARED_MARK.to_bytes().replace(GROUP.encode(), b"other"))
        with pytest.raises(CorruptArtefact, match=r"store\.json is no mark of a store\. Restore it from a backup"):
            store.create("things/one", b"1")
