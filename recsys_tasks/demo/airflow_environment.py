"""The environment that every Airflow process of the demo gets: one dictionary, made from the home directory."""

import json
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from recsys_tasks.demo.ports import LOOPBACK, Ports

CLONE = Path(__file__).resolve().parents[2]
ADMIN, VIEWER = "admin", "vic"
SECRETS_FILE = "secrets.json"

# What each component is called on the command line. No component serves logs over the network (Airflow would listen on
# all interfaces): all of them share one log directory.
COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}

FOREIGN = ("AIRFLOW_CONN_RECSYS_SOURCE", "AIRFLOW_CONN_RECSYS_SINK", "RECSYS_SINK_DSN")

# Pools that the DAG's tasks ask for, and their slots.
POOLS: Mapping[str, int] = {"recsys_state": 1}


@dataclass(frozen=True)
class Secrets:
    """What is made up once and kept in files that only the owner may read."""

    fernet_key: str
    secret_key: str
    jwt_secret: str
    passwords: Mapping[str, str]
    passwords_file: Path


def keep_secrets(home: Path) -> Secrets:
    """Read the secrets of this home, or make them up; both files are readable by their owner alone."""
    keys = _read_or_make(
        home / SECRETS_FILE,
        lambda: {
            "fernet_key": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "secret_key": secrets.token_hex(32),
            "jwt_secret": secrets.token_hex(64),
        },
    )
    passwords_file = home / "passwords.json"
    passwords = _read_or_make(passwords_file, lambda: {name: secrets.token_urlsafe(12) for name in (ADMIN, VIEWER)})
    return Secrets(**keys, passwords=passwords, passwords_file=passwords_file)


def _read_or_make(path: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """The JSON of the file; where there is none, the one made, written whole with mode 0600 from the first byte."""
    if not path.exists():
        half = path.with_suffix(".new")
        half.unlink(missing_ok=True)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(make(), file)
        half.rename(path)
    values: dict[str, str] = json.loads(path.read_text())
    return values


def airflow_environment(
    home: Path, ports: Ports, known: Secrets, metadata_url: str, base: Mapping[str, str]
) -> dict[str, str]:
    """``base`` (the caller's own environment) with everything laid over it that the demo's Airflow needs."""
    url = f"http://{LOOPBACK}:{ports.api}"
    return {
        # what the caller has for a service of their own would send the tasks to another source or sink than the demo's
        **{name: value for name, value in base.items() if name not in FOREIGN},
        **_places(home, base),
        **_speed(),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata_url,
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__FERNET_KEY": known.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin,{VIEWER}:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(known.passwords_file),
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(ports.api),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": known.secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": known.jwt_secret,
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports.worker_log),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports.trigger_log),
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    }


def _places(home: Path, base: Mapping[str, str]) -> dict[str, str]:
    """Directories, and what the libraries below Airflow want to know."""
    search = [str(CLONE), *filter(None, [base.get("PYTHONPATH")])]
    return {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CLONE / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CLONE / "plugins"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "airflow" / "logs"),
        "PYTHONPATH": os.pathsep.join(search),
        "PYTHONUNBUFFERED": "1",
        "XDG_RUNTIME_DIR": str(home / "runtime"),
        "OPENBLAS_NUM_THREADS": "1",
    }


def _speed() -> dict[str, str]:
    """Short pauses: one machine, one DAG, a person who waits."""
    return {
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "AIRFLOW__TRIGGERER__CAPACITY": "20",
    }
