"""Several accounts of one machine, and one store: private at first, then shared by a group that not all are of."""

import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from accounts import ALICE, BOB, CAROL, GROUP, GROUP_NUMBER, common_folder, reachable
from settings import TOML

from recsys_tasks.repositories.splits import SALT
from recsys_tasks.storage.temporary import TEMPORARY

OF_ALICE = f"belongs to uid {ALICE.number}, group gid {ALICE.number}"
SALT_OF = """
import pathlib, sys
from recsys_tasks.repositories.splits import Splits
from recsys_tasks.storage.posix import PosixStore
print(Splits(PosixStore(pathlib.Path(sys.argv[1]))).salt(f"drawn by {sys.argv[2]}"), end="")
"""


def everything(root: Path) -> dict[Path, tuple[int, int, int, int]]:
    """Path below a store -> mode, owner, group, and when it was last written."""
    found = {path: path.lstat() for path in (root, *root.rglob("*"))}
    return {path: (each.st_mode, each.st_uid, each.st_gid, each.st_mtime_ns) for path, each in found.items()}


@pytest.fixture(scope="module")
def story(world_dsn):
    """Alice runs a day, Bob is refused; she shares the store, he runs the next day; Carol is of no group of theirs."""
    with common_folder() as folder, reachable(world_dsn):
        root, config = folder / "store", folder / "recsys.toml"
        config.write_text(TOML)
        named = {"RECSYS_ROOT": str(root), "RECSYS_CONFIG": str(config), "RECSYS_SOURCE_DSN": world_dsn}
        told = SimpleNamespace(root=root, named=named)
        told.first = ALICE.recsys("run", "--date", "2026-01-13", **named)
        told.private = everything(root)
        told.bob_before = [BOB.recsys(*words, **named) for words in (("run", "--date", "2026-01-14"), ("status",))]
        told.untouched = everything(root)
        told.seized = BOB.recsys("store", "--group", GROUP, **named)
        told.share = ALICE.recsys("store", "--group", GROUP, **named)
        told.shared = everything(root)
        told.second = BOB.recsys("run", "--date", "2026-01-14", **named)
        told.both = everything(root)
        yield told


class TestPrivate:
    def test_it_is_its_owners_alone(self, story):
        """Whatever the umask, nothing in a new store has a right for anybody else: plays, salt, alerts and records."""
        assert story.first.returncode == 0, story.first.stderr
        modes = {oct(stat.S_IMODE(mode)) for mode, *_ in story.private.values()}
        assert modes == {"0o700", "0o400"}

    def test_another_account_is_told_before_any_work(self, story):
        """It learns whose the store is, who it is itself, and what to do; nothing was begun, or called corrupt."""
        run, status = story.bob_before
        assert (run.returncode, status.returncode) == (1, 1)
        assert run.stderr.startswith(f"StorageError: Nothing can be stored in {story.root}: this is account uid")
        assert status.stderr.startswith(f"Unreadable: {story.root}/releases/log cannot be read: this is account uid")
        for said in (run.stderr, status.stderr):
            assert f"{story.root} {OF_ALICE}, mode 0700" in said
            assert "recsys store --group NAME" in said
            assert len(said.splitlines()) == 1
            assert "orrupt" not in said
        assert story.untouched == story.private

    def test_only_its_owner_shares_it(self, story):
        """Another account cannot let itself in."""
        assert story.seized.returncode == 1
        assert story.seized.stderr.startswith("Unreadable: ")


