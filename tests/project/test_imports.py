"""The direction of dependencies: errors <- domain <- numerics <- edges <- steps <- command line, DAG and plugins."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = sorted((ROOT / "recsys_tasks").rglob("*.py"))
LAYERS = [
    {"errors", "answers", "digests", "memory", "sections", "__init__"},
    {"domain", "policy"},
    {"config", "files", "versions"},
    {"artefacts", "run_records"},
    {
        "keyed_random",
        "metrics",
        "popularity",
        "ranked_tracks",
        "annoy_trees",
        "best_lists",
        "play_matrix",
        "als_loss",
        "alerts",
        "drawing",
    },
    {"annoy_index", "exact_search"},
    {"als", "stored_forms", "search", "truth", "holdout", "estimates", "drift", "release_log"},
    {"evaluation", "calibration", "gate", "quality", "store", "source_connection", "stream_counting"},
    {"source_queries", "source_rows"},
    {"source_schema"},
    {"charts", "report_tables", "report_words", "tune", "source", "releases", "outbox"},
    {"bundle", "report", "series", "partition_versions"},
    {"overview"},
    {"reader", "steps"},
    {"workplaces", "pages"},
    {"tune_command", "cli_pipeline", "cli_gate", "cli_lineage", "cli_releases", "cli_report", "demo"},
    {"cli"},
    {"__main__"},
]
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
DECIDING = [
    "domain",
    "play_matrix",
    "holdout",
    "metrics",
    "popularity",
    "evaluation",
    "estimates",
    "gate",
    "drift",
    "quality",
    "charts",
    "drawing",
    "report_tables",
    "report_words",
    "release_log",
    "als",
]


def imports(path):
    """Names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "recsys_tasks":
                yield from (f"recsys_tasks.{alias.name}" for alias in node.names)


def room(path):
    """The room that a file of the library belongs to."""
    return path.relative_to(ROOT / "recsys_tasks").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_leans_only_on_rooms_below_it(path):
    """No module of the library imports Airflow, the DAGs or the plugins, nor a room above its own."""
    for name in imports(path):
        top, *rest = name.split(".")
        assert top not in {"airflow", "dags", "plugins", "recsys_dag"}, f"{path.name} imports {name}"
        if top == "recsys_tasks" and rest and rest[0] != room(path):
            assert LAYER[rest[0]] < LAYER[room(path)], f"{path.name} imports {name}, which lies above it"


@pytest.mark.parametrize("name", DECIDING)
def test_a_deciding_module_sees_no_clock_environment_or_connection(name):
    """What decides gets everything as arguments: it imports neither os, time, sys, pathlib nor a database driver."""
    seen = {module.split(".")[0] for module in imports(ROOT / "recsys_tasks" / f"{name}.py")}
    assert not seen & {"os", "sys", "time", "pathlib", "psycopg2", "sqlalchemy", "subprocess", "random"}


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_unsafe_is_deserialised(path):
    """No pickle, and every numpy load refuses pickled objects."""
    text = path.read_text()
    assert not {module.split(".")[0] for module in imports(path)} & {"pickle", "joblib", "dill", "shelve"}
    assert "allow_pickle=True" not in text
    assert text.count("np.load(") == text.count("allow_pickle=False") - text.count("np.save(")
