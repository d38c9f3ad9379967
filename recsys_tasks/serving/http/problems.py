"""Errors as ``application/problem+json`` (RFC 9457), each with a code that a program can rely on."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from recsys_tasks.core.errors import ConfigError, UnknownId
from recsys_tasks.core.formatting import in_one_line

MEDIA_TYPE = "application/problem+json"
RETRY = {"Retry-After": "1"}
"""Header of a refusal that is over in a moment: proxies and programs come again by it."""
MOST_COMPLAINTS = 5
"""So many wrong fields of one request are named."""


class Problem(Exception):
    """A request is not answered. The text says why, and what to do."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """Say what there is.

        Args:
            status: of HTTP.
            code: the kind of problem, in words that never change.
            detail: why, and what to do.
            headers: that go along.
        """
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, dict(headers or {})

    def response(self) -> Response:
        """The answer that says so."""
        content = msgspec.json.encode(self.body())
        return Response(content, self.status, {"Cache-Control": "no-store"} | self.headers, MEDIA_TYPE)

    def body(self) -> dict[str, Any]:
        """The members of the document: ``code`` is an extension, the others are those of RFC 9457."""
        title = HTTPStatus(self.status).phrase
        values = {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}
        return values | {"code": self.code}


def busy(detail: str) -> Problem:
    """A refusal that is over in a moment."""
    return Problem(503, "busy", f"{detail} Come again in a second.", RETRY)


def invalid(complaints: list[str]) -> Problem:
    """Fields of a request are wrong."""
    return Problem(422, "invalid", in_one_line("; ".join(complaints[:MOST_COMPLAINTS])))


def no_release() -> Problem:
    """There is nothing to answer from."""
    return Problem(503, "no_release", "No release is open yet. Come again when /readyz says so.", RETRY)


def handle_errors(app: FastAPI) -> None:
    """Let an app answer every error with a problem."""
    app.add_exception_handler(Problem, lambda _, error: error.response())
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(UnknownId, lambda _, error: Problem(404, "unknown_id", str(error)).response())
    app.add_exception_handler(ConfigError, lambda _, error: Problem(422, "invalid", str(error)).response())
    app.add_exception_handler(Exception, lambda *_: Problem(500, "failed", "The log says why.").response())


def _invalid(_request: Request, error: Exception) -> Response:
    """What is wrong with the fields of a request; what they held is not repeated."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return invalid([f"{'.'.join(map(str, each['loc'][:4]))}: {each['msg']}" for each in error.errors()]).response()


def _plain(_request: Request, error: Exception) -> Response:
    """What the framework itself refuses: an unknown path, another method."""
    assert isinstance(error, HTTPException)  # noqa: S101
    code = HTTPStatus(error.status_code).name.lower()
    return Problem(error.status_code, code, f"{error.detail}. See /openapi.json.", error.headers).response()
