"""The configuration: one TOML file, every field validated, with its unit, its default and what it decides.

The address of the source database is never part of it: it comes from the environment (``RECSYS_SOURCE_DSN``) or from
the Airflow connection ``recsys_source``.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from recsys_tasks.core.business_days import BusinessDays
from recsys_tasks.core.components import BlendConfig, ContentConfig, NeighboursConfig, RecentConfig
from recsys_tasks.core.delivering import DeliverConfig
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.formatting import in_one_line
from recsys_tasks.core.installation import ServiceConfig, TasksConfig
from recsys_tasks.core.policy import (
    AlertConfig,
    DriftConfig,
    FreshnessConfig,
    GateConfig,
    PrivacyConfig,
    QualityConfig,
    RetentionConfig,
)
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.sections import Kept, Positive, Section, Share
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.core.source import CatalogueConfig, SourceConfig
from recsys_tasks.core.spark import SparkConfig

Table = TypeVar("Table", bound=BaseModel)


class ScheduleConfig(Section):
    """What a business day is, when it counts as complete, and when the schedule ends."""

    timezone: str = "UTC"
    """Time zone whose dates are the business days, by its name in the IANA database (Europe/Berlin)."""
    day_starts_at: str = "00:00"
    """Local time, HH:MM, with which a business day begins. When it or the zone changes, the next run extracts all dates
    again: the days of a matrix are all cut in one way."""
    grace_minutes: int = Field(default=60, ge=0, le=100_000)
    """Minutes after the day's end before it is looked at."""
    longest_wait_hours: int = Field(default=6, ge=0, le=10_000)
    """Hours after the day's end when it counts as complete even though too few listeners were heard since."""
    end_date: date | None = None
    """Last date that the schedule runs by itself; null: it goes on."""

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str) -> str:
        try:
            return BusinessDays(timezone).zone
        except ConfigError as error:
            raise ValueError(str(error)) from None

    @field_validator("day_starts_at")
    @classmethod
    def _is_a_time_of_day(cls, text: str) -> str:
        if not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", text):
            raise ValueError("a time of the day is written HH:MM, from 00:00 to 23:59")
        return text

    @cached_property
    def days(self) -> BusinessDays:
        """Which instants belong to which date."""
        return BusinessDays(self.timezone, time.fromisoformat(self.day_starts_at))


MOST_FACTORS = 512
"""The training of one vector takes their square, and the index holds as many numbers of each track."""


class AlsConfig(Section):
    """Weighted matrix factorisation: confidence 1 + a * w(plays)."""

    factors: Annotated[int, Field(ge=1, le=MOST_FACTORS)] = 40
    """Length of a factor vector."""
    weight: Literal["linear", "log"] = "log"
    """w: ``linear`` is plays, ``log`` is log(1 + plays)."""
    a: float = Field(default=1.0, gt=0)
    """Confidence of one unit of w over that of an unheard track; with ``linear``, 0.01 and a lambda of 1 suit."""
    regularization: float = Field(default=10.0, ge=0)
    """lambda, on both sides."""
    cap: Positive = 1000
    """Plays of one user and track beyond this count as this many."""
    max_iterations: Positive = 20
    """Alternations at the most."""
    tolerance: float = Field(default=1e-3, gt=0, lt=1)
    """Training stops when the loss changes by less than this share in an iteration, four times it in a warm first."""
    cold_start_every_days: int = Field(default=28, ge=0)
    """Every so many days, counted by date, the start is cold; 0: never by the calendar."""
    seed: int = Field(default=1, ge=0)
    """Of the initial factors of a cold start."""
    threads: Annotated[int, Field(ge=1, le=1024)] = 2
    """Threads of the solver; the bytes do not depend on it."""
    backend: Literal["implicit", "implicit-gpu", "spark"] = "implicit"
    """What trains: ``implicit`` on the CPU or on a CUDA device, or a Spark (``[spark]``); docs/backends.md."""


class IndexConfig(Section):
    """The Annoy index, and what its search parameters are chosen for."""

    trees: Kept = 10
    """Trees of the index; about 300 bytes a track at 10, 420 at 20, which take twice as long to build."""
    recall_target: Share = 0.95
    """recall@k of exact search that the search parameters are chosen to reach."""
    k: Kept = 10
    """Length of the list that recall is measured on."""
    calibration_queries: Positive = 500
    """Users (and as many tracks) that the search parameters are chosen on."""
    seed: int = Field(default=1, ge=0)
    """Of the trees and of the sample."""


class EvaluationConfig(Section):
    """Which plays are hidden, and what is measured on them."""

    k: Kept = 10
    """Length of the recommended list."""
    max_users: Positive = 10_000
    """Hidden users at the most, of the gate and of the blend each."""
    wanted_users: Positive = 4_000
    """Hidden users below a fifth of the listeners only as far as half of them allow."""
    blend_share: Share = 0.0
    """Share of the day's known listeners that is hidden besides, to fit the weights of several components on, and no
    more than ``max_users``. A model of one component has no weights to fit: 0."""
    min_history: Positive = 5
    """Distinct tracks that a user must have played before the day to be hidden, and so to be scored. Smaller, and
    accounts without a past, which cost nothing to make and say little of the model, have a voice in the verdict.
    Larger, and fewer are scored: 2 % of the demo's known listeners have less than 5 after four weeks, 7 % less than
    10; after one week 18 % and 39 %."""
    salt: str = ""
    """Of the hash that picks the hidden users. Empty: drawn once for each store, and kept in it. Named, and whoever
    reads the file can make accounts that will be scored; two stores of one salt hide the same users."""


