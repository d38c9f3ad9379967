"""Who may import whom, what pure rooms may be given, and that nothing unsafe is read back from a file."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = sorted((ROOT / "recsys_tasks").rglob("*.py"))
PURE_ROOMS = ("matrix", "recommenders", "index", "evaluation", "gate")
PURE = [path for path in LIBRARY if path.relative_to(ROOT / "recsys_tasks").parts[0] in PURE_ROOMS]
EDGES = {"Path", "Executor", "Future", "Workplace"}


def imports(path):
    """Names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def annotated(source):
    """(function, name) for each name that stands in an annotation of a function, also in one that is quoted."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = function.args
            arguments = [*parts.posonlyargs, *parts.args, *parts.kwonlyargs, parts.vararg, parts.kwarg]
            annotations = [argument.annotation for argument in arguments if argument] + [function.returns]
            for annotation in filter(None, annotations):
                yield from ((function.name, name) for name in _names(annotation))


def _names(annotation):
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _names(ast.parse(node.value, mode="eval"))


def test_a_room_imports_only_rooms_below_it():
    """The contracts of import-linter in pyproject.toml hold: the order of the rooms, and what pure code may import."""
    linter = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_room_takes_and_returns_values(path):
    """No function there takes or returns a path, an executor, a future or a workplace: a step has those."""
    assert [(function, name) for function, name in annotated(path.read_text()) if name in EDGES] == []


def test_an_edge_is_found_wherever_it_hides():
    """The search sees unions, generics, qualified and quoted names, keyword arguments and what is returned."""
    hidden = [
        "def f(a: Path | None): ...",
        "def f(*, a: dict[str, 'Path']): ...",
        "def f(*a: pathlib.Path): ...",
        "class C:\n    async def f(self) -> list[Path]: ...",
    ]
    assert all(("f", "Path") in annotated(source) for source in hidden)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_unsafe_is_deserialised(path):
    """No pickle, and every numpy load refuses pickled objects."""
    text = path.read_text()
    assert not {module.split(".")[0] for module in imports(path)} & {"pickle", "joblib", "dill", "shelve"}
    assert "allow_pickle=True" not in text
    assert text.count("np.load(") == text.count("allow_pickle=False") - text.count("np.save(")
