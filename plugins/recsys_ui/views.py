"""The page of what is live, on its own and as a tab of the DAG, and the static files of all pages."""

from datetime import UTC, datetime

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from recsys_ui.turns import turn
from recsys_ui.web import DAG_ID, SAFE, Sorry, home, page, policy, store

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/")
def first(request: Request) -> Response:
    """Lead the bare address to what is live."""
    return RedirectResponse(f"{home(request)}live", 307)


@router.get("/dag", dependencies=[Depends(turn)])
def of_dag(request: Request, dag_id: str = DAG_ID) -> HTMLResponse:
    """Show the tab of a DAG; Airflow shows this view on every DAG."""
    if dag_id != DAG_ID:
        raise Sorry("Nothing to show", f"Recommendations are made by {DAG_ID}; {dag_id} has no part in them.", 200)
    return live(request)


@router.get("/live", dependencies=[Depends(turn)])
def live(request: Request) -> HTMLResponse:
    """Show what is live, how old and how good it is, and what came of the newest candidate."""
    from recsys_tasks.pages.live import live as gathered

    return page(request, "live", "live", **gathered(store(), policy().freshness, datetime.now(UTC)))


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Send a style sheet or a script: the files are a fixed list, found by name."""
    from recsys_tasks.pages.site import static_files

    kind, content = static_files().get(name, ("", b""))
    if not kind:
        raise Sorry("No such file", "Pages load only the files that belong to them.")
    return Response(content, media_type=kind, headers=SAFE)
