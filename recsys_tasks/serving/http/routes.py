"""The routes under ``/v1``."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Query, Request, Response

from recsys_tasks.core.domain import Id
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.serving.http.answers import Answers
from recsys_tasks.serving.http.desk import Desk
from recsys_tasks.serving.http.examples import BATCH, LISTENER, TRACKS, documented
from recsys_tasks.serving.http.shapes import (
    BatchAnswer,
    BatchBody,
    ListenerAnswer,
    ListenerTracks,
    TracksAnswer,
    Wanted,
)

AT_ONCE = 8
"""Listeners of a batch whose lists are made in one turn: a few milliseconds."""
ListenerId = Annotated[str, Path(description="The listener's id, as the source has it", examples=["1418"])]
TrackId = Annotated[str, Path(description="The track's id, as the source has it", examples=["20876"])]
Asked = Annotated[Wanted, Query()]
Product: TypeAlias = Callable[[Answers, Sequence[Id], Wanted], list[ListenerTracks]]


def routes(desk: Desk, bounds: ServeConfig) -> APIRouter:
    """All routes of version 1."""
    router = APIRouter(prefix="/v1")
    for add in (_listeners, _batches, _tracks):
        add(router, desk, bounds)
    return router


def _listeners(router: APIRouter, desk: Desk, _bounds: ServeConfig) -> None:
    @router.get("/listeners/{listener_id:path}/discover", **documented(ListenerAnswer, LISTENER))
    async def discover(request: Request, listener_id: ListenerId, wanted: Asked) -> Response:
        """Tracks that a listener has not played; the popular tracks for a listener whom the release does not know."""
        return await desk.share(request, listener_id, "discover", partial(_each_alone, Answers.discover, wanted))


def _batches(router: APIRouter, desk: Desk, bounds: ServeConfig) -> None:
    @router.post("/batch/discover", **documented(BatchAnswer, BATCH))
    async def batch_discover(body: BatchBody) -> Response:
        """What ``discover`` answers, for many listeners."""
        return await desk.give_pieces(_pieces(Answers.discover, body, bounds), _together)


def _tracks(router: APIRouter, desk: Desk, _bounds: ServeConfig) -> None:
    @router.get("/tracks/{track_id:path}/similar", **documented(TracksAnswer, TRACKS))
    async def similar(request: Request, track_id: TrackId, wanted: Asked) -> Response:
        """Tracks that the same people like."""
        return await desk.give(request, lambda answers: answers.similar(track_id, wanted))


def _each_alone(product: Product, wanted: Wanted, answers: Answers, ids: list[str]) -> list[ListenerAnswer]:
    """An answer for each of some listeners."""
    return [_alone(answers, one) for one in product(answers, ids, wanted)]


def _alone(answers: Answers, one: ListenerTracks) -> ListenerAnswer:
    return ListenerAnswer(answers.release, answers.day, one.listener_id, one.known, one.basis, one.tracks)


def _together(answers: Answers, lists: list[ListenerTracks]) -> BatchAnswer:
    return BatchAnswer(answers.release, answers.day, lists)


def _pieces(product: Product, body: BatchBody, bounds: ServeConfig) -> list[Callable[[Answers], list[ListenerTracks]]]:
    """A batch as pieces of work.

    Raises:
        ConfigError: it is too large.
    """
    every: Sequence[Id] = body.listeners
    if len(every) > bounds.largest_batch:
        raise ConfigError(f"A batch has {bounds.largest_batch:,} listeners at the most. Ask for them in several.")
    parts = [every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE)]
    return [partial(_piece, product, some, body) for some in parts]


def _piece(product: Product, some: Sequence[Id], wanted: Wanted, answers: Answers) -> list[ListenerTracks]:
    return product(answers, some, wanted)
