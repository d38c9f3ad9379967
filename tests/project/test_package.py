"""What pip installs: all files of the library, what it imports, and the command ``recsys``."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.demo.run_demo import require_clone

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "recsys_tasks"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
LINE = re.compile(r"^(\S+)==(\S+)", re.MULTILINE)
DISTRIBUTIONS = packages_distributions()
SHOW_THREADS = """
import sys
import recsys_tasks.__main__ as program
assert "numpy" not in sys.modules
sys.argv = ["recsys", "status"]
program.run()
from threadpoolctl import threadpool_info
print(*{pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})
"""


def names(requirements):
    """The packages of some requirements, in the spelling of an index."""
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def imported(path):
    """The packages outside the standard library that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        tops = {module.split(".")[0] for module in modules} - sys.stdlib_module_names - {"recsys_tasks"}
        yield from (canonicalize_name(DISTRIBUTIONS.get(top, [top])[0]) for top in tops)  # optional: not installed


def test_every_file_of_the_library_is_installed():
    """Templates, styles and presets lie in packages, and a pattern of the package data takes each of them along."""
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["*"]
    packages = {path.parent for path in LIBRARY.rglob("__init__.py")}
    data = {p for p in LIBRARY.rglob("*") if p.is_file() and p.suffix != ".py" and "__pycache__" not in p.parts}
    assert {LIBRARY / "demo" / "demo.toml", LIBRARY / "pages" / "static" / "page.css"} <= data
    assert data == {path for package in packages for pattern in patterns for path in package.glob(pattern)} & data
    assert {path.parent for path in LIBRARY.rglob("*.py")} == packages


def test_what_is_imported_is_required():
    """A package that only Airflow happens to bring would be missing where the library is installed alone."""
    paths = set(LIBRARY.rglob("*.py"))
    demo = {path for path in paths if path.is_relative_to(LIBRARY / "demo")}
    optional = [name for extra, some in EXTRAS.items() if extra not in ("airflow", "demo") for name in some]
    assert {name for path in paths - demo for name in imported(path)} <= names([*PROJECT["dependencies"], *optional])
    assert {name for path in demo for name in imported(path)} <= names([*PROJECT["dependencies"], *EXTRAS["demo"]])


def test_the_lock_is_within_the_bounds():
    """Each package that pyproject.toml asks for is pinned in one of the locks, at a version that it allows."""
    locks = [f"requirements{of}.txt" for of in ("", "-spark", "-gpu")]
    lock = {name: pinned for file in reversed(locks) for name, pinned in LINE.findall((ROOT / file).read_text())}
    wanted = [Requirement(text) for text in sum(EXTRAS.values(), PROJECT["dependencies"])]
    assert [str(asked) for asked in wanted if not asked.specifier.contains(lock[asked.name])] == []


def test_what_trains_elsewhere_is_installed_for_nobody_else():
    """Neither a Spark of half a gigabyte nor the libraries of CUDA are in the lock that every installation takes."""
    everybody = {name for name, _ in LINE.findall((ROOT / "requirements.txt").read_text())}
    assert everybody & names([*EXTRAS["spark"], *EXTRAS["gpu"], "py4j"]) == set()


def test_the_command_keeps_numpy_to_one_thread(tmp_path):
    """The command is the function of ``python -m recsys_tasks``, which sets the threads of BLAS before numpy loads."""
    assert PROJECT["scripts"] == {"recsys": "recsys_tasks.__main__:run"}
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "RECSYS_ROOT": str(tmp_path), "PYTHONPATH": str(ROOT)}
    said = subprocess.check_output([sys.executable, "-c", SHOW_THREADS], env=environment, text=True)
    assert said.splitlines()[-1] == "1"


def test_the_demo_without_its_clone_says_what_is_missing(tmp_path):
    """In an installed wheel there are no DAGs: the demo names what it looked for, and where."""
    require_clone()
    (tmp_path / "dags").mkdir()
    with pytest.raises(ConfigError, match=f"a clone of the project: {tmp_path} has no plugins/. Run scripts/demo"):
        require_clone(tmp_path)
