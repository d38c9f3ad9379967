"""The page *Try it*: what a release answers for a listener or like a track, beside another one; the same as JSON.

Everything is read from the address by our own hand, so that whatever stands there gets words for an answer.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from recsys_ui.web import SAFE, Sorry, home, page, store

if TYPE_CHECKING:
    from recsys_tasks.pages.readers import Readers

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/ask")
def ask(request: Request) -> Response:
    """The page with its answer; a text that means a listener leads to the address that asks for them."""
    from recsys_tasks.core.errors import RecsysError
    from recsys_tasks.pages.asking import Question, frame_of, page_of, parse_question
    from recsys_tasks.pages.finding import meant
    from recsys_tasks.pages.remembered import log_of

    readers = _readers()
    log, question = log_of(readers.store), Question()
    try:
        question = parse_question(request.query_params)
        shown = page_of(readers, log, question)
    except (RecsysError, OSError) as error:
        frame = frame_of(readers, log, question) | {"problem": _words(error)}
        return page(request, "ask", "ask", status_of(error), **frame)
    if shown["found"] and (listener := meant(shown["found"], question.text)):
        address = f"{home(request)}ask?{urlencode(question.address(listener=listener))}"
        return RedirectResponse(address, 303, headers=SAFE)
    failed = next((column.error for column in shown["columns"] if column.error), None)
    return page(request, "ask", "ask", status_of(failed) if failed else 200, **shown)


@router.get("/ask/tracks")
def tracks(request: Request) -> JSONResponse:
    """Tracks whose title or artist holds ``text``, in one release."""
    return _told(request, "text")


@router.get("/ask/recommend")
def recommend(request: Request) -> JSONResponse:
    """The ``k`` tracks that suit ``listener`` best, in one release."""
    return _told(request, "listener")


@router.get("/ask/similar")
def similar(request: Request) -> JSONResponse:
    """The ``k`` tracks most like ``track``, in one release."""
    return _told(request, "track")


def status_of(error: Exception) -> int:
    """The status that says what kind of refusal it is."""
    from recsys_tasks.core.errors import ConfigError, NoRelease, UnknownId
    from recsys_tasks.pages.readers import TooSlow

    kinds = {UnknownId: 404, NoRelease: 404, ConfigError: 422, TooSlow: 504}
    return next((status for kind, status in kinds.items() if isinstance(error, kind)), 503)


def _told(request: Request, name: str) -> JSONResponse:
    """The answer to the one parameter that a route takes, as JSON, or the words why there is none."""
    from recsys_tasks.core.errors import RecsysError
    from recsys_tasks.pages.asking import entry_of, json_of, parse_only
    from recsys_tasks.pages.remembered import log_of

    try:
        question = parse_only(name, request.query_params)
        readers = _readers()
        entry = entry_of(log_of(readers.store), question.a)
        return JSONResponse(readers.ask(entry, lambda opened: json_of(opened, question)), headers=SAFE)
    except Sorry as error:
        return JSONResponse({"error": error.text}, error.status, headers=SAFE)
    except (RecsysError, OSError) as error:
        return JSONResponse({"error": _words(error)}, status_of(error), headers=SAFE)


def _words(error: Exception) -> str:
    from recsys_tasks.core.errors import RecsysError

    return str(error) if isinstance(error, RecsysError) else f"{type(error).__name__}: {error}"


def _readers() -> "Readers":
    """The open releases of the store that this server was told of.

    Raises:
        Sorry: the store is not there, or the bound of memory is no number.
    """
    from recsys_tasks.pages.readers import LIMIT, MEMORY

    told = os.environ.get(MEMORY, "")
    if told and not (told.isascii() and told.isdecimal() and int(told)):
        raise Sorry("A setting is wrong", f"{MEMORY} is {told!r}. Set it to a number of megabytes.", 503)
    return _open_readers(store().root, int(told) * 1_000_000 if told else LIMIT)


@lru_cache(maxsize=1)
def _open_readers(root: Path, limit: int) -> "Readers":
    """One for this process: it holds what is open."""
    from recsys_tasks.pages.readers import Readers
    from recsys_tasks.storage.store import Store

    return Readers(Store(root), limit)
