"""The configuration: one TOML file, every field validated, with its unit, its default and what it decides.

The address of the source database is never part of it: it comes from the environment (``RECSYS_SOURCE_DSN``) or from
the Airflow connection ``recsys_source``.
"""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from recsys_tasks.errors import ConfigError

IdType = Literal["bigint", "text", "uuid"]
Share = Annotated[float, Field(ge=0, le=1)]
Ratio = Annotated[float, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Optional = Annotated[str | None, AfterValidator(lambda name: name or None)]
"""Name of a column that need not exist; TOML has no null, so an empty name says that there is none."""


class Section(BaseModel):
    """A table of the TOML: immutable, and a field it does not know is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class SourceConfig(Section):
    """Where the streams are, and which of them qualify."""

    streams_table: str = "streams"
    """Table or view of the streams, ``name`` or ``schema.name``."""
    user_id: str = "user_id"
    """Column: who listened."""
    track_id: str = "track_id"
    """Column: what was played."""
    streamed_at: str = "streamed_at"
    """Column: when, ``timestamp with time zone``; a naive timestamp is refused."""
    event_id: Optional = "event_id"
    """Column: the event's own id; a second row with the same id is a duplicate. Empty: there is no such column, and
    two rows with equal user, track and instant are duplicates."""
    ms_played: Optional = "ms_played"
    """Column: milliseconds played. Empty: every stream is long enough."""
    private_session: Optional = "private_session"
    """Column: boolean, true for a private session. Empty: there are none."""
    user_id_type: IdType = "bigint"
    """Type of the user's id: bigint (any integer), text or uuid."""
    track_id_type: IdType = "bigint"
    """Type of the track's id: bigint (any integer), text or uuid."""
    min_ms_played: int = Field(default=30_000, ge=0)
    """A stream shorter than this many milliseconds does not qualify."""
    history_start: date
    """First UTC date that is ever extracted; every missing date since then is filled by the next run."""
    late_window_days: int = Field(default=3, ge=0, le=60)
    """So many closed dates before the run's own are extracted again, and restated where streams came late."""
    statement_timeout_s: Positive = 3600
    """A statement that takes longer than this many seconds is broken off and retried."""


class CatalogueConfig(Section):
    """An optional table that gives names; without it, ids are shown."""

    table: str
    """Table or view of the tracks, ``name`` or ``schema.name``."""
    track_id: str = "track_id"
    """Column: the track's id, of the type of the streams' track id."""
    title: str = "title"
    """Column: text."""
    artist: str = "artist"
    """Column: text."""
    released_on: Optional = "released_on"
    """Column: date; empty when there is none."""


class ScheduleConfig(Section):
    """When a day counts as complete, and when the schedule ends."""

    grace_minutes: int = Field(default=60, ge=0)
    """Minutes after the day's end before it is looked at."""
    longest_wait_hours: int = Field(default=6, ge=0)
    """Hours after the day's end when it counts as complete even though no later stream was seen."""
    end_date: date | None = None
    """Last date that the schedule runs by itself; null: it goes on."""


class AlsConfig(Section):
    """Weighted matrix factorisation: confidence 1 + a * w(plays)."""

    factors: Annotated[int, Field(ge=1, le=512)] = 40
    """Length of a factor vector."""
    weight: Literal["linear", "log"] = "linear"
    """w: ``linear`` is plays, ``log`` is log(1 + plays)."""
    a: float = Field(default=40.0, gt=0)
    """Confidence of one unit of w over that of an unheard track."""
    regularization: float = Field(default=0.01, ge=0)
    """lambda, on both sides."""
    cap: Positive = 1000
    """Plays of one user and track beyond this count as this many."""
    max_iterations: Positive = 20
    """Alternations at the most."""
    tolerance: float = Field(default=1e-3, gt=0, lt=1)
    """Training stops when the loss changes by less than this share in an iteration."""
    cold_start_every_days: int = Field(default=28, ge=0)
    """Every so many days, counted by date, the start is cold; 0: never by the calendar."""
    seed: int = Field(default=1, ge=0)
    """Of the initial factors of a cold start."""
    threads: Positive = 2
    """Threads of the solver; the bytes do not depend on it."""


class IndexConfig(Section):
    """The Annoy index and the effort of a query."""

    trees: Positive = 20
    """Trees of the index; about 400 bytes a track at 20."""
    recall_target: Share = 0.95
    """recall@k of exact search that the effort is calibrated to."""
    k: Positive = 10
    """Length of the list that recall is measured on."""
    calibration_queries: Positive = 1000
    """Users (and as many tracks) that the effort is chosen on."""
    measured_queries: Positive = 1000
    """Other users (and tracks) that the recall is then measured on."""
    seed: int = Field(default=1, ge=0)
    """Of the trees and of the sample."""


class EvaluationConfig(Section):
    """Which plays are hidden, and what is measured on them."""

    k: Positive = 10
    """Length of the recommended list."""
    max_users: Positive = 10_000
    """Hidden users at the most."""
    wanted_users: Positive = 4_000
    """Hidden users below a fifth of the listeners only as far as half of them allow."""
    salt: str = "recsys"
    """Of the hash that picks the hidden users."""


class GateConfig(Section):
    """The policy. Each field says what it costs to loosen it."""

    min_users: int = Field(default=1_000, ge=2)
    """Scored users below this: HOLD. Lower, and the verdict becomes a coin: at 1,000 the paired standard error is
    about 1.2 % of the mean."""
    floor: Share = 0.0
    """precision@k below this: BLOCK. Lower, and a model that is bad in absolute terms may pass a day without
    incumbent."""
    margin: Share = 0.02
    """Non-inferiority margin as a share of the incumbent's mean. Wider, and a model that much worse goes live."""
    pass_z: float = Field(default=1.645, gt=0)
    """PASS needs d - pass_z * SE > -margin. Lower, and chance alone passes a worse model more often."""
    block_z: float = Field(default=3.0, gt=0)
    """BLOCK needs d + block_z * SE < 0. Lower, and chance alone blocks good models more often."""
    block_loss: Share = 0.01
    """BLOCK needs a loss beyond this share. Larger, and real small losses only HOLD."""
    min_recall: Share = 0.95
    """Recall@k of the index against exact search, both ways. Lower, and listeners get other tracks than the model's."""
    recall_queries: Positive = 500
    """Users (and as many tracks) on which the gate measures that recall itself, through the stored index. Fewer, and
    chance decides."""
    min_user_coverage: Share = 0.99
    """Share of the day's known users that have a finite, non-zero vector. Lower, and listeners are lost unseen."""
    training_noise: Share = 0.002
    """Standard deviation of the mean that comes from the start of the training alone, as a share of the incumbent's
    mean; two models bring it in twice. Smaller than it is, and two trainings of the same data look different."""
    slice_alpha: Share = 0.05
    """Chance that any slice of a good candidate is warned of (Holm). Larger, and warnings become noise; they never
    block."""


class QualityConfig(Section):
    """What the day's streams must look like before anything is trained on them. Beyond a ``warn`` bound the report says
    so; beyond a ``stop`` bound the run ends. Ratios are to the median of the 7 days before; each field says what it
    costs to loosen it."""

    warn_volume: tuple[Ratio, Ratio] = (0.5, 2.0)
    """Qualified streams, lowest and highest ratio. Wider, and a half-loaded day is noticed only by the gate."""
    stop_volume: tuple[Ratio, Ratio] = (0.2, 5.0)
    """Wider, and a day that was loaded ten times, or to a tenth, is trained on."""
    warn_listeners: tuple[Ratio, Ratio] = (0.5, 2.0)
    """Distinct listeners. Wider, and a lost region of the service is noticed late."""
    stop_listeners: tuple[Ratio, Ratio] = (0.2, 5.0)
    """Wider, and a wave of invented accounts is trained on."""
    warn_tracks: tuple[Ratio, Ratio] = (0.5, 2.0)
    """Distinct tracks. Wider, and a lost part of the catalogue is noticed late."""
    stop_tracks: tuple[Ratio, Ratio] = (0.2, 5.0)
    """Wider, and a day of one label's tracks alone is trained on."""
    warn_dropped: Share = 0.5
    """Share of the rows dropped for any one reason (private, short, without an id). Larger, and a changed meaning of a
    column goes unnoticed."""
    stop_dropped: Share = 0.9
    """Larger, and a broken column (every stream private, every id missing) leaves a day of crumbs to train on."""
    warn_duplicates: Share = 0.01
    """Share of the rows that are duplicates. Larger, and a loader that delivers twice goes unnoticed."""
    stop_duplicates: Share = 0.6
    """Larger, and a day of nothing but repeats passes; duplicates are counted once all the same."""
    warn_plays_by_one_user: Positive = 3_000
    """Most plays by one user: 86,400 seconds hold 2,880 streams of 30 seconds. Larger, and bots go unnoticed."""
    stop_plays_by_one_user: Positive = 100_000
    """Larger, and a bot's taste is trained on (``als.cap`` bounds what it can do on one track)."""

    @model_validator(mode="after")
    def _stop_bounds_lie_outside(self) -> Self:
        for what in ("volume", "listeners", "tracks"):
            (low, high), (least, most) = (getattr(self, f"{kind}_{what}") for kind in ("warn", "stop"))
            if not least <= low < high <= most:
                raise ValueError(
                    f"stop_{what} [{least:g}, {most:g}] must enclose warn_{what} [{low:g}, {high:g}], the lower ratio "
                    "of each first"
                )
        for what in ("dropped", "duplicates", "plays_by_one_user"):
            warn, stop = (getattr(self, f"{kind}_{what}") for kind in ("warn", "stop"))
            if stop < warn:
                raise ValueError(f"stop_{what} ({stop:,}) must not be below warn_{what} ({warn:,})")
        return self


class DriftConfig(Section):
    """What tells of a slow decline that no single day shows. It alerts, it never blocks."""

    reference_release: int = Field(default=1, ge=0)
    """Release that every candidate is compared with besides the live one; 0: none. Retention keeps it. Choose a newer
    one after a change of parameters; each new choice forgets the losses before it."""
    median_days: Positive = 28
    """Days of the running median of the difference to the live release. More, and it answers later."""
    median_loss: Share = 0.001
    """Alert when that median is a loss beyond this share. Larger, and a yearly loss of so much a day stays unseen."""
    cusum_slack: float = Field(default=0.25, ge=0)
    """k of the one-sided CUSUM, in standard errors: losses below it are forgiven. Larger, and slow drift stays."""
    cusum_bound: float = Field(default=8.0, gt=0)
    """h: alert when the sum exceeds it. k = 0.25, h = 8: a false alarm in two years, a loss of one standard error a
    day found in 12 days, of half of one in 29. Larger, and it answers later."""


class FreshnessConfig(Section):
    """When the live release counts as stale, and how often its files are read again."""

    max_age_hours: Annotated[int, Field(ge=1)] = 36
    """Hours since the end of the live release's data day. Larger, and a pipeline that stopped is noticed later."""
    verify_every_hours: Annotated[int, Field(ge=1)] = 24
    """Hours between two readings of all its files against their checksums."""


class RetentionConfig(Section):
    """What is kept: whatever one of these fields keeps, stays. The newest version of each date's partition since
    ``source.history_start`` stays for ever: every matrix is folded from all of them."""

    keep_days: int = Field(default=14, ge=2)
    """Matrices, models and candidates of this many newest dates are kept, and of ``source.late_window_days`` + 1 at
    the least: a stream that comes late is folded onto them."""
    keep_written_days: int = Field(default=2, ge=2)
    """Whatever was written within this many days is kept, however old its date: somebody may be working on it."""
    keep_releases: Positive = 10
    """Bundles of this many newest releases are kept, and always those of the live, the pinned and the reference
    release, and of the one that was live before."""
    keep_partition_years: int = Field(default=5, ge=0)
    """Partitions of dates before ``source.history_start``, which no run folds any more, are kept this many years after
    their date; 0: for ever. A version that a restatement replaced goes once no stored matrix was folded from it."""
    keep_runs_days: int = Field(default=400, ge=2)
    """Records of runs (clocks, memory, library versions) are kept this many days."""


class AlertConfig(Section):
    """Where alerts go: names of Airflow connections."""

    connections: tuple[Annotated[str, Field(pattern=r"^\w[\w.-]*$")], ...] = ()
    """Connections of type smtp, slackwebhook, http or apprise; each gets every alert. The names are file names too."""
    mail_to: tuple[str, ...] = ()
    """Receivers of an smtp connection."""


class Config(Section):
    """The whole file."""

    source: SourceConfig
    catalogue: CatalogueConfig | None = None
    schedule: ScheduleConfig = ScheduleConfig()
    als: AlsConfig = AlsConfig()
    index: IndexConfig = IndexConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    quality: QualityConfig = QualityConfig()
    gate: GateConfig = GateConfig()
    drift: DriftConfig = DriftConfig()
    retention: RetentionConfig = RetentionConfig()
    alert: AlertConfig = AlertConfig()
    freshness: FreshnessConfig = FreshnessConfig()


def parse_config(values: dict[str, Any], where: str = "configuration") -> Config:
    """Check plain values against the fields.

    Raises:
        ConfigError: a field is unknown, missing or out of its bounds; the message names each one.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        complaints = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']} (found {item.get('input')!r})"
            for item in error.errors()
        )
        raise ConfigError(f"{where}: {complaints}. Correct the field; recsys.toml lists all of them.") from None


def load_config(path: Path) -> Config:
    """Read and check the TOML file.

    Raises:
        ConfigError: the file is missing, is not TOML, or a field is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}. Set RECSYS_CONFIG to your TOML file.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text. Save it as UTF-8.") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}.") from None
    return parse_config(values, str(path))
