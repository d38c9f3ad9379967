"""The one place that writes bytes: complete or absent, never in between."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.errors import CorruptArtefact, NotStored, StorageError
from recsys_tasks.storage.access import Access
from recsys_tasks.storage.artefacts import open_artefact, save_artefact
from recsys_tasks.storage.files import link_new, new_directory, remove_tree, replace_file, sha256_of, write_file
from recsys_tasks.storage.manifest import MANIFEST
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.temporary import TEMPORARY, sweep, temporary_directory

ONE = digest_of("one")


def artefact(root: Path, values=(1, 2, 3)):
    """A small stored artefact."""
    return save_artefact(root, root / "things" / "one", digest_of("one"), {"a": 1}, {"values": np.array(values)})


class TestNewDirectory:
    def test_an_exception_leaves_nothing(self, tmp_path):
        """A writer that fails half-way leaves neither the directory nor a temporary."""

        def fill_and_fail():
            with new_directory(tmp_path, tmp_path / "final") as new:
                temporary = new.path
                (temporary / "half").write_text("half")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fill_and_fail()
        assert not (tmp_path / "final").exists()
        assert list((tmp_path / TEMPORARY).iterdir()) == []

    def test_the_first_writer_wins(self, tmp_path):
        """A second writer of the same name keeps what is there, and says nothing."""
        artefact(tmp_path, (1, 2, 3))
        assert artefact(tmp_path, (9, 9, 9)).array("values").tolist() == [1, 2, 3]

    def test_files_are_read_only(self, tmp_path):
        """What is stored cannot be written to by accident."""
        assert (artefact(tmp_path).path / "values.npy").stat().st_mode & 0o222 == 0

    def test_a_file_that_arrived_in_part_is_not_kept(self, tmp_path):
        """A disk that holds fewer bytes than it took: the writer is told how many, and nothing appears."""

        def fill_and_lose(path, output):
            output.write(bytes(100_000))
            os.truncate(path, 7)

        def store():
            with new_directory(tmp_path, tmp_path / "final") as new:
                temporary = new.path
                write_file(temporary / "a", lambda output: fill_and_lose(temporary / "a", output))

        with pytest.raises(StorageError, match="final cannot be written: 7 of 100,000 bytes arrived in a"):
            store()
        assert not (tmp_path / "final").exists()

    def test_a_full_disk_says_what_it_needs(self, tmp_path):
        """No room: the message names the path, the bytes that did not suffice, and what to do."""

        def fill_the_disk():
            with new_directory(tmp_path, tmp_path / "final") as new:
                temporary = new.path
                (temporary / "half").write_bytes(bytes(12_345))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        said = (
            r"final cannot be written: No space left on device; it needs more than 12,345 bytes\. Make room, then rerun"
        )
        with pytest.raises(StorageError, match=said):
            fill_the_disk()
        assert list((tmp_path / TEMPORARY).iterdir()) == []

    def test_a_read_only_place_is_said(self, tmp_path):
        """A store that cannot be written to is a storage error with its path."""
        (tmp_path / "file").write_text("not a directory")
        with pytest.raises(StorageError, match="file/things cannot be written"):
            replace_file(tmp_path / "file", tmp_path / "file" / "things", b"")


class TestWriteFile:
    @pytest.mark.parametrize("size", [0, 10, 3 << 20])
    def test_the_checksum_is_that_of_the_bytes(self, tmp_path, size):
        """A file has the SHA-256 that writing it gave, hashed beside the writing where it is large."""
        content = np.random.default_rng(size).bytes(size)

        def fill(output):
            output.write(content)
            output.write(b"end")

        assert write_file(tmp_path / "a", fill) == (size + 3, sha256_of(tmp_path / "a"))
        assert (tmp_path / "a").read_bytes() == content + b"end"


class TestArrays:
    @pytest.mark.parametrize(
        "values",
        [
            np.arange(12, dtype=np.uint32),
            np.arange(12, dtype=np.float32).reshape(3, 4),
            np.asfortranarray(np.arange(12.0).reshape(3, 4)),
            np.arange(24.0).reshape(4, 6)[::2, ::3],
            np.zeros((0, 4), np.float32),
        ],
        ids=["flat", "rows", "columns", "spread", "empty"],
    )
    def test_an_array_is_stored_as_numpy_would(self, tmp_path, values):
        """However it lies in memory, the file is byte for byte that of ``np.save``."""
        np.save(tmp_path / "expected.npy", values, allow_pickle=False)
        stored = save_artefact(tmp_path, tmp_path / "things" / "one", digest_of("one"), {}, {"values": values})
        assert (stored.path / "values.npy").read_bytes() == (tmp_path / "expected.npy").read_bytes()


class TestLinkNew:
    def test_a_name_is_taken_once(self, tmp_path):
        """The second creator of a name is told, and the content stays the first's."""
        assert link_new(tmp_path, tmp_path / "log" / "1.json", b"first")
        assert not link_new(tmp_path, tmp_path / "log" / "1.json", b"second")
        assert (tmp_path / "log" / "1.json").read_bytes() == b"first"


