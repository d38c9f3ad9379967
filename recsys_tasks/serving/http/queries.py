"""The parameters of an address as a model, and as the description of the service shows them.

FastAPI can take a model too, but makes its signature anew for every request, which takes longer than an answer.
"""

from functools import lru_cache
from typing import Any, TypeVar, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ValidationError

from recsys_tasks.serving.http.problems import invalid

Model = TypeVar("Model", bound=BaseModel)
MOST_PARAMETERS = 200
QUERIES_KEPT = 1_024
"""Parsed queries that are kept: most who ask use the same few."""


def asked(request: Request, model: type[Model]) -> Model:
    """What the parameters of a request say.

    Raises:
        Problem: a name is unknown or named twice, or a value is wrong.
    """
    found: Model = _parsed(model, request.scope["query_string"])
    return found


@lru_cache(QUERIES_KEPT)
def _parsed(model: type[Model], query: bytes) -> Model:
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise invalid([f"query: more than {MOST_PARAMETERS} parameters"]) from None
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in model.model_fields and get_origin(model.model_fields[name].annotation) is list:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise invalid([f"query.{name[:64]}: named twice"])
        else:
            values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid([f"query.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]) from None


def parameters(model: type[BaseModel]) -> dict[str, Any]:
    """What the description says of the parameters."""
    shown = model.model_json_schema()["properties"].items()
    found = [
        {"name": name, "in": "query", "required": False, "description": schema.pop("description", ""), "schema": schema}
        for name, schema in shown
    ]
    return {"openapi_extra": {"parameters": found}}
