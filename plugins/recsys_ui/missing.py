"""The one page that stands in for all others where these cannot be made. Imports nothing that an Airflow may lack."""

from html import escape
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'",
}
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Recommendations</title>
<style>
html {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 80ch; margin: 2em auto; padding: 0 1.5em; }}
h1 {{ font-size: 1.4em; }}
p {{ overflow-wrap: anywhere; }}
</style></head>
<body><h1>The pages of the recommendations cannot be shown</h1>
<p>{said}</p>
<p>Then start the API server again. Everything else in this Airflow works on.</p></body>
</html>
"""


def app(said: str) -> FastAPI:
    """An app that answers every address with what is missing, to whoever is signed in."""
    found = FastAPI(dependencies=_signed_in(), openapi_url=None, docs_url=None, redoc_url=None)

    @found.get("/{address:path}")
    def anything(address: str) -> HTMLResponse:
        return page(said)

    return found


def page(said: str) -> HTMLResponse:
    """The page that says it."""
    return HTMLResponse(PAGE.format(said=escape(said)), 503, headers=HEADERS)


def _signed_in() -> list[Any]:
    from airflow.api_fastapi.core_api.security import get_user

    return [Depends(get_user)]