class TestShared:
    def test_sharing_mends_what_is_stored_already(self, story):
        """One command, and every directory and file is the group's; it says so, and that it is the same store."""
        assert story.share.returncode == 0, story.share.stderr
        assert f"shared by the accounts of group {GROUP}. All " in story.share.stdout
        assert {(oct(stat.S_IMODE(mode)), group) for mode, _, group, _ in story.shared.values()} == {
            ("0o2770", GROUP_NUMBER),
            ("0o440", GROUP_NUMBER),
        }

    def test_the_second_account_runs_the_next_day(self, story):
        """It goes on from what the first one made, under another umask, and what it makes is the group's as well."""
        assert story.second.returncode == 0, story.second.stderr
        owners = {path.relative_to(story.root).as_posix(): owner for path, (_, owner, _, _) in story.both.items()}
        assert owners["partitions/2026-01-13/manifest.json"] == ALICE.number
        assert owners["partitions/2026-01-14/manifest.json"] == BOB.number
        assert (owners["releases/log/1.json"], owners["releases/log/2.json"]) == (ALICE.number, BOB.number)
        assert {(oct(stat.S_IMODE(mode)), group) for mode, _, group, _ in story.both.values()} == {
            ("0o2770", GROUP_NUMBER),
            ("0o440", GROUP_NUMBER),
        }
        assert list((story.root / TEMPORARY).iterdir()) == []

    @pytest.mark.parametrize("account", [ALICE, BOB], ids=["the first", "the second"])
    def test_both_read_the_release(self, story, account):
        """Recommendations, and every file of the live release; and the store is as its mark says."""
        for words in (("recommend", "5"), ("verify",), ("store",)):
            asked = account.recsys(*words, **story.named)
            assert asked.returncode == 0, (words, asked.stderr)

    def test_an_account_outside_reads_nothing(self, story):
        """Neither by our commands, which say whose group it is not of, nor by opening a file."""
        for words in (("recommend", "5"), ("store",), ("run", "--date", "2026-01-15")):
            asked = CAROL.recsys(*words, **story.named)
            assert asked.returncode == 1, words
            assert f"{story.root} belongs to uid {ALICE.number}, group {GROUP}, mode 2770" in asked.stderr
            assert f"Make this account a member of group {GROUP}" in asked.stderr
        files = [str(path) for path, (mode, *_) in story.both.items() if stat.S_ISREG(mode)]
        opened = CAROL.run(
            "-c", "import os, sys; print(sum(os.access(file, os.R_OK) for file in sys.argv[1:]))", *files
        )
        assert (opened.stdout.strip(), len(files) > 50) == ("0", True)

    def test_the_salt_is_read_by_those_who_run_days_alone(self, story):
        """Who makes a split needs it, so the group may read it; nobody may write to it, and nobody else may read it."""
        drawn = [account.run("-c", SALT_OF, str(story.root), account.name) for account in (BOB, ALICE, CAROL)]
        assert [each.stdout for each in drawn] == ["drawn by Bob", "drawn by Bob", ""]
        assert "Make this account a member of group" in drawn[-1].stderr
        assert stat.S_IMODE((story.root / SALT).stat().st_mode) == 0o440

    def test_what_one_left_behind_the_other_finds_and_mends(self, story):
        """A directory with a wrong mode is counted by its owner, and the other account's day is refused at once."""
        folder = story.root / "partitions" / "2026-01-13"
        folder.chmod(0o700)
        try:
            state = ALICE.recsys("store", **story.named)
            assert (state.returncode, f"1 of uid {ALICE.number}." in state.stdout) == (1, True), state.stdout
            run = BOB.recsys("run", "--date", "2026-01-15", **story.named)
            assert run.returncode == 1
            assert f"may not work in {folder} belongs to uid {ALICE.number}, group {GROUP}, mode 0700" in run.stderr
            assert ALICE.recsys("store", "--group", GROUP, **story.named).returncode == 0
            assert stat.S_IMODE(folder.stat().st_mode) == 0o2770
        finally:
            folder.chmod(0o2770)

    def test_a_store_of_two_accounts_is_not_made_private(self, story):
        """Its owner could not read the other's files then: the command says who owns what, and changes nothing."""
        asked = ALICE.recsys("store", "--private", **story.named)
        assert asked.returncode == 2
        assert f"uid {BOB.number}: " in asked.stderr
        assert "chown -R ACCOUNT" in asked.stderr
        assert stat.S_IMODE(story.root.stat().st_mode) == 0o2770
