"""Examples for the description of the service, and what each route can answer."""

from typing import Any

from recsys_tasks.serving.http.problems import MEDIA_TYPE

PLACE = {
    "track_id": "20876",
    "title": "La Maré de Dário",
    "artist": "Ángel Calação",
    "score": 0.8375,
    "because": {"track_id": "15374", "title": "Nuit à Valonlieu", "artist": "Les Valardon"},
}
FROM = {"release": 7, "day": "2026-02-08"}
LISTED = {"listener_id": "1418", "known": True, "basis": "listener", "tracks": [PLACE]}
LISTENER, BATCH = FROM | LISTED, FROM | {"lists": [LISTED]}
TRACKS = FROM | {"tracks": [PLACE], "unknown": 0}
ARTISTS = FROM | {"artists": [{"artist_id": "871", "artist": "Les Valardon", "score": 1.4121}]}
RADIO = FROM | {"tracks": [PLACE["because"]], "skip": 30}
PROBLEM = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "Release 7 knows no track '0'.",
    "code": "unknown_id",
}
PROBLEMS = {
    304: "What you hold is still right",
    401: "The token is missing or not known",
    404: "An id is not known",
    408: "The request did not arrive in time",
    413: "The body is too large",
    422: "A parameter is wrong, or the release does not know what a filter asks for",
    503: "Busy, or no release is open: come again after Retry-After",
}


def documented(model: type[Any], example: dict[str, Any]) -> dict[str, Any]:
    """What the description says of a route that answers with a model."""
    found: dict[int | str, Any] = {code: _problem(code, text) for code, text in PROBLEMS.items()}
    tagged = {"ETag": {"schema": {"type": "string"}}, "Recsys-Release": {"schema": {"type": "integer"}}}
    found[200] = {"model": model, "headers": tagged, "content": {"application/json": {"example": example}}}
    return {"responses": found, "response_model": None}


def _problem(status: int, text: str) -> dict[str, Any]:
    if status == 304:
        return {"description": text}
    return {"description": text, "content": {MEDIA_TYPE: {"example": PROBLEM | {"status": status}}}}
