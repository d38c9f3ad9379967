"""The table of the cases, which each module fills, and what they share."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import execute
from planting import plant
from source_tables import DAY, LONG, create_streams

from recsys_tasks.core.config import parse_config
from recsys_tasks.core.domain import Day, PlayMatrix, parse_day
from recsys_tasks.core.errors import BadData
from recsys_tasks.steps import Workplace, extract_streams
from recsys_tasks.storage.artefacts import read_manifest
from recsys_tasks.storage.posix import PosixStore

REMEDY = "remove that directory and rerun the day"


@dataclass(frozen=True)
class Case:
    """One accident; the docstring of the function that does it is the promise."""

    number: int
    accident: str
    happens: Callable[..., None]  # its arguments are fixtures

    def __str__(self) -> str:
        return f"{self.number:02} {self.accident}"


CASES: list[Case] = []


def case(number: int, accident: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Enter a function into the table."""

    def enter(happens: Callable[..., None]) -> Callable[..., None]:
        CASES.append(Case(number, accident, happens))
        return happens

    return enter


@contextmanager
def refused(kind: type[Exception], *said: str) -> Iterator[None]:
    """What happens inside is refused by an error of just this class, in one line that says all of this."""
    with pytest.raises(kind) as caught:
        yield
    message = str(caught.value)
    assert caught.type is kind
    assert "\n" not in message
    assert [each for each in said if each not in message] == [], message


@contextmanager
def little_memory() -> Iterator[None]:
    """What happens inside takes less than 64 MiB at any moment."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def overwrite(path: Path, content: bytes) -> None:
    """Change a file that nobody is to change."""
    path.chmod(0o644)
    path.write_bytes(content)


def service(dsn: str, folder: Path, start: Day = DAY, catalogue: str | None = None, **source: Any) -> Workplace:
    """An empty store for the streams of this source, and for a catalogue in the table of this name."""
    sections = {"source": {"history_start": start} | source}
    if catalogue:
        sections["catalogue"] = {"table": catalogue, "released_on": ""}
    return Workplace(PosixStore(folder / "store"), parse_config(sections), dsn)


def fill(dsn: str, day: Day, rows: int, user: str = "i % 50", track: str = "i % 7") -> None:
    """So many qualified streams of a day, a millisecond apart."""
    instant = f"'{day} 00:00+00'::timestamptz + i * interval '1 ms'"
    execute(
        dsn,
        f"INSERT INTO streams SELECT NULL, {user}, {track}, {instant}, {LONG}, false FROM generate_series(1, {rows}) i",
    )


def after_a_week(dsn: str, folder: Path, rows: int, **fields: str) -> Workplace:
    """A week of 100 streams a day, and then so many on the day."""
    create_streams(dsn)
    for before in range(1, 8):
        fill(dsn, DAY - timedelta(days=before), 100)
    fill(dsn, DAY, rows, **fields)
    at = service(dsn, folder, DAY - timedelta(days=7))
    extract_streams(at, DAY)
    return at


def matrix_path(at: Workplace) -> Path:
    """Where the newest matrix of a store lies."""
    return sorted(at.store.root.glob("matrices/*"))[-1]


def loaded(at: Workplace) -> PlayMatrix:
    """The newest matrix of a store, as a step loads it."""
    manifest = read_manifest(matrix_path(at))
    return at.matrices.load(parse_day(manifest.key["day"]), manifest.digest)


def refuses(at: Workplace, said: str, kind: type[Exception] = BadData, **contents: Any) -> None:
    """The newest matrix with other contents, which its manifest vouches for, is refused by its name."""
    plant(matrix_path(at), **contents)
    with refused(kind, said, str(matrix_path(at)), REMEDY if kind is BadData else "remove its directory"):
        loaded(at)
