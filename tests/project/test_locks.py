"""The lock files: exact versions with hashes, from no named index, installed by their hashes alone."""

import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted(path.stem for path in ROOT.glob("requirements*.in"))


def entries(lock: str) -> list[tuple[Requirement, list[str]]]:
    """What a lock file pins, each with its hashes."""
    text = (ROOT / f"{lock}.txt").read_text().replace("\\\n", " ")
    parts = [line.split(" --hash=") for line in text.splitlines() if line and not line.startswith("#")]
    return [(Requirement(first.strip()), [each.strip() for each in hashes]) for first, *hashes in parts]


class TestLocks:
    def test_they_are_all_known(self) -> None:
        """Each file of wishes has its lock, and there is no other lock."""
        assert sorted(path.stem for path in ROOT.glob("requirements*.txt")) == LOCKS
        assert "requirements" in LOCKS

    @pytest.mark.parametrize("lock", LOCKS)
    def test_every_version_is_exact_and_has_hashes(self, lock: str) -> None:
        """One version of each package, with a sha256 for its source or for each of its wheels."""
        found = entries(lock)
        assert found
        assert len({asked.name for asked, _ in found}) == len(found)
        for asked, hashes in found:
            assert re.fullmatch(r"==[\w.!+-]+", str(asked.specifier)), asked
            assert hashes, asked
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), asked

    @pytest.mark.parametrize("lock", [*LOCKS, "constraints"])
    def test_no_index_is_named(self, lock: str) -> None:
        """Where packages come from is the machine's own setting, and nobody's address stands in the project."""
        assert not re.search(r"://|^-", (ROOT / f"{lock}.txt").read_text(), re.MULTILINE)

    def test_what_is_wished_for_is_locked(self) -> None:
        """No package was added to a file of wishes, or given another exact version, without its lock."""
        for lock in LOCKS:
            locked = {canonicalize_name(asked.name): asked for asked, _ in entries(lock)}
            for line in (ROOT / f"{lock}.in").read_text().splitlines():
                if wish := line.partition("#")[0].strip().removeprefix("-c requirements.txt"):
                    name = canonicalize_name(Requirement(wish).name)
                    assert name in locked, f"{lock}.in: {wish}: run scripts/lock"
                    assert Requirement(wish).specifier in ("", locked[name].specifier), wish

    def test_constraints_are_the_same_versions(self) -> None:
        """constraints.txt is requirements.txt without the hashes, which pip takes from no constraints."""
        lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
        assert list(map(str, map(Requirement, lines))) == [str(asked) for asked, _ in entries("requirements")]

    def test_what_the_tests_need_is_in_agreement(self) -> None:
        """Where two locks are installed together they hold the same versions, with the same hashes."""
        ours = {asked.name: (asked.specifier, sorted(hashes)) for asked, hashes in entries("requirements")}
        for asked, hashes in entries("requirements-dev"):
            assert ours.get(asked.name, (asked.specifier, sorted(hashes))) == (asked.specifier, sorted(hashes)), asked


def wheel(folder: Path, body: str) -> str:
    """A wheel of the package ``drawn`` with this content; its digest."""
    path = folder / "drawn-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("drawn.py", body)
        archive.writestr("drawn-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: drawn\nVersion: 1\n")
        archive.writestr("drawn-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("drawn-1.dist-info/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("tampered", [False, True])
def test_another_file_than_the_locked_one_is_not_installed(tmp_path: Path, tampered: bool) -> None:
    """The installation that all scripts share takes the file that was locked, and refuses one that was exchanged."""
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"drawn==1 --hash=sha256:{wheel(tmp_path, 'x = 1')}\n")
    if tampered:
        wheel(tmp_path, "x = 2")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    script = f'source scripts/_prepare.sh; pip_install --target {tmp_path}/into -r "$1"'
    environment = os.environ | {"venv": str(tmp_path / "venv"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(lock)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert (done.returncode == 0) == (not tampered), done.stderr
    assert (tmp_path / "into" / "drawn.py").exists() == (not tampered)
    if tampered:
        assert "DO NOT MATCH THE HASHES" in done.stderr


def test_every_installation_goes_by_hashes() -> None:
    """No script calls pip past the function that asks for hashes, and what is built is built by what is locked."""
    for script in (ROOT / "scripts").iterdir():
        calls = re.findall(r"^(?!\s*#).*pip install.*$", script.read_text(), re.MULTILINE)
        assert all("--require-hashes" in call for call in calls), script
    packages = {asked.name for asked, _ in entries("requirements")}
    assert {"annoy", "setuptools"} <= packages


class TestAudit:
    @pytest.fixture(scope="class")
    def audited(self) -> ModuleType:
        """The program that reads what pip-audit wrote."""
        spec = importlib.util.spec_from_file_location("_audited", ROOT / "scripts" / "_audited.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def said(self, audited: ModuleType, folder: Path, *found: dict[str, Any]) -> tuple[int, list[str]]:
        """What is said of a file of pip-audit's."""
        (folder / "audit.json").write_text(json.dumps({"dependencies": found, "fixes": []}))
        code, lines = audited.judged(folder / "audit.json")
        return code, lines

    CLEAN = {"name": "attrs", "version": "23.2.0", "vulns": []}  # noqa: RUF012 - read only
    SKIPPED = {"name": "rectools", "skip_reason": "Dependency not found on PyPI and could not be audited"}  # noqa: RUF012
    BAD = {"name": "jinja2", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}  # noqa: RUF012

    def test_an_answer_about_everything(self, audited: ModuleType, tmp_path: Path) -> None:
        """Only where every version was asked about, and none is known to be vulnerable, it ends with 0."""
        assert self.said(audited, tmp_path, self.CLEAN) == (0, ["1 versions, none known to be vulnerable."])

    def test_no_answer_is_not_a_good_one(self, audited: ModuleType, tmp_path: Path) -> None:
        """A mirror that knows nothing makes pip-audit end well; here it is said what was not asked, and why."""
        code, (line,) = self.said(audited, tmp_path, self.CLEAN, self.SKIPPED)
        assert code == 2
        assert line.startswith("NOT ASKED about 1 of 2 versions (rectools)")
        assert self.said(audited, tmp_path)[0] == 2
        assert audited.judged(tmp_path / "missing.json")[0] == 2

    def test_a_vulnerability_is_named_with_its_mend(self, audited: ModuleType, tmp_path: Path) -> None:
        """It is told with the version that mends it, whatever else could not be asked."""
        code, lines = self.said(audited, tmp_path, self.SKIPPED, self.BAD)
        assert code == 1
        assert lines[0] == "jinja2 2.0 is vulnerable: PYSEC-1, mended in 2.1."
        assert len(lines) == 2
