"""Acting from the pages: roll back, pin, unpin, release a held candidate, have a date judged again, erase or
exclude a listener.

Only who may edit the DAG acts, and gives a reason. A body counts only as ``application/json``, which no form of another
site can send. The rights of the caller are checked before a byte of it is read. Airflow's audit log of the DAG keeps
what was done or refused; the release log keeps who did it and why.
"""

import json
import logging
import os
from threading import Lock
from typing import Annotated, Any, Self

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.log import Log
from airflow.utils.session import create_session
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.mentions import Mentions
from recsys_tasks.core.services import Service
from recsys_tasks.core.typed_text import reason_of
from recsys_tasks.pages.acting import LIMIT, LONG_LIMIT, End, Outcome, act, standing
from recsys_tasks.pages.remembered import log_of
from recsys_ui.turns import act_turn, turn
from recsys_ui.web import SAFE, bytes_of, may, service_of, store, store_environment

LARGEST = 16_384  # bytes of a body
STATUS = {End.DONE: 200, End.REFUSED: 409, End.BROKEN: 500}
EVENT = {End.DONE: "", End.REFUSED: "_refused", End.BROKEN: "_failed"}

router = APIRouter()
one_release = Lock()  # finishing a bundle takes memory: one at a time
log = logging.getLogger(__name__)


def _reason(text: str) -> str:
    """A reason as it is kept; what the door refuses, pydantic shall tell beside the other fields."""
    try:
        return reason_of(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None


class Signed(BaseModel):
    """What every act carries: the newest entry of the log that the person saw, and the reason."""

    model_config = ConfigDict(extra="forbid", strict=True)
    seen: int = Field(ge=0)
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
COMMANDS = {"judge_again": "gate"}
"""Commands whose name is not that of the act."""


def may_act(request: Request) -> None:
    """Let those pass who may edit the DAG of the service.

    Raises:
        HTTPException: the caller may not.
    """
    if not may(request, "PUT", service_of(request)):
        raise HTTPException(403, "Forbidden")


async def body(request: Request) -> bytes:
    """The bytes that were sent.

    Raises:
        HTTPException: they are not called JSON, or are too many.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send the reason as application/json.")
    found = await bytes_of(request, LARGEST)
    if found is None:
        raise HTTPException(413, f"That is more than {LARGEST:,} bytes. Say it shorter.")
    return found


@router.get("/acts", dependencies=[Depends(turn)])
def possible(request: Request, user: GetUserDep) -> JSONResponse:
    """Tell what this person may do, and upon what; the pages show buttons for it."""
    kept, service = store(request), service_of(request)
    rights = {
        "user": user.get_name(),
        "may_act": may(request, "PUT", service),
        "may_backfill": may(request, "POST", service, DagAccessEntity.RUN),
    }
    return JSONResponse(rights | standing(kept, log_of(kept)), headers=SAFE)


@router.post("/acts/{name}", dependencies=[Depends(may_act)])
def do(
    request: Request,
    name: str,
    sent: Annotated[bytes, Depends(body)],
    user: GetUserDep,
    _turn: Annotated[None, Depends(act_turn)],
) -> JSONResponse:
    """Act, or say why not."""
    asked = _parse(name, sent)
    outcome = _run(service_of(request), name, asked, user.get_name())
    _record(f"recommendations_{name}{EVENT[outcome.end]}", service_of(request).daily, user, asked, outcome.words)
    if outcome.end is not End.DONE:
        raise HTTPException(STATUS[outcome.end], outcome.words)
    return JSONResponse({"said": outcome.words}, headers=SAFE)


def _parse(name: str, sent: bytes) -> Signed:
    """The act that is asked for.

    Raises:
        HTTPException: there is no such act, or its body is malformed.
    """
    if name not in ACTS:
        raise HTTPException(404, f"There is no such act. There are: {', '.join(ACTS)}.")
    try:
        return ACTS[name].model_validate_json(sent)
    except ValidationError as error:
        wrong = [".".join(map(str, each["loc"])) + f": {each['msg']}" for each in error.errors()]
        raise HTTPException(422, "; ".join(wrong).replace("Value error, ", "")) from None


def _run(service: Service, name: str, asked: Signed, by: str) -> Outcome:
    """Run the act's command; only one release at a time."""
    to = [f"--service={service.name}"] if service.name else []
    environment = {**os.environ, **store_environment(service)}
    arguments = [*to, COMMANDS.get(name, name), f"--by={by}", f"--why={asked.why}", *asked.arguments]
    if name != "release":
        return act(arguments, environment, LIMIT)
    if not one_release.acquire(blocking=False):
        return Outcome(End.REFUSED, "A candidate is being released at this moment. Wait for it, then look again.")
    try:
        return act(arguments, environment, LONG_LIMIT)
    finally:
        one_release.release()


def _record(event: str, dag_id: str, user: Any, asked: Signed, words: str) -> None:
    """Write a row of the audit log; the release log has the act even where this row cannot be written."""
    extra = json.dumps(asked.model_dump() | {"said": words}, ensure_ascii=False)
    name = user.get_name()
    try:
        with create_session(scoped=False) as session:
            session.add(Log(event=event, owner=name, owner_display_name=name, extra=extra, dag_id=dag_id))
    except Exception:
        log.exception("%s could not be written to the audit log", event)
