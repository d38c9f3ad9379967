"""What every step is given, and the record that is kept of its run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from recsys_tasks.core.business_days import BusinessDays
from recsys_tasks.core.config import Config
from recsys_tasks.core.errors import ConfigError, told
from recsys_tasks.core.memory import count_peak_anew, peak_megabytes
from recsys_tasks.core.records import as_json
from recsys_tasks.core.typed_text import name_of, reason_of
from recsys_tasks.core.versions import library_versions
from recsys_tasks.partitions.checked import CheckedDays
from recsys_tasks.partitions.quarantine import Quarantine
from recsys_tasks.partitions.repository import Partitions
from recsys_tasks.partitions.shapes import Shapes
from recsys_tasks.partitions.suppression import Suppressions
from recsys_tasks.release.bundles import Bundles
from recsys_tasks.release.judgements import Judgements
from recsys_tasks.release.releases import Releases
from recsys_tasks.repositories.catalogues import Catalogues
from recsys_tasks.repositories.deliveries import Deliveries
from recsys_tasks.repositories.erasures import Erasures
from recsys_tasks.repositories.matrices import Matrices
from recsys_tasks.repositories.models import Models
from recsys_tasks.repositories.splits import Splits
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.one_store import StoreUsed, begin, same_store
from recsys_tasks.storage.run_records import RunRecords
from recsys_tasks.storage.store import ArtefactStore


def silent(_message: str) -> None:
    """The progress that nobody follows."""


@dataclass(frozen=True)
class Workplace:
    """Where a step works: the store with its repositories, the policy, the source, and who follows the progress."""

    store: ArtefactStore
    config: Config
    dsn: str | None = None
    progress: Callable[[str], None] = silent

    @property
    def days(self) -> BusinessDays:
        """Which instants belong to which date."""
        return self.config.schedule.days

    @cached_property
    def partitions(self) -> Partitions:
        """The stored partitions."""
        return Partitions(self.store)

    @cached_property
    def checked(self) -> CheckedDays:
        """The results of data checks."""
        return CheckedDays(self.store)

    @cached_property
    def quarantine(self) -> Quarantine:
        """The quarantined dates, and what each date is folded from."""
        return Quarantine(self.partitions, self.checked)

    @cached_property
    def shapes(self) -> Shapes:
        """The stored shapes of dates, and what they are made from."""
        return Shapes(self.store)

    @cached_property
    def suppressions(self) -> Suppressions:
        """The people whose streams never count."""
        return Suppressions(self.store)

    @cached_property
    def erasures(self) -> Erasures:
        """The evidence of what was removed of them."""
        return Erasures(self.store)

    @cached_property
    def catalogues(self) -> Catalogues:
        """The stored catalogue snapshots."""
        return Catalogues(self.store)

    @cached_property
    def matrices(self) -> Matrices:
        """The stored play matrices."""
        return Matrices(self.store)

    @cached_property
    def splits(self) -> Splits:
        """The stored splits."""
        return Splits(self.store)

    @cached_property
    def models(self) -> Models:
        """The stored models."""
        return Models(self.store)

    @cached_property
    def bundles(self) -> Bundles:
        """The stored bundles."""
        return Bundles(self.store)

    @cached_property
    def judgements(self) -> Judgements:
        """The stored judgements."""
        return Judgements(self.store)

    @cached_property
    def releases(self) -> Releases:
        """The release log."""
        return Releases(self.store)

    @cached_property
    def deliveries(self) -> Deliveries:
        """The stored deliveries."""
        return Deliveries(self.store)

    @cached_property
    def runs(self) -> RunRecords:
        """The records of runs."""
        return RunRecords(self.store)

    def source(self) -> Source:
        """The user's Postgres.

        Raises:
            ConfigError: no address was given.
        """
        if not self.dsn:
            raise ConfigError(
                "No address of the source database: set RECSYS_SOURCE_DSN, or the Airflow connection recsys_source."
            )
        return Source(self.dsn, self.config.source, self.config.catalogue, days=self.days)


@dataclass(frozen=True)
class Signature:
    """Who acts, why, when (ISO-8601 UTC), and in which run.

    Raises:
        ConfigError: who or why is missing, or is no text that may be kept.
    """

    by: str
    why: str
    at: str
    run_id: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", name_of(self.by))
        object.__setattr__(self, "why", reason_of(self.why))


@contextmanager
def recorded(
    store: ArtefactStore,
    run_id: str,
    step: str,
    by: str,
    now: Callable[[], datetime],
    begun_on: StoreUsed | None = None,
) -> Iterator[dict[str, Any]]:
    """See that a step works on the store of its run; keep when it began, its seconds and peak memory, who started it,
    with which versions of Python and of the libraries, and how it ended, under ``runs/``.

    Args:
        store: where the step works.
        run_id: of the run that it belongs to.
        step: its name.
        by: who started it.
        now: the clock.
        begun_on: the store that an earlier step of the run worked on; None: this is the first.

    Yields:
        A record, which holds the store (``StoreUsed``) and to which the step's result may be added, in its stored form.

    Raises:
        OtherStore: the run began on another store.
        StorageError: this account may not work in the store.
    """
    count_peak_anew()
    began, before = now(), store.moved()
    used = same_store(store, begun_on) if begun_on else begin(store, began)
    record: dict[str, Any] = {"step": step, "by": by, "began": began.isoformat(), "outcome": "ok"}
    record["store"] = as_json(used)
    try:
        yield record
    except BaseException as error:
        record["outcome"] = told(error)
        raise
    finally:
        record["seconds"] = round((now() - began).total_seconds(), 3)
        record["versions"] = library_versions()
        record["peak_megabytes"] = int(peak_megabytes())
        if moved := store.moved():
            record["moved"] = as_json(moved.since(before))
        RunRecords(store).save(run_id, step, record)
