"""What the DAGs and the pages need of this Airflow and Python, in a sentence. Imports nothing that may be missing."""

import re
import sys
from importlib.util import find_spec

import airflow

OLDEST = "3.2"
MODULES = (
    "recsys_tasks",
    "annoy",
    "cachetools",
    "implicit",
    "jinja2",
    "markupsafe",
    "matplotlib",
    "numpy",
    "psycopg2",
    "pyarrow",
    "pydantic",
    "scipy",
    "sqlalchemy",
    "tabulate",
    "threadpoolctl",
    "tomlkit",
)
"""The library, and what it imports: the dependencies in pyproject.toml by the names of their modules."""


def lacking() -> str:
    """What is missing here and how to mend it; empty where nothing is."""
    if release(airflow.__version__) < release(OLDEST):
        return f"These DAGs need Airflow {OLDEST} or newer, and this is Airflow {airflow.__version__}. Upgrade Airflow."
    missing = [name for name in MODULES if not is_there(name)]
    return to_install(*missing) if missing else ""


def is_there(module: str) -> bool:
    """Whether a module can be found; whether it can also be loaded is seen when it is."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def to_install(*modules: str) -> str:
    """How to get modules that cannot be imported."""
    return (
        f"{sys.executable} cannot import {', '.join(modules)}. "
        f"In the project's folder, the one with pyproject.toml, run: {sys.executable} -m pip install '.[airflow]'"
    )


def release(version: str) -> tuple[int, ...]:
    """The two numbers that Airflow's interfaces go by."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
