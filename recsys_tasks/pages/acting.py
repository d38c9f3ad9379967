"""Acts of people: what may be asked for on the pages, in which bounds, and as which command of ``recsys``."""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.errors import ConfigError, RecsysError
from recsys_tasks.core.mentions import Mentions
from recsys_tasks.core.typed_text import reason_of
from recsys_tasks.release.bundles import Bundles
from recsys_tasks.release.log import ReleaseLog
from recsys_tasks.storage.store import ArtefactStore


class End(Enum):
    """How an act ended."""

    DONE = "done"
    REFUSED = "refused"  # with a reason; nothing changed
    BROKEN = "broken"  # killed, or the store did not answer: only the release log knows


class Outcome(NamedTuple):
    """How an act ended, and the command's own words about it."""

    end: End
    words: str

    def to_json(self) -> dict[str, str]:
        """As the run keeps it for the pages."""
        return {"end": self.end.value, "said": self.words}


class NoSuchAct(RecsysError):
    """Nothing of that name can be asked for."""


def _reason(text: str) -> str:
    """A reason as it is kept; what the door refuses, pydantic shall tell beside the other fields."""
    try:
        return reason_of(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None


class Signed(BaseModel):
    """What every act carries: the newest entry of the log that the person saw, and the reason."""

    model_config = ConfigDict(extra="forbid", strict=True)
    seen: int = Field(ge=0, lt=10**12)
    why: Annotated[str, AfterValidator(_reason)]

    @property
    def arguments(self) -> list[str]:
        """Arguments of the command, after its signature; it compares the entry with the log that it appends to."""
        return [f"--seen={self.seen}"]


class Rollback(Signed):
    """An earlier release goes live again."""

    release: int = Field(ge=1, lt=10**12)

    @property
    def arguments(self) -> list[str]:
        """The release."""
        return [*super().arguments, str(self.release)]


class Release(Signed):
    """A candidate that the gate held, or blocked by statistics, goes live."""

    candidate: str = Field(pattern="^[0-9a-f]{8,64}$")
    older: bool = False  # also when newer data are live

    @property
    def arguments(self) -> list[str]:
        """The candidate, and whether it may be older than what is live."""
        return [*super().arguments, self.candidate, *(["--older"] if self.older else [])]


class JudgeAgain(Signed):
    """The newest judgement of a date is made again by the policy of now."""

    day: str = Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")

    @property
    def arguments(self) -> list[str]:
        """The date, and that it is an act."""
        return [*super().arguments, "--date", self.day, "--judge-again"]


class OfAListener(Signed):
    """A listener is erased, or an account that is none is excluded; no row of a log names them."""

    listener: str = Field(min_length=1, max_length=200, exclude=True)

    @property
    def arguments(self) -> list[str]:
        """The listener, whose id may look like an option."""
        return ["--", self.listener]

    @model_validator(mode="after")
    def _reason_names_nobody(self) -> Self:
        self.why = Mentions([self.listener]).without(self.why)
        return self


ACTS: dict[str, type[Signed]] = {
    "rollback": Rollback,
    "pin": Signed,
    "unpin": Signed,
    "release": Release,
    "judge_again": JudgeAgain,
    "erase": OfAListener,
    "exclude": OfAListener,
}
OUTCOME = "outcome"
"""Key of XCom under which the task of a run says how the act ended, as ``Outcome.to_json`` gives it."""
COMMANDS = {"judge_again": "gate"}
"""Commands whose name is not that of the act."""


def asked(name: str, fields: Mapping[str, Any] | bytes) -> Signed:
    """An act that somebody asks for.

    Args:
        name: of the act.
        fields: what goes with it, as values or as JSON.

    Raises:
        NoSuchAct: there is none of that name.
        ConfigError: a field is missing, unknown or out of its bounds; the message names it.
    """
    if name not in ACTS:
        raise NoSuchAct(f"There is no such act. There are: {', '.join(ACTS)}.")
    kind = ACTS[name]
    try:
        return kind.model_validate_json(fields) if isinstance(fields, bytes) else kind.model_validate(dict(fields))
    except ValidationError as error:
        wrong = [".".join(map(str, each["loc"])) + f": {each['msg']}" for each in error.errors()]
        raise ConfigError("; ".join(wrong).replace("Value error, ", "")) from None


def listener_variable(run_id: str) -> str:
    """Airflow's variable that brings the id of a listener to the run of an act, which removes it.

    A run's own parameters stay in Airflow's database for ever; the value of a variable with this word in its name is
    masked wherever it is shown, and is encrypted where Airflow has a key.
    """
    return f"recsys_act_secret_{run_id}"


def command(name: str, act: Signed, by: str, service: str) -> list[str]:
    """The words after ``recsys`` that do an act of a service, signed by a person."""
    to = [f"--service={service}"] if service else []
    return [*to, COMMANDS.get(name, name), f"--by={by}", f"--why={act.why}", *act.arguments]


def standing(store: ArtefactStore, log: ReleaseLog) -> dict[str, Any]:
    """What a person acts upon: the number of the newest entry, what is live, and the releases to return to.

    Releases come newest first; one whose files retention has removed is left out.
    """
    live, stored = log.live, set(Bundles(store).candidates())
    shown = {"release": live.release, "day": live.day.isoformat(), "pinned": live.pinned} if live else None
    others = [
        {"release": entry.release, "day": entry.day.isoformat()}
        for entry in reversed(log.releases)
        if live and entry.release != live.release and entry.candidate[:SHORT] in stored
    ]
    return {"entry": len(log.entries), "live": shown, "others": others}
