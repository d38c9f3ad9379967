"""The routes under ``/v1``."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from recsys_tasks.core.domain import Id
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.serving.asked import OfListener
from recsys_tasks.serving.http.answers import Answers
from recsys_tasks.serving.http.desk import Desk
from recsys_tasks.serving.http.examples import ARTISTS, BATCH, LISTENER, RADIO, TRACKS, documented
from recsys_tasks.serving.http.queries import asked, parameters
from recsys_tasks.serving.http.shapes import (
    ArtistsAnswer,
    ArtistsWanted,
    BatchAnswer,
    BatchBody,
    DiscoverBatchBody,
    DiscoverWanted,
    HistoryBody,
    ListenerAnswer,
    ListenerTracks,
    PlaylistBody,
    PopularWanted,
    Radio,
    RadioAnswer,
    TracksAnswer,
    Wanted,
)

AT_ONCE = 8
"""Listeners of a batch whose lists are made in one turn: a few milliseconds."""
ListenerId = Annotated[str, Path(description="The listener's id, as the source has it", examples=["1418"])]
TrackId = Annotated[str, Path(description="The track's id, as the source has it", examples=["20876"])]
ArtistId = Annotated[str, Path(description="The artist's id, or the name where the catalogue has no ids")]
OF_A_LISTENER: dict[str, tuple[OfListener, str]] = {
    "discover": ("discover", "Tracks that a listener has not played; for an unknown one the popular tracks."),
    "mix": ("mix", "What a listener plays of late, and what they have not heard; another mix with each release."),
    "new-releases": ("new_releases", "The newest tracks that suit a listener."),
    "on-repeat": ("on_repeat", "The tracks that a listener plays most of late, or is likeliest to play again."),
}
"""Last part of the path -> the product, and what it is."""


class ShortRoute(APIRoute):
    """A route that FastAPI describes. Where all that is asked for stands in the address, nothing comes between it and
    its function: to look for dependencies in a request that has none takes a third of an answer's time."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        if self.body_field is None:
            self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.endpoint(Request(scope), **scope["path_params"])
        await response(scope, receive, send)


def routes(desk: Desk, bounds: ServeConfig) -> APIRouter:
    """All routes of version 1."""
    router = APIRouter(prefix="/v1", route_class=ShortRoute)
    for name, (which, about) in OF_A_LISTENER.items():
        _of_a_listener(router, desk, name, which, about)
        _of_many(router, desk, bounds, name, which)
    for add in (_history, _tracks, _radio, _artists):
        add(router, desk)
    return router


def _of_a_listener(router: APIRouter, desk: Desk, name: str, which: OfListener, about: str) -> None:
    model = DiscoverWanted if which == "discover" else Wanted

    async def answer(request: Request, listener_id: ListenerId) -> Response:
        wanted = asked(request, model)
        ready = partial(_delivered, which, listener_id, wanted)
        return await desk.share(request, ready, listener_id, name, partial(_each_alone, which, wanted))

    shown = documented(ListenerAnswer, LISTENER) | parameters(model)
    path = f"/listeners/{{listener_id:path}}/{name}"
    router.add_api_route(path, answer, name=f"{name} of a listener", description=about, **shown)


def _of_many(router: APIRouter, desk: Desk, bounds: ServeConfig, name: str, which: OfListener) -> None:
    async def answer(body: BatchBody) -> Response:
        return await desk.give_pieces(_pieces(which, body, bounds), _together)

    async def at_an_hour(body: DiscoverBatchBody) -> Response:
        return await answer(body)

    shown, about = documented(BatchAnswer, BATCH), f"What `{name}` answers, for many listeners at once."
    given = at_an_hour if which == "discover" else answer
    router.add_api_route(f"/batch/{name}", given, methods=["POST"], name=f"{name} of many", description=about, **shown)


