"""The app, from values alone: what answers, bounds, tokens, clocks, and where the log goes."""

import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from fastapi import FastAPI, Response
from starlette.types import ASGIApp

from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.serving.http.access_log import AccessLog
from recsys_tasks.serving.http.desk import Desk
from recsys_tasks.serving.http.door import Door, Rules
from recsys_tasks.serving.http.live import LiveRelease, age
from recsys_tasks.serving.http.metrics import Metrics
from recsys_tasks.serving.http.problems import handle_errors
from recsys_tasks.serving.http.routes import routes
from recsys_tasks.serving.http.tokens import Tokens
from recsys_tasks.serving.http.turns import Turns

ABOUT = """Recommendations from the live release. Every answer comes from one release, which it names; its ETag holds
until the next one. Ids go out as text. Errors are `application/problem+json` (RFC 9457) with a `code`."""
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Surroundings:
    """What an app is given."""

    live: LiveRelease
    bounds: ServeConfig
    tokens: Callable[[], Tokens | None]  # None: nobody needs one
    log: AccessLog
    metrics: Metrics
    clock: Callable[[], float]  # seconds that never go back
    now: Callable[[], datetime]
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None


def create_app(given: Surroundings) -> ASGIApp:
    """The service behind its door."""
    bounds, metrics = given.bounds, given.metrics
    app = FastAPI(
        title="recsys", version="1", description=ABOUT, docs_url=None, redoc_url=None, lifespan=given.lifespan
    )
    handle_errors(app)
    turns = Turns(bounds.max_waiting, bounds.patience_s, given.clock)
    app.include_router(routes(Desk(given.live, turns, metrics), bounds))
    _operations(app, given.live, metrics)
    _watch(given, turns)
    rules = Rules(
        tokens=given.tokens,
        most_bytes=1024 * bounds.max_body_kb,
        receive_s=bounds.receive_s,
        clock=given.clock,
        now=given.now,
        release=lambda: _release(given.live),
    )
    return Door(app, rules, metrics, given.log)


def _operations(app: FastAPI, live: LiveRelease, metrics: Metrics) -> None:
    @app.get("/healthz")
    async def healthz() -> Response:
        """The process answers."""
        return _json({"status": "alive"})

    @app.get("/readyz")
    async def readyz() -> Response:
        """A release is open. ``kept`` says that a newer one is live in the log and cannot be opened."""
        if live.current is None:
            return _json({"status": "no_release"}, 503)
        return _json({"status": "ready", "release": live.current.entry.release, "kept": live.problem is not None})

    @app.get("/metrics")
    async def prometheus() -> Response:
        """Figures for Prometheus."""
        return Response(metrics.text(), media_type=PROMETHEUS)


def _watch(given: Surroundings, turns: Turns) -> None:
    live, watch = given.live, given.metrics.watch
    watch("recsys_release", "Number of the release that answers; 0: none", lambda: _release(live))
    watch("recsys_release_age_seconds", "Seconds since it went live", lambda: age(live.current, given.now()))
    watch("recsys_release_day_timestamp_seconds", "Midnight (UTC) of its newest data", lambda: _day(live))
    watch("recsys_release_kept", "1: what is live in the log cannot be opened", lambda: live.problem is not None)
    watch("recsys_release_switches", "Releases, or rewritten parts, that were opened", lambda: live.switches)
    watch("recsys_waiting", "Requests that wait for their turn", lambda: len(turns))


def _release(live: LiveRelease) -> int:
    return live.current.entry.release if live.current else 0


def _day(live: LiveRelease) -> float:
    if live.current is None:
        return math.nan
    return datetime.fromisoformat(f"{live.current.entry.day}T00:00:00+00:00").timestamp()


def _json(values: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(values), status, {"Cache-Control": "no-store"}, "application/json")
