"""What every route shares: the open release, its tag, the answers that are remembered, the queue."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

import msgspec
from fastapi import Request, Response

from recsys_tasks.serving.http.answers import Answers
from recsys_tasks.serving.http.live import LiveRelease, Serving
from recsys_tasks.serving.http.metrics import Metrics
from recsys_tasks.serving.http.problems import no_release
from recsys_tasks.serving.http.turns import Turns

Item = TypeVar("Item")
Piece = TypeVar("Piece")
Shared: TypeAlias = Callable[[Answers, list[Item]], Sequence[object]]
Make: TypeAlias = Callable[[Answers], object]
CACHING = "private, no-cache"
"""Whoever keeps an answer asks whether it still holds: it does, as long as the tag is the same."""
encode = msgspec.json.Encoder().encode


def _nothing(_: Answers) -> None:
    """Where no delivery holds such answers."""


class Desk:
    """Gives answers in turn."""

    def __init__(self, live: LiveRelease, turns: Turns, metrics: Metrics) -> None:
        self._live, self._turns, self._metrics = live, turns, metrics

    async def give(self, request: Request, make: Make, ready: Make = _nothing) -> Response:
        """The answer of the release that is open now, or that what the client holds is still right.

        Args:
            request: whose path and query say everything that decides the answer.
            make: the answer, in a few milliseconds.
            ready: the answer where it is delivered, in some microseconds, without a turn; else None.
        """
        serving = self._now()
        return await self._found(request, serving, ready, lambda: self._turns.take(lambda: make(serving.answers)))

    async def share(self, request: Request, ready: Make, item: Item, kind: str, make: Shared[Item]) -> Response:
        """As ``give``, for an answer that is made together with those that others wait for.

        Args:
            request: as for ``give``; those whose queries are equal are answered together.
            ready: as for ``give``.
            item: what is asked about.
            kind: of the question.
            make: the answers about several items.
        """
        serving = self._now()
        shared = (kind, serving.tag, request.scope["query_string"])
        make_all = partial(make, serving.answers)
        return await self._found(request, serving, ready, lambda: self._turns.share(shared, item, make_all))

    async def _found(
        self, request: Request, serving: Serving, ready: Make, wait: Callable[[], Awaitable[object]]
    ) -> Response:
        if _holds(request.headers.get("if-none-match", ""), serving.tag):
            return Response(status_code=304, headers=_headers(serving))
        if (delivered := ready(serving.answers)) is not None:
            self._metrics.delivered.inc()
            return _response(serving, encode(delivered))
        asked = request.scope["raw_path"] + b"?" + request.scope["query_string"]
        content = serving.remembered.get(asked)
        if content is None:
            content = encode(await wait())
            serving.remembered.keep(asked, content)
        else:
            self._metrics.remembered.inc()
        return _response(serving, content)

    async def give_posted(self, make: Make) -> Response:
        """The answer to what a body asked."""
        serving = self._now()
        return _response(serving, encode(await self._turns.take(lambda: make(serving.answers))))

    async def give_pieces(
        self,
        pieces: Sequence[Callable[[Answers], Sequence[Piece]]],
        join: Callable[[Answers, list[Piece]], object],
    ) -> Response:
        """An answer that takes several turns, so that others come between; all of it is of one release."""
        serving, found = self._now(), list[Piece]()
        for number, piece in enumerate(pieces):
            found += await self._turns.take(lambda piece=piece: piece(serving.answers), number > 0)  # type: ignore[misc]
        return _response(serving, encode(join(serving.answers, found)))

    def _now(self) -> Serving:
        if self._live.current is None:
            raise no_release()
        return self._live.current


def _response(serving: Serving, content: bytes) -> Response:
    return Response(content, 200, _headers(serving), "application/json")


def _headers(serving: Serving) -> dict[str, str]:
    release = str(serving.entry.release)
    return {"ETag": serving.tag, "Cache-Control": CACHING, "Vary": "Authorization", "Recsys-Release": release}


def _holds(header: str, tag: str) -> bool:
    """Whether If-None-Match names the tag (RFC 9110, 13.1.2: compared weakly)."""
    return bool(header) and any(each.strip().removeprefix("W/") in (tag, "*") for each in header.split(","))
