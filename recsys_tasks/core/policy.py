"""The policy: what is good enough to go live, what is told, and what is kept. Tables of the configuration's file."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from recsys_tasks.core.sections import Positive, Ratio, Section, Share


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
    hold_z: float = Field(default=2.8, gt=0)
    """Where the day has too few listeners to exclude a loss of the margin, HOLD needs a loss of so many standard
    errors. Larger, and a larger loss goes live on its first day; smaller, and chance alone holds sound candidates."""
    pooled_z: float = Field(default=3.6, gt=0)
    """HOLD when the last 1, 3, 7 or 14 days together lost so many standard errors against the days before them.
    Larger, and a loss that no single day shows stays live for longer."""
    evidence_places: int = Field(default=500, ge=0)
    """Where lists of length k tell candidate and live release too coarsely apart, lists of so many places are compared
    as well; 0: never. Fewer, and a small service needs more days to see a loss."""
    evidence_users: int = Field(default=5_000, ge=0)
    """Scored users up to which such lists are made. More, and a large service pays some seconds a day for what its many
    users tell it already; fewer, and a small one needs more days to see a loss."""
    history_days: int = Field(default=28, ge=7, le=36_500)
    """Judged days before that a day is held against. More, and an old level hides a slow change."""
    collapse_loss: Share = 0.3
    """A fall of precision below its own last days that is no fall, whatever the spread. Larger, and a day of shuffled
    streams goes live on a service whose days differ little."""
    collapse_spreads: float = Field(default=4.0, gt=0)
    """A fall within so many robust spreads of the service's own days is no fall. Larger, and the same."""
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

    @property
    def fine_error(self) -> float:
        """Standard error of a comparison, as a share, up to which one day both excludes the margin and rarely errs."""
        return self.margin / (self.pass_z + self.hold_z)


class QualityConfig(Section):
    """What the day's streams must look like before anything is trained on them. Beyond a ``warn`` bound the report says
    so; beyond a ``stop`` bound the day is quarantined. Ratios are to the median of the 7 days before; each field says
    what it costs to loosen it."""

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
    stop_catalogue: Share = 0.5
    """Share of the tracks of the newest catalogue snapshot that a new one must have. Smaller, and one that
    was read while a loader had emptied it stays with its date: no names, filters or tracks without plays. 0: any will
    do."""
    shape_history_days: int = Field(default=28, ge=7, le=36_500)
    """So many dates before a day say what shape is usual. Fewer, and a weekday is known from one or two of it; more,
    and a service that has changed is compared with what it was."""
    shape_warn: float = Field(default=4.0, gt=0)
    """Robust spreads from the usual shape that are told. More, and a day that is half spoilt passes in silence."""
    shape_stop: float = Field(default=6.0, gt=0)
    """Robust spreads beyond which nothing is trained on the day. More, and permuted ids or a day that was loaded twice
    are trained on; both bounds also ask for a change that is large by itself (docs/gate.md)."""

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
        if self.shape_stop < self.shape_warn:
            raise ValueError(f"shape_stop ({self.shape_stop:g}) must not be below shape_warn ({self.shape_warn:g})")
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

    max_age_hours: Annotated[int, Field(ge=1, le=10_000_000)] = 36
    """Hours since the end of the live release's data day. Larger, and a pipeline that stopped is noticed later."""
    verify_every_hours: Annotated[int, Field(ge=1, le=10_000_000)] = 24
    """Hours between two readings of all its files against their checksums."""


class RetentionConfig(Section):
    """What is kept: whatever one of these fields keeps, stays. The newest version of each date's partition since
    ``source.history_start`` stays for ever: every matrix is folded from all of them."""

    keep_days: int = Field(default=14, ge=2, le=36_500)
    """Matrices, models and candidates of this many newest dates are kept, and of ``source.late_window_days`` + 1 at
    the least: a stream that comes late is folded onto them."""
    keep_written_days: int = Field(default=2, ge=2, le=36_500)
    """Whatever was written within this many days is kept, however old its date: somebody may be working on it."""
    keep_releases: Positive = 10
    """Bundles of this many newest releases are kept, and always those of the live, the pinned and the reference
    release, and of the one that was live before."""
    keep_partition_years: int = Field(default=5, ge=0, le=1_000)
    """Partitions of dates before ``source.history_start``, which no run folds any more, are kept this many years after
    their date; 0: for ever. A version that a restatement replaced goes once no stored matrix was folded from it."""
    keep_runs_days: int = Field(default=400, ge=2, le=36_500)
    """Records of runs (clocks, memory, library versions) are kept this many days."""


class PrivacyConfig(Section):
    """Who asks to be forgotten, and by when they are."""

    erased_users_table: str = ""
    """Table or view of the source, ``name`` or ``schema.name``, with a row for everybody who is to be erased; each run
    reads it first. Empty: there is none."""
    erased_user_id: str = "user_id"
    """Its column: the user's id, of the type of the streams' user id."""
    deadline_days: Positive = 30
    """Days from the request within which a person must be gone: the month of the GDPR (article 12(3))."""
    warn_days: int = Field(default=7, ge=0)
    """An alert comes so many days before the deadline. Fewer, and little time is left to mend the cause."""


class AlertConfig(Section):
    """Where alerts go: names of Airflow connections."""

    connections: tuple[Annotated[str, Field(pattern=r"^\w[\w.-]*$")], ...] = ()
    """Connections of type smtp, slackwebhook, http or apprise; each gets every alert. The names are file names too."""
    mail_to: tuple[Annotated[str, Field(pattern=r"^[^\x00-\x20\x7f,;]+@[^\x00-\x20\x7f,;@]+$")], ...] = ()
    """Receivers of an smtp connection."""