class NoModes(Access):
    """What a disk that fails in every chmod leaves of giving a mode."""

    def give(self, path):
        """Refuse."""
        raise OSError(errno.EIO, "Input/output error")


class TestSweep:
    def test_a_directory_that_gets_no_mode_is_not_left(self, tmp_path):
        """A disk that fails between making a temporary directory and its mode leaves nothing of it."""
        (tmp_path / TEMPORARY).mkdir(mode=0o700)
        with pytest.raises(OSError, match="Input/output"), temporary_directory(tmp_path, NoModes(0o700, 0o400)):
            pass
        assert list((tmp_path / TEMPORARY).iterdir()) == []

    def test_a_place_that_cannot_be_made_is_told_in_a_sentence(self, tmp_path):
        """Whoever needs a place for temporary files on a disk that gives none learns which path, and what to do."""
        (tmp_path / TEMPORARY).write_text("in the way")
        with (
            pytest.raises(StorageError, match=r"\.tmp cannot be written: .*then rerun"),
            PosixStore(tmp_path).workspace(),
        ):
            pass

    def test_what_a_killed_remover_left_is_swept(self, tmp_path):
        """Killed after the rename, it left a directory that nobody holds; a file goes at once, by its name alone."""
        kept = artefact(tmp_path).path
        (tmp_path / TEMPORARY / "killed").mkdir()
        kept.rename(tmp_path / TEMPORARY / "killed" / "one")
        assert (sweep(tmp_path), list((tmp_path / TEMPORARY).iterdir())) == (["killed"], [])
        replace_file(tmp_path, tmp_path / "one", b"1")
        remove_tree(tmp_path, tmp_path / "one")
        assert not (tmp_path / "one").exists()

    def test_a_removal_that_the_disk_does_not_confirm_removes_nothing(self, tmp_path, monkeypatch):
        """An fsync that fails puts the directory back, whole, and leaves nothing among the temporary ones."""
        kept = artefact(tmp_path).path

        def broken(descriptor: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fsync", broken)
        with pytest.raises(StorageError, match="Input/output error"):
            remove_tree(tmp_path, kept)
        assert ((kept / "values.npy").exists(), list((tmp_path / TEMPORARY).iterdir())) == (True, [])

    def test_a_link_is_removed_and_not_what_it_leads_to(self, tmp_path):
        """Somebody put a link in an artefact's place: only the link goes."""
        kept = artefact(tmp_path / "other").path
        (tmp_path / "link").symlink_to(kept)
        remove_tree(tmp_path, tmp_path / "link")
        assert (os.path.lexists(tmp_path / "link"), (kept / "values.npy").exists()) == (False, True)

    def test_a_link_in_place_of_the_temporary_folder_leads_nobody_away(self, tmp_path):
        """Whoever shares a store must not have another account remove, or fill, what lies elsewhere."""
        store, precious = PosixStore(tmp_path / "store"), tmp_path / "elsewhere" / "precious"
        store.create("small", b"1")
        (store.root / TEMPORARY).rmdir()
        precious.mkdir(parents=True)
        (store.root / TEMPORARY).symlink_to(precious.parent)
        for act in (store.sweep, lambda: store.create("other", b"2"), lambda: artefact(store.root)):
            with pytest.raises(StorageError, match="is a link to"):
                act()
        assert (list(precious.parent.iterdir()), store.names("")) == ([precious], [TEMPORARY, "small"])

    def test_a_sweep_between_making_and_locking_is_no_error(self, tmp_path, monkeypatch):
        """A new temporary directory that a sweep takes before its writer holds it is made once more."""
        make = tempfile.mkdtemp
        swept = []

        def make_and_sweep(**where):
            path = make(**where)
            swept.extend(sweep(tmp_path) if not swept else [])
            return path

        monkeypatch.setattr(tempfile, "mkdtemp", make_and_sweep)
        assert link_new(tmp_path, tmp_path / "log" / "1.json", b"first")
        assert len(swept) == 1

    def test_a_dead_writers_leftovers_go_and_a_living_ones_stay(self, tmp_path):
        """What a killed process left is removed; work in progress is not touched."""
        killed = "import os, sys; from pathlib import Path; from recsys_tasks.storage.files import new_directory\n"
        killed += "root = Path(sys.argv[1])\nwith new_directory(root, root / 'x'): os.kill(os.getpid(), 9)"
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        subprocess.run([sys.executable, "-c", killed, str(tmp_path)], env=environment, check=False)
        assert len(list((tmp_path / TEMPORARY).iterdir())) == 1
        with new_directory(tmp_path, tmp_path / "alive") as new:
            alive = new.path
            assert len(sweep(tmp_path)) == 1
            assert [path.name for path in (tmp_path / TEMPORARY).iterdir()] == [alive.name]


class TestVerification:
    @pytest.mark.parametrize(
        ("damage", "said"),
        [
            (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes where its manifest says"),
            (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x7f"), "differs from the checksum"),
            (lambda path: path.unlink(), "is missing"),
        ],
    )
    def test_damage_is_named_before_anything_is_read(self, tmp_path, damage, said):
        """A truncated, flipped or missing file is refused with its name."""
        stored = artefact(tmp_path)
        file = stored.path / "values.npy"
        file.chmod(0o644)
        damage(file)
        with pytest.raises(CorruptArtefact, match=f"values.npy {said}|{said}"):
            open_artefact(stored.path)

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 9, "files": {}, "digest": "", "figures": {}}'])
    def test_a_manifest_that_is_none_is_refused(self, tmp_path, content):
        """An empty, torn, foreign or too new manifest vouches for nothing."""
        stored = artefact(tmp_path)
        (stored.path / "manifest.json").chmod(0o644)
        (stored.path / "manifest.json").write_bytes(content)
        with pytest.raises(CorruptArtefact, match=r"manifest\.json"):
            open_artefact(stored.path)

    @pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/b", ".."])
    def test_a_manifest_cannot_name_a_file_elsewhere(self, tmp_path, name):
        """A path in a manifest never leaves its directory."""
        stored = artefact(tmp_path)
        manifest = stored.path / "manifest.json"
        manifest.chmod(0o644)
        manifest.write_text(manifest.read_text().replace("values.npy", name))
        with pytest.raises(CorruptArtefact, match="outside its directory"):
            open_artefact(stored.path)

    def test_another_artefact_under_the_name_is_refused(self, tmp_path):
        """A directory moved to another's name is seen by its digest."""
        with pytest.raises(CorruptArtefact, match="not of"):
            open_artefact(artefact(tmp_path).path, digest_of("two"))

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda content: content.replace(b'"a":1', b'"a":2'), "differs from its own checksum"),
            (lambda content: content + b"\n", "differs from its own checksum"),
        ],
    )
    def test_a_manifest_vouches_for_itself(self, tmp_path, change, said):
        """An altered key, or one byte more than was written: the manifest is refused although it can be read."""
        manifest = artefact(tmp_path).path / "manifest.json"
        manifest.chmod(0o644)
        manifest.write_bytes(change(manifest.read_bytes()))
        with pytest.raises(CorruptArtefact, match=said):
            open_artefact(manifest.parent)

    def test_an_artefact_under_anothers_name_is_refused(self, tmp_path):
        """A sound directory that was copied over another one is seen by the place in its manifest."""
        moved = artefact(tmp_path).path.rename(tmp_path / "things" / "two")
        with pytest.raises(CorruptArtefact, match="belongs to things/one"):
            open_artefact(moved)

    def test_a_file_that_was_not_asked_for_is_neither_read_nor_given(self, tmp_path):
        """Opened for one file alone, damage elsewhere does not matter, and nothing else can be had."""
        files = {name: np.array([1]) for name in ("one", "other")}
        path = save_artefact(tmp_path, tmp_path / "things" / "two", digest_of("two"), {}, files).path
        (path / "other.npy").chmod(0o644)
        (path / "other.npy").write_bytes(b"damage")
        opened = open_artefact(path, only=("one.npy",))
        assert opened.array("one").tolist() == [1]
        with pytest.raises(CorruptArtefact, match=r"other\.npy is not among"):
            opened.array("other")

    def test_damage_under_a_taken_name_is_found_on_saving(self, tmp_path):
        """A second writer does not vouch for what the first one left."""
        damaged = artefact(tmp_path).path / "values.npy"
        damaged.chmod(0o644)
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x7f")
        with pytest.raises(CorruptArtefact, match="differs from the checksum"):
            artefact(tmp_path)

    def test_what_was_never_stored_is_said(self, tmp_path):
        """A missing artefact is an error of its own, which says what to run."""
        with pytest.raises(NotStored, match="Run the step that makes it"):
            open_artefact(tmp_path / "nothing")


@pytest.mark.parametrize("read", ["read", "bounded", "manifest", "open"])
def test_a_pipe_in_place_of_a_file_holds_nobody_up(tmp_path, read):
    """Whoever opened it would wait for ever for somebody to write: a page, a reader, retention."""
    store = PosixStore(tmp_path)
    store.put("things/one", ONE, {}, {})
    (tmp_path / "things" / "one" / MANIFEST).unlink()
    os.mkfifo(tmp_path / "things" / "one" / MANIFEST)
    reads = {
        "read": lambda: store.read(f"things/one/{MANIFEST}"),
        "bounded": lambda: store.read(f"things/one/{MANIFEST}", 100),
        "manifest": lambda: store.manifest("things/one"),
        "open": lambda: store.open("things/one"),
    }
    with pytest.raises(CorruptArtefact, match=r"plain (file|manifest)"):
        reads[read]()
