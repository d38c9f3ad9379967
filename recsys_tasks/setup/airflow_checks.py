"""Whether an Airflow in this environment has what the DAGs need. It is asked by a program that lies beside the DAGs.

The library imports no Airflow: the program is run with the same Python, and answers in JSON.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recsys_tasks.core.services import Service
from recsys_tasks.setup.checks import FAIL, NOT_HERE, OK, WARN, Check

PROGRAM = "recsys_dag/doctor.py"
OLDEST, NEWEST_UNKNOWN = (3, 2), (4,)
PATIENCE_S = 180
_FOLDER = "from airflow.configuration import conf; print(conf.get('core', 'dags_folder'))"
Run = subprocess.CompletedProcess[str]


def is_here() -> bool:
    """Whether the Python that runs this has an Airflow."""
    return find_spec("airflow") is not None


def airflow_checks(services: Mapping[Service, Sequence[str]], environment: Mapping[str, str]) -> list[Check]:
    """Ask the Airflow of this environment. services: each with the connections that its alerts go to."""
    if not is_here():
        mend = "Run `recsys doctor` once more with the Python of your Airflow, as the account of its tasks."
        return [Check("airflow", NOT_HERE, "not in this environment.", mend)]
    folder = _said(_python(environment, "-c", _FOLDER))
    programs = sorted(Path(folder).rglob(PROGRAM)) if folder else []
    if not programs:
        said = f"its DAGs folder ({folder or 'which it does not tell'}) has no {PROGRAM}."
        mend = "Copy dags/ there, or let [core] dags_folder name it; `recsys run` needs none of it."
        return [Check("airflow: DAGs", WARN, said, mend)]
    names = {
        "pools": [service.pool for service in services],
        "connections": [name for service, alerts in services.items() for name in (service.connection, *alerts)],
        "dags": [name for service in services for name in service.dag_ids],
    }
    answer = _said(_python(environment, "-P", str(programs[0]), told=json.dumps(names)))
    if not answer.startswith("{"):
        return [Check("airflow", FAIL, "it cannot be loaded.", "Look at `airflow info` in this environment.")]
    return list(judged(json.loads(answer), services))


def judged(told: Mapping[str, Any], services: Mapping[Service, Sequence[str]]) -> Iterator[Check]:
    """What the program told, as checks."""
    yield _version(told["version"])
    yield from _plugin(told["plugin"])
    database = told["database"]
    if "error" in database:
        yield Check("airflow: database", FAIL, f"it cannot be asked ({database['error']}).", "airflow db check")
        return
    yield from _files(database["import_errors"])
    for service, alerts in services.items():
        yield _pool(service.pool, database["pools"][service.pool])
        yield from _dags({name: database["dags"][name] for name in service.dag_ids})
        yield from _connections(service, alerts, told["connections"])


def _version(version: str) -> Check:
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if OLDEST <= parts < NEWEST_UNKNOWN:
        return Check("airflow: version", OK, f"{version}.")
    return Check("airflow: version", FAIL, f"{version}; these DAGs need 3.2 or newer, below 4.", "Use such a one.")


def _plugin(told: Mapping[str, Any]) -> Iterator[Check]:
    mend = "Copy plugins/ to [core] plugins_folder, install recsys-pipeline here, and look at `airflow plugins`."
    if told.get("loaded"):
        yield Check("airflow: plugin", OK, "recsys is loaded.")
    else:
        yield Check("airflow: plugin", FAIL, f"recsys is not loaded{_because(told)}.", mend)
    for name in told.get("broken", ()):
        yield Check("airflow: plugin", WARN, f"{name} cannot be loaded.", "airflow plugins")


def _because(told: Mapping[str, Any]) -> str:
    return f" ({told['error']})" if "error" in told else ""


def _files(broken: Sequence[str]) -> Iterator[Check]:
    for name in broken:
        yield Check("airflow: DAG files", FAIL, f"{name} cannot be imported.", "airflow dags list-import-errors")


def _pool(name: str, slots: int | None) -> Check:
    create = f'airflow pools set {name} 1 "works on the store"'
    if slots is None:
        return Check(f"airflow: pool {name}", WARN, "there is none; the plugin makes it before the first run.", create)
    if slots != 1:
        return Check(f"airflow: pool {name}", WARN, f"{slots} slots; two runs would do each other's work.", create)
    return Check(f"airflow: pool {name}", OK, "one slot.")


def _dags(states: Mapping[str, str]) -> Iterator[Check]:
    for name, state in states.items():
        if state == "on":
            yield Check(f"airflow: DAG {name}", OK, "unpaused.")
        elif state == "paused":
            yield Check(f"airflow: DAG {name}", WARN, "paused.", f"airflow dags unpause {name}")
        else:
            mend = "Start the dag-processor, and see that it has RECSYS_CONFIG and RECSYS_ROOT."
            yield Check(f"airflow: DAG {name}", FAIL, "Airflow does not know it.", mend)


def _connections(service: Service, alerts: Sequence[str], known: Mapping[str, str]) -> Iterator[Check]:
    for name in (service.connection, *alerts):
        kind = "" if "error" in known else known[name]
        if kind == "unreadable":
            said = "it is stored, and this Airflow's Fernet key does not decrypt it, so that its tasks find none."
            mend = "Give every process of Airflow the key it was stored with, or store it anew."
            yield Check(f"airflow: connection {name}", FAIL, said, mend)
        elif kind:
            yield Check(f"airflow: connection {name}", OK, f"of type {kind}.")
        elif name == service.connection:
            said = f"there is none; tasks then need {service.dsn_variable}."
            yield Check(f"airflow: connection {name}", WARN, said, f"airflow connections add {name} ...")
        else:
            said = "there is none, and [alert] names it."
            yield Check(f"airflow: connection {name}", FAIL, said, f"airflow connections add {name} ...")


def _python(environment: Mapping[str, str], *words: str, told: str = "") -> Run:
    command = [sys.executable, *words]
    try:
        return subprocess.run(
            command, env=dict(environment), input=told, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "")


def _said(done: Run) -> str:
    """The last line that a program wrote; empty where it failed."""
    lines = done.stdout.strip().splitlines()
    return lines[-1] if lines and done.returncode == 0 else ""
