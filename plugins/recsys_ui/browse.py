"""The pages on the past: figures over time, candidates and releases, deliveries, what a release was made from."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from recsys_ui.turns import turn
from recsys_ui.web import Sorry, page, policy, store

NAME = re.compile(r"[0-9]{1,12}|[0-9a-f]{8,64}")

router = APIRouter(default_response_class=HTMLResponse, dependencies=[Depends(turn)])


@router.get("/history")
def history(request: Request, dates: str = "", table: str = "") -> HTMLResponse:
    """Show the figures of the judged dates, as plots and tables."""
    from recsys_tasks.pages.history import LENGTHS, USUAL
    from recsys_tasks.pages.history import history as gathered

    length = dates if dates in LENGTHS else USUAL
    return page(request, "history", "history", **gathered(store(request), policy(request).gate, length, table))


@router.get("/candidates")
def candidates(
    request: Request,
    verdict: str = "",
    first: Annotated[str, Query(alias="from")] = "",
    last: Annotated[str, Query(alias="to")] = "",
    page_number: Annotated[str, Query(alias="page")] = "",
    log: str = "",
) -> HTMLResponse:
    """Show every judged candidate and every entry of the release log."""
    from recsys_tasks.pages.candidates import candidates as gathered
    from recsys_tasks.pages.candidates import wanted

    asked = wanted(verdict, first, last, page_number, log)
    return page(request, "candidates", "candidates", **gathered(store(request), asked, policy(request).schedule.days))


@router.get("/deliveries")
def deliveries(request: Request) -> HTMLResponse:
    """Show what was delivered when, of which release, to which places."""
    from recsys_tasks.pages.deliveries import deliveries as gathered

    return page(request, "deliveries", "deliveries", **gathered(store(request), policy(request).deliver))


@router.get("/lineage/{name}")
def lineage(request: Request, name: str, dates: str = "") -> HTMLResponse:
    """Show what a release, or a candidate that was not released, was made from."""
    from recsys_tasks.core.errors import NotStored, UnknownId
    from recsys_tasks.pages.lineage import lineage as gathered

    if not NAME.fullmatch(name):
        text = "A release is named by its number, a candidate by its digest: 8 to 64 characters of 0-9 and a-f."
        raise Sorry("No such release or candidate", text)
    try:
        return page(request, "lineage", "candidates", **gathered(store(request), name, dates == "all"))
    except (UnknownId, NotStored):
        text = f"Nothing here is called {name}: no release has this number, or not exactly one candidate begins so. "
        raise Sorry("No such release or candidate", f"{text}Candidates and releases lists all of them.") from None
