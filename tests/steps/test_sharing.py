"""Whose a store is: said, changed, and everything in it mended; nothing outside is touched."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.steps.one_store import begin
from recsys_tasks.steps.sharing import keep_private, look_at_store, share
from recsys_tasks.storage.posix import PosixStore

NOW = datetime(2026, 1, 16, tzinfo=UTC)


def mode(path: Path) -> int:
    """The mode of a path."""
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def older(tmp_path):
    """A store of an earlier version: open to all but for its artefacts, without a mark."""
    root = tmp_path / "store"
    (root / "partitions" / "2026-01-13").mkdir(parents=True)
    (root / "partitions" / "2026-01-13" / "manifest.json").write_bytes(b"1")
    for path in (root, *root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o444)
    return PosixStore(root)


class TestOlder:
    def test_it_is_looked_at_without_a_mark(self, older):
        """What is not as it should be is counted by account, with the command that mends it; nothing is changed."""
        state = look_at_store(older)
        assert not state.is_sound
        assert str(state).startswith(f"Unmarked {older.root}: private to ")
        assert "Other than modes 0700 and 0400: 4 of " in str(state)
        assert "Run recsys store --private" in str(state)
        assert older.names("") == ["partitions"]

    def test_it_is_closed_at_once(self, older):
        """One command: its root too, which a day would have left as it is; and it is marked from then on."""
        assert keep_private(older, NOW).is_sound
        state = look_at_store(older)
        assert (state.is_sound, state.id, state.group) == (True, begin(older, NOW).id, None)
        assert {mode(path) for path in (older.root, *older.root.rglob("*"))} == {0o700, 0o400}

    def test_a_link_out_of_it_is_not_followed(self, older, tmp_path):
        """Who may write in a store must not have another account open or close files elsewhere."""
        for name in ("file", "folder"):
            target = tmp_path / name
            target.mkdir() if name == "folder" else target.write_bytes(b"1")
            target.chmod(0o755)
            (older.root / f"link to a {name}").symlink_to(target)
        keep_private(older, NOW)
        assert {mode(tmp_path / name) for name in ("file", "folder")} == {0o755}


class TestRefused:
    def test_a_group_that_is_not_there(self, older):
        """A typing error shares nothing."""
        with pytest.raises(ConfigError, match=r"There is no group nobodys-group on this machine\. Make it \(groupadd"):
            share(older, "nobodys-group", NOW)
        assert older.names("") == ["partitions"]

    def test_a_store_that_is_not_there(self, tmp_path):
        """To look at one makes none."""
        with pytest.raises(ConfigError, match=f"There is no store at {tmp_path / 'none'}"):
            look_at_store(PosixStore(tmp_path / "none"))
        assert list(tmp_path.iterdir()) == []
