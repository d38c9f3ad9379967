"""The stranger's own Airflow: an environment of its own, with a DAG that has nothing to do with us."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CLONE = Path(__file__).parents[2]
AIRFLOW = ("apache-airflow", "apache-airflow-providers-smtp", "apache-airflow-providers-postgres")
FOREIGN_DAG = "nightly_report"
FOREIGN = f'''"""A DAG of somebody else."""

import pendulum
from airflow.sdk import DAG, task

with DAG("{FOREIGN_DAG}", schedule=None, start_date=pendulum.datetime(2020, 1, 1, tz="UTC")):

    @task
    def say() -> str:
        return "said"

    say()
'''


def own_copy(folder: Path) -> Path:
    """The clone as another person would clone it: what git knows of, as it is now."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=CLONE, check=True, capture_output=True).stdout.split(b"\0")
    for name in filter(None, map(os.fsdecode, names)):
        if (CLONE / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CLONE / name, folder / name)
    return folder


def own_python(folder: Path) -> Path:
    """A virtual environment with Airflow and nothing of ours; its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    options = ["--quiet", "--disable-pip-version-check", "-c", str(CLONE / "constraints.txt")]
    subprocess.run([str(python), "-m", "pip", "install", *options, *AIRFLOW], check=True)
    return python


def folders(home: Path) -> dict[str, str]:
    """Airflow's variables for DAGs and plugins of its own; the foreign DAG lies there already."""
    dags, plugins = home / "dags", home / "plugins"
    dags.mkdir(parents=True)
    plugins.mkdir()
    (dags / f"{FOREIGN_DAG}.py").write_text(FOREIGN)
    return {"AIRFLOW__CORE__DAGS_FOLDER": str(dags), "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins)}


def outside() -> dict[str, str]:
    """The caller's environment without anything of Airflow, of this program or of its virtual environment."""
    strange = ("AIRFLOW", "RECSYS", "PYTHON", "VIRTUAL_ENV", "PG")
    return {name: value for name, value in os.environ.items() if not name.startswith(strange)}


def with_programs(environment: Mapping[str, str], python: Path) -> dict[str, str]:
    """The environment of a terminal where the stranger's virtual environment is active."""
    return {
        **environment,
        "PATH": f"{python.parent}{os.pathsep}{environment['PATH']}",
        "VIRTUAL_ENV": str(python.parents[1]),
    }
