"""What every step is given, and the record that is kept of its run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recsys_tasks.core.config import Config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.memory import count_peak_anew, peak_megabytes
from recsys_tasks.core.versions import library_versions
from recsys_tasks.source.postgres import Source
from recsys_tasks.storage.store import Store

Reference = dict[str, Any]
"""What a step hands to the next through XCom: dates, digests and a few figures, never data."""


def _silent(_message: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Workplace:
    """Where a step works: the store, the policy, the source, and somebody to tell of its progress."""

    store: Store
    config: Config
    dsn: str | None = None
    progress: Callable[[str], None] = _silent

    def source(self) -> Source:
        """The user's Postgres.

        Raises:
            ConfigError: no address was given.
        """
        if not self.dsn:
            raise ConfigError(
                "No address of the source database: set RECSYS_SOURCE_DSN, or the Airflow connection recsys_source."
            )
        return Source(self.dsn, self.config.source, self.config.catalogue)


@dataclass(frozen=True)
class Signature:
    """Who acts, why, when (ISO-8601 UTC), and in which run."""

    by: str
    why: str
    at: str
    run_id: str = ""


@contextmanager
def recorded(store: Store, run_id: str, step: str, by: str, now: Callable[[], datetime]) -> Iterator[dict[str, Any]]:
    """Keep when a step began, its seconds and peak memory, who started it, with which versions of Python and of the
    libraries, and how it ended, under ``runs/``.

    Yields:
        A record to which the step's result may be added.
    """
    count_peak_anew()
    began = now()
    record: dict[str, Any] = {"step": step, "by": by, "began": began.isoformat(), "outcome": "ok"}
    try:
        yield record
    except BaseException as error:
        record["outcome"] = f"{type(error).__name__}: {error}"
        raise
    finally:
        record["seconds"] = round((now() - began).total_seconds(), 3)
        record["versions"] = library_versions()
        record["peak_megabytes"] = int(peak_megabytes())
        store.save_run(run_id, step, record)


def told(figures: Mapping[str, Any]) -> str:
    """Figures as one line of a log."""
    shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in figures.items()}
    return ", ".join(f"{name} {value}" for name, value in shown.items())