class Config(Section):
    """The whole file."""

    service: ServiceConfig = ServiceConfig()
    source: SourceConfig
    catalogue: CatalogueConfig | None = None
    schedule: ScheduleConfig = ScheduleConfig()
    tasks: TasksConfig = TasksConfig()
    als: AlsConfig = AlsConfig()
    spark: SparkConfig = SparkConfig()
    recent: RecentConfig = RecentConfig()
    neighbours: NeighboursConfig = NeighboursConfig()
    content: ContentConfig = ContentConfig()
    blend: BlendConfig = BlendConfig()
    index: IndexConfig = IndexConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    quality: QualityConfig = QualityConfig()
    gate: GateConfig = GateConfig()
    drift: DriftConfig = DriftConfig()
    retention: RetentionConfig = RetentionConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    deliver: DeliverConfig = DeliverConfig()
    alert: AlertConfig = AlertConfig()
    freshness: FreshnessConfig = FreshnessConfig()
    products: ProductsConfig = ProductsConfig()
    serve: ServeConfig = ServeConfig()

    @model_validator(mode="after")
    def _a_blend_has_listeners(self) -> "Config":
        if len(self.blend.components) > 1 and not self.evaluation.blend_share:
            raise ValueError(
                "several components under [blend], and nobody to fit their weights on: set [evaluation] blend_share, "
                "for example 0.2"
            )
        return self

    @model_validator(mode="after")
    def _content_has_a_catalogue(self) -> "Config":
        if self.catalogue is None and ("content" in self.blend.components or self.content.cold_tracks):
            raise ValueError("content is asked for, and there is no catalogue: name its table under [catalogue]")
        return self

    @model_validator(mode="after")
    def _features_are_there(self) -> "Config":
        there = {} if self.catalogue is None else self.catalogue.features
        named = {"content.weights": [name for name in self.content.weights if name != "artist"]}
        named |= {f"products.{name}": [getattr(self.products, name)] for name in FEATURES_OF_PRODUCTS}
        if unknown := [(field, name) for field, names in named.items() for name in names if name and name not in there]:
            said = ", ".join(f"{field} names {name!r}" for field, name in unknown)
            raise ValueError(
                f"{said}, which [catalogue.features] has not: it has {', '.join(there) or 'nothing'}. Add it there"
            )
        return self


FEATURES_OF_PRODUCTS = ("explicit", "countries", "tags", "origin")
"""Fields of [products] that hold the name of a feature."""
MOST_COMPLAINTS = 20
"""So many fields are named at once."""


def parse_config(values: dict[str, Any], where: str = "configuration") -> Config:
    """Check plain values against the fields.

    Raises:
        ConfigError: a field is unknown, missing or out of its bounds; the message names each one.
    """
    return _checked(Config, values, where)


def load_config(path: Path) -> Config:
    """Read and check the TOML file.

    Raises:
        ConfigError: the file is missing, is not TOML, or a field is wrong.
    """
    return parse_config(_read_toml(path), str(path))


def load_table(path: Path, name: str, table: type[Table]) -> Table:
    """Read one table of the TOML file, its defaults where the file has no such table; the others are not checked.

    Raises:
        ConfigError: the file is missing, is not TOML, or a field of this table is wrong.
    """
    return _checked(table, _read_toml(path).get(name, {}), str(path), name)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}. Set RECSYS_CONFIG to your TOML file.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text. Save it as UTF-8.") from None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # thousands of digits, or of brackets, are no TOMLDecodeError
        raise ConfigError(f"{path}: not TOML: {in_one_line(str(error)).rstrip('.')}.") from None


def _checked(table: type[Table], values: Any, where: str, *prefix: str) -> Table:
    try:
        return table.model_validate(values)
    except ValidationError as error:
        complaints = "; ".join(_complaint(item, prefix) for item in error.errors()[:MOST_COMPLAINTS])
        raise ConfigError(f"{where}: {complaints}. Correct the field; recsys.toml lists all of them.") from None


def _complaint(item: Mapping[str, Any], prefix: Sequence[str]) -> str:
    """What is wrong with a field and what it holds; of fields that do not go together, what is wrong alone."""
    said, field = item["msg"].removeprefix("Value error, "), ".".join(map(str, (*prefix, *item["loc"])))
    said = "Input should be a list in square brackets" if item["type"] == "tuple_type" else said
    found = "" if item["type"] == "value_error" and not item["loc"] else f" (found {item.get('input')!r})"
    return in_one_line(f"{field}: {said}{found}" if field else f"{said}{found}")
