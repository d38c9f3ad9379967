"""What the tests of the first hour share: a reader without rights, and commands as a stranger types them."""

import uuid
from types import SimpleNamespace

import pytest
from conftest import execute

from recsys_tasks.cli.main import main


@pytest.fixture
def reader(source_dsn):
    """A role without any rights, and its address."""
    name = f"reader_{uuid.uuid4().hex[:12]}"
    execute(source_dsn, f"CREATE ROLE {name} LOGIN")
    yield name, source_dsn.replace("postgres:@", f"{name}@")
    execute(source_dsn, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.fixture
def recsys(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty folder, with an environment of its own: ``recsys(dsn, "init")``."""
    monkeypatch.chdir(tmp_path)

    def run(dsn, *words, **variables):
        environment = {"RECSYS_ROOT": str(tmp_path / "store"), "RECSYS_CONFIG": str(tmp_path / "recsys.toml")}
        environment |= {"USER": "olga", **({"RECSYS_SOURCE_DSN": dsn} if dsn else {}), **variables}
        returncode = main(words, environment)
        said = capsys.readouterr()
        return SimpleNamespace(returncode=returncode, stdout=said.out, stderr=said.err)

    return run