def _history(router: APIRouter, desk: Desk) -> None:
    @router.post("/listeners/{listener_id:path}/discover", **documented(ListenerAnswer, LISTENER))
    async def discover_with_a_history(listener_id: ListenerId, body: HistoryBody) -> Response:
        """What `discover` answers; for a listener whom the release does not know, from the tracks in the body."""
        return await desk.give_posted(lambda answers: _alone(answers, answers.for_history(listener_id, body)))


def _tracks(router: APIRouter, desk: Desk) -> None:
    @router.get("/tracks/{track_id:path}/similar", **documented(TracksAnswer, TRACKS), **parameters(Wanted))
    async def similar(request: Request, track_id: TrackId) -> Response:
        """Tracks that the same people like."""
        wanted = asked(request, Wanted)
        ready = partial(Answers.delivered_like, track_id=track_id, wanted=wanted)
        return await desk.give(request, lambda answers: answers.similar(track_id, wanted), ready)

    @router.get("/popular", **documented(TracksAnswer, TRACKS), **parameters(PopularWanted))
    async def popular(request: Request) -> Response:
        """The tracks that most are listening to, overall or of a delivered segment; a score is their number."""
        wanted = asked(request, PopularWanted)
        return await desk.give(request, lambda answers: answers.popular(wanted))

    @router.post("/playlists/continue", **documented(TracksAnswer, TRACKS))
    async def continue_a_playlist(body: PlaylistBody) -> Response:
        """Tracks that go on with a playlist; `unknown` counts those of it that the release does not know."""
        return await desk.give_posted(lambda answers: answers.continued(body))


def _radio(router: APIRouter, desk: Desk) -> None:
    @router.get("/radio", **documented(RadioAnswer, RADIO), **parameters(Radio))
    async def radio(request: Request) -> Response:
        """The next tracks of a radio from tracks, artists or both; `skip` of the answer is where to hear on."""
        wanted = asked(request, Radio)
        return await desk.give(request, lambda answers: answers.radio(wanted))


def _artists(router: APIRouter, desk: Desk) -> None:
    @router.get("/artists/{artist_id:path}/related", **documented(ArtistsAnswer, ARTISTS), **parameters(ArtistsWanted))
    async def related(request: Request, artist_id: ArtistId) -> Response:
        """Artists whom the same people listen to: out of a delivery, or counted once somebody asks, who comes again."""
        wanted = asked(request, ArtistsWanted)
        return await desk.give(request, lambda answers: answers.related(artist_id, wanted))


def _delivered(which: OfListener, listener_id: str, wanted: Wanted, answers: Answers) -> ListenerAnswer | None:
    """The delivered list of a listener; None where it has to be made."""
    found = answers.delivered_to(which, listener_id, wanted)
    return None if found is None else _alone(answers, found)


def _each_alone(which: OfListener, wanted: Wanted, answers: Answers, ids: list[str]) -> list[ListenerAnswer]:
    """An answer for each of some listeners."""
    return [_alone(answers, one) for one in answers.of_listeners(which, ids, wanted)]


def _alone(answers: Answers, one: ListenerTracks) -> ListenerAnswer:
    return ListenerAnswer(answers.release, answers.day, one.listener_id, one.known, one.basis, one.tracks)


def _together(answers: Answers, lists: list[ListenerTracks]) -> BatchAnswer:
    return BatchAnswer(answers.release, answers.day, lists)


def _pieces(which: OfListener, body: BatchBody, bounds: ServeConfig) -> list[Callable[[Answers], list[ListenerTracks]]]:
    """A batch as pieces of work.

    Raises:
        ConfigError: it is too large.
    """
    every: Sequence[Id] = body.listeners
    if len(every) > bounds.largest_batch:
        raise ConfigError(f"A batch has {bounds.largest_batch:,} listeners at the most. Ask for them in several.")
    parts = [every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE)]
    return [partial(_piece, which, some, body) for some in parts]


def _piece(which: OfListener, some: Sequence[Id], wanted: Wanted, answers: Answers) -> list[ListenerTracks]:
    return answers.of_listeners(which, some, wanted)
