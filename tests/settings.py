"""A finished store of three days of the small world: its configuration, how it is made, how it is looked at."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from benchmarks.passing_airflow import SMALL_TOML
from recsys_tasks.core.config import Config, parse_config
from recsys_tasks.steps import Signature
from recsys_tasks.steps.whole_day import run_day
from recsys_tasks.storage.artefacts import read_manifest
from recsys_tasks.storage.files import sha256_of
from recsys_tasks.storage.manifest import MANIFEST, StoredFile

SIGNED = Signature("olga", "a test", "2026-01-14T00:00:00+00:00", "test")
RUNS = count(1)
TOML = (
    SMALL_TOML.replace("[als]", "[als]\nthreads = 1")
    + """\
recall_queries = 200
[index]
trees = 5
calibration_queries = 100
"""
)
"""Of the small world, where most tests run some days and ask little of them: one thread, for which the bytes are those
of any, fewer of the questions that the gate asks an index, and an index that takes half a second less."""
VALUES = tomllib.loads(TOML)


def config(**changes) -> Config:
    """The configuration of the small world, with changes to its tables."""
    return parse_config({name: VALUES.get(name, {}) | changes.get(name, {}) for name in VALUES | changes})


def run(at, day, **options):
    """All steps of a day."""
    signature = replace(SIGNED, run_id=f"run {next(RUNS)}")
    return run_day(at, day, signature, lambda: datetime.now(UTC), **options)


def artefacts_of(root: Path) -> dict[str, bytes]:
    """Every stored file that holds no clock, no person and no run, as a report does: name -> bytes."""
    kinds = ("catalogues", "partitions", "matrices", "splits", "models", "bundles", "evaluations")
    return {
        str(path.relative_to(root)): path.read_bytes()
        for kind in kinds
        for path in sorted((root / kind).rglob("*"))
        if path.is_file() and path.suffix != ".html"
    }


def reseal(path: Path, **changes) -> None:
    """Make an artefact vouch for the files that lie there now, as a wrong program would; ``changes`` go into it."""
    manifest = read_manifest(path)
    files = {name: StoredFile((path / name).stat().st_size, sha256_of(path / name)) for name in manifest.files}
    (path / MANIFEST).chmod(0o644)
    (path / MANIFEST).write_bytes(replace(manifest, **{"files": files, "place": "", **changes}).sealed())


def damage(path: Path) -> None:
    """Flip one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.chmod(0o644)
    path.write_bytes(bytes(content))
