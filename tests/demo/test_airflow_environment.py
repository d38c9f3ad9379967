"""What the demo's supervisor hands to Airflow: ports, secrets, and an environment that holds nothing by mistake."""

import os
import stat
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from recsys_tasks.core.services import Service
from recsys_tasks.demo.airflow_environment import (
    CLONE,
    COMPONENTS,
    POOLS,
    airflow_environment,
    keep_secrets,
)
from recsys_tasks.demo.ports import LOOPBACK, Ports


class TestSecrets:
    def test_only_the_owner_may_read_them(self, tmp_path: Path) -> None:
        """Both files have mode 0600 whatever the umask says."""
        previous = os.umask(0)
        try:
            keep_secrets(tmp_path)
        finally:
            os.umask(previous)
        for name in ("secrets.json", "passwords.json"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600

    def test_they_are_kept(self, tmp_path: Path) -> None:
        """A second start reads the same secrets; another home has others."""
        (tmp_path / "other").mkdir()
        first, second, other = keep_secrets(tmp_path), keep_secrets(tmp_path), keep_secrets(tmp_path / "other")
        assert first == second
        assert first.jwt_secret != other.jwt_secret
        assert set(first.passwords) == {"admin", "vic"}
        assert len(set(first.passwords.values()) | set(other.passwords.values())) == 4

    def test_a_start_that_died_while_writing(self, tmp_path: Path) -> None:
        """A half-written file of an earlier start is written anew, not read."""
        (tmp_path / "secrets.new").write_text('{"fernet_')
        assert len(keep_secrets(tmp_path).jwt_secret) >= 64


class TestEnvironment:
    @pytest.fixture
    def environment(self, tmp_path: Path) -> dict[str, str]:
        """What Airflow is given in an empty home."""
        base = {"PATH": "/bin", "PYTHONPATH": "/theirs", "AIRFLOW_CONN_X": "http://x", "AIRFLOW__API__HOST": "0.0.0.0"}  # noqa: S104
        return airflow_environment(tmp_path, Ports(8081, 8082, 8083), keep_secrets(tmp_path), "postgresql://m", base)

    def test_every_option_exists(self, environment: dict[str, str]) -> None:
        """Airflow ignores a misspelt option without a word: each of ours is in the list of its release."""
        found = find_spec("airflow")
        assert found is not None
        assert found.submodule_search_locations is not None
        folder = Path(next(iter(found.submodule_search_locations)))
        known = yaml.safe_load((folder / "config_templates" / "config.yml").read_text())
        for name in (name for name in environment if name.startswith("AIRFLOW__")):
            section, option = name.removeprefix("AIRFLOW__").lower().split("__")
            assert option in known[section]["options"], name

    def test_nothing_listens_beyond_loopback(self, environment: dict[str, str]) -> None:
        """The host is loopback whatever the caller's environment says, and every address has the chosen port."""
        assert environment["AIRFLOW__API__HOST"] == LOOPBACK
        assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8081"
        assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"
        for component in ("scheduler", "triggerer"):
            assert "--skip-serve-logs" in COMPONENTS[component]

    def test_the_code_is_the_clones(self, environment: dict[str, str]) -> None:
        """DAGs, plugins and library come from this clone; the caller's connections and paths are passed on."""
        assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == str(CLONE / "dags")
        assert environment["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(CLONE / "plugins")
        assert environment["PYTHONPATH"].split(os.pathsep) == [str(CLONE), "/theirs"]
        assert environment["AIRFLOW_CONN_X"] == "http://x"

    def test_the_pools_of_the_dag_are_made(self) -> None:
        """Under the name that the only service of an installation gives it."""
        assert set(POOLS) == {Service("", None, None).pool}
