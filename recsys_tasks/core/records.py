"""Records: frozen dataclasses whose stored form is JSON, and the way between the two."""

from typing import Any, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from recsys_tasks.core.errors import BadData

Json: TypeAlias = dict[str, Any]
"""A JSON object. Outside ``storage`` it is only the stored form of a record, never what a function works on."""
T = TypeVar("T")
_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}  # making one takes a millisecond


def as_json(record: Any) -> Json:
    """The stored form of a record: dates as ``YYYY-MM-DD``, tuples as lists."""
    return dict(_adapter(type(record)).dump_python(record, mode="json"))


def from_json(kind: type[T], values: Any) -> T:
    """A record from its stored form; a field that has a default may be missing.

    Raises:
        BadData: a field is missing or of another type.
    """
    try:
        record: T = _adapter(kind).validate_python(values)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise BadData(f"{kind.__name__} cannot be read: {wrong}.") from None
    return record


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
