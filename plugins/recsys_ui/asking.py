"""The page *Try it*: what a release answers for a listener or like a track, beside another one; the same as JSON.

Our own code reads everything from the address, so that whatever stands there is answered in words.
"""

import os
import secrets
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from recsys_ui.turns import answer_turn
from recsys_ui.web import RETRY, SAFE, Sorry, home, own_services, page, service_of, store

if TYPE_CHECKING:
    from recsys_tasks.core.roots import Root
    from recsys_tasks.pages.lists import Terms
    from recsys_tasks.pages.readers import Limits, Readers

router = APIRouter(default_response_class=HTMLResponse, dependencies=[Depends(answer_turn)])


@router.get("/ask")
def ask(request: Request) -> Response:
    """Show the page with its answer; a text that means a listener leads to the address that asks for them."""
    from recsys_tasks.core.errors import RecsysError
    from recsys_tasks.pages.asking import frame_of, page_of
    from recsys_tasks.pages.finding import meant
    from recsys_tasks.pages.questions import Question, parse_question
    from recsys_tasks.pages.remembered import log_of

    readers = _readers(request)
    log, question = log_of(readers.store), Question()
    try:
        question = parse_question(request.query_params)
        shown = page_of(readers, log, question, _terms(request))
    except (RecsysError, OSError) as error:
        frame = frame_of(readers, log, question) | {"problem": _words(error)}
        return _refused(request, error, frame)
    if shown["found"] and (listener := meant(shown["found"], question.text)):
        address = f"{home(request)}ask?{urlencode(question.address(listener=listener))}"
        return RedirectResponse(address, 303, headers=SAFE)
    failed = next((column.error for column in shown["columns"] if column.error), None)
    return _refused(request, failed, shown) if failed else page(request, "ask", "ask", **shown)


@router.get("/ask/random")
def random(request: Request) -> Response:
    """Lead to the page for a listener drawn at random, of the releases that the address names."""
    from recsys_tasks.core.errors import RecsysError
    from recsys_tasks.pages.asking import frame_of, random_listener
    from recsys_tasks.pages.kinds import SUBJECTS
    from recsys_tasks.pages.questions import Question, parse_question
    from recsys_tasks.pages.remembered import log_of

    readers = _readers(request)
    log, question = log_of(readers.store), Question()
    try:
        asked = request.query_params
        question = parse_question({name: asked[name] for name in asked if name not in (*SUBJECTS, "text")})
        listener = random_listener(readers, log, question, secrets.randbelow(2**62))
    except (RecsysError, OSError) as error:
        frame = frame_of(readers, log, question) | {"problem": _words(error)}
        return _refused(request, error, frame)
    address = f"{home(request)}ask?{urlencode(question.address(listener=listener))}"
    return RedirectResponse(address, 303, headers=SAFE)


@router.get("/ask/tracks")
def tracks(request: Request) -> JSONResponse:
    """Find the tracks of one release whose title or artist holds ``text``."""
    return _answer(request, "text")


@router.get("/ask/recommend")
def recommend(request: Request) -> JSONResponse:
    """Recommend the ``k`` tracks of one release that suit ``listener`` best."""
    return _answer(request, "listener")


@router.get("/ask/similar")
def similar(request: Request) -> JSONResponse:
    """Find the ``k`` tracks of one release that are most like ``track``."""
    return _answer(request, "track")


def status_of(error: Exception) -> int:
    """The HTTP status of a refusal."""
    from recsys_tasks.core.errors import ConfigError, NoRelease, UnknownId
    from recsys_tasks.pages.readers import TooSlow

    kinds = {UnknownId: 404, NoRelease: 404, ConfigError: 422, TooSlow: 504}
    return next((status for kind, status in kinds.items() if isinstance(error, kind)), 503)


def _refused(request: Request, error: Exception, frame: "dict[str, Any]") -> HTMLResponse:
    shown = page(request, "ask", "ask", status_of(error), **frame)
    shown.headers.update(_when_to_come_again(error))
    return shown


def _when_to_come_again(error: Exception) -> dict[str, str]:
    from recsys_tasks.pages.readers import TooBusy, TooSlow

    return RETRY if isinstance(error, TooBusy | TooSlow) else {}


def _answer(request: Request, name: str) -> JSONResponse:
    """Answer the one parameter that a route takes, as JSON; a refusal says why."""
    from recsys_tasks.core.errors import RecsysError
    from recsys_tasks.pages.asking import entry_of, json_of
    from recsys_tasks.pages.questions import parse_only
    from recsys_tasks.pages.remembered import log_of

    try:
        question = parse_only(name, request.query_params)
        readers = _readers(request)
        entry = entry_of(log_of(readers.store), question.a)
        return JSONResponse(readers.ask(entry, lambda opened: json_of(opened, question)), headers=SAFE)
    except Sorry as error:
        return JSONResponse({"error": error.text}, error.status, headers=SAFE | error.headers)
    except (RecsysError, OSError) as error:
        return JSONResponse({"error": _words(error)}, status_of(error), headers=SAFE | _when_to_come_again(error))


def _words(error: Exception) -> str:
    from recsys_tasks.core.errors import RecsysError

    return str(error) if isinstance(error, RecsysError) else f"{type(error).__name__}: {error}"


def _readers(request: Request) -> "Readers":
    """The open releases of the store; the services share what they may take of this server's memory.

    Raises:
        Sorry: the store is not there, or the bound of memory is no number.
    """
    from recsys_tasks.pages.readers import MEMORY, Limits

    megabytes = os.environ.get(MEMORY, "")
    if megabytes and not (megabytes.isascii() and megabytes.isdecimal() and int(megabytes)):
        raise Sorry("A setting is wrong", f"{MEMORY} is {megabytes!r}. Set it to a number of megabytes.", 503)
    bytes_of_all = int(megabytes) * 1_000_000 if megabytes else Limits().memory
    return _open_readers(store(request).root, Limits(memory=bytes_of_all // max(1, len(own_services()))))


def _terms(request: Request) -> "Terms":
    """How lists are made: by the configuration of the service where one is named, for today.

    Raises:
        ConfigError: it is not sound.
    """
    from recsys_tasks.core.config import load_table
    from recsys_tasks.core.products import ProductsConfig
    from recsys_tasks.pages.lists import Terms

    path = service_of(request).config
    settings = ProductsConfig() if path is None else load_table(path, "products", ProductsConfig)
    return Terms(settings, datetime.now(UTC).date())


@lru_cache(maxsize=64)
def _open_readers(root: "Root", limits: "Limits") -> "Readers":
    """The one ``Readers`` of a store in this process, which holds what is open."""
    from recsys_tasks.pages.readers import Readers
    from recsys_tasks.storage.stores import store_at

    return Readers(store_at(root), limits)
