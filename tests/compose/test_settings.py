"""What scripts/compose-check makes before it starts anything; the rest it is that is seen when it runs."""

import re
import shutil
from pathlib import Path

import pytest

from compose.engines import HERE
from compose.images import OWN, STAND_INS, Secrets, named_images
from compose.settings_of_run import CERTIFICATE, secrets_of_build, write_settings
from compose.stack import is_well

CLONE = HERE.parents[1]


def test_every_image_has_a_stand_in() -> None:
    """No image is named in our files that the check could neither pull nor make; its own ones it builds."""
    named = named_images(CLONE)
    assert named.keys() == STAND_INS.keys()
    assert not any(name.startswith(OWN) for name in named)
    for folder in STAND_INS.values():
        assert (HERE / "standins" / folder / "Dockerfile").exists()


def test_an_example_is_filled_in_whole(tmp_path: Path) -> None:
    """Every variable that Compose insists on has a value, files are private, and keys lie there for a bucket only."""
    shutil.copy(CLONE / ".env.example", tmp_path)
    build = Secrets(Path("/pip.conf"), Path("/ca.crt"))
    values = write_settings(tmp_path, build, {"AIRFLOW_PORT": "1234"})
    filled = dict(re.findall(r"^(\w+)=(.*)$", (tmp_path / ".env").read_text(), re.MULTILINE))
    assert all(filled[name] for name in re.findall(r"\$\{(\w+):\?", (CLONE / "docker-compose.yml").read_text()))
    assert (filled["AIRFLOW_PORT"], filled["BUILD_CA"]) == ("1234", "/ca.crt")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "tokens").read_text() == f"check {values['READER_TOKEN']}\n"
    assert not (tmp_path / "store.env").exists()
    write_settings(tmp_path, build, {"RECSYS_ROOT": "s3://recsys/store"})
    assert "AWS_ENDPOINT_URL=http://s3:8333\n" in (tmp_path / "store.env").read_text()


def test_a_build_gets_what_pip_is_told_but_no_place_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index goes along, a folder does not, and the certificate lies where the build finds it."""
    (tmp_path / "own.crt").write_text("a certificate")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip-of-machine.conf"))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "BUILD_PIP_CONF", "BUILD_CA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "own.crt"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///here/simple")
    made = secrets_of_build(tmp_path)
    lines = made.pip_conf.read_text().splitlines()
    assert "index-url = https://index.example/simple" in lines
    assert f"cert = {CERTIFICATE}" in lines
    assert "file:" not in made.pip_conf.read_text()
    assert made.build_ca.read_text() == "a certificate"


def test_a_job_is_well_when_it_has_ended_well() -> None:
    """A server has to be healthy; what runs once has to have ended with 0, and nothing else will do."""
    assert is_well({"Service": "init", "State": "exited", "ExitCode": 0, "Health": ""})
    assert not is_well({"Service": "demo-world", "State": "exited", "ExitCode": 2, "Health": ""})
    assert is_well({"Service": "scheduler", "State": "running", "ExitCode": 0, "Health": "healthy"})
    assert not is_well({"Service": "scheduler", "State": "running", "ExitCode": 0, "Health": "starting"})
    assert not is_well({"Service": "reader", "State": "exited", "ExitCode": 0, "Health": ""})
