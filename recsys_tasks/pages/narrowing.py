"""The filters of the page *Try it*: in an address, and offered where the catalogue has a column for them."""

import math
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import parse_day
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.formatting import count
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.pages.texts import LONGEST
from recsys_tasks.products.filters import FeatureRange, Filters

FIELDS = ("available", "kind", "explicit", "country", "after", "feature", "low", "high")
"""Parameters of an address that filter."""
OFFERED = 300
"""Values of a column that a field offers, at the most."""
COUNTED = ("plays", "listeners")
"""Numbers of a release's tracks that are no features of the catalogue."""


Meaning = TypeVar("Meaning")


class Offered(NamedTuple):
    """What the catalogue of a release can be filtered by."""

    available: bool
    kinds: tuple[str, ...]
    explicit: bool
    countries: tuple[str, ...]
    released: bool
    features: tuple[str, ...]
    segments: tuple[str, ...] = ()  # of listeners, whose popular tracks are delivered
    hours: bool = False  # whether a delivery says when tracks are played


def offered(table: pa.Table, settings: ProductsConfig) -> Offered:
    """The filters that a release's catalogue has a column for.

    Args:
        table: what the release knows of its tracks.
        settings: which features hold explicitness and countries.
    """
    explicit = settings.explicit in table.column_names and pa.types.is_boolean(table[settings.explicit].type)
    dates = table["released_on"]
    return Offered(
        "available" in table.column_names,
        _values(table, "kind"),
        explicit,
        _values(table, settings.countries),
        len(dates) > dates.null_count,
        tuple(each.name for each in table.schema if _is_number(each) and each.name not in COUNTED),
    )


def _is_number(each: pa.Field) -> bool:
    is_number = pa.types.is_floating(each.type) or pa.types.is_integer(each.type)
    return is_number and not each.name.endswith("_id")


def _values(table: pa.Table, name: str) -> tuple[str, ...]:
    """The different texts of a column, or of the lists in it; none where there is no such column."""
    if name not in table.column_names:
        return ()
    column = table[name].combine_chunks()
    column = column.flatten() if pa.types.is_list(column.type) else column
    return tuple(sorted(str(each) for each in pc.unique(column.drop_null()).to_pylist())[:OFFERED])


def parse_filters(given: Mapping[str, str]) -> Filters:
    """The filters of an address; an empty parameter counts as absent.

    Raises:
        ConfigError: a value is not what its filter takes.
    """
    texts = {name: given.get(name, "").strip() for name in FIELDS}
    for name, text in texts.items():
        if len(text) > LONGEST:
            raise ConfigError(f"{name} has {count(len(text))} characters. Shorten it to {LONGEST}.")
    return Filters(
        available=_one_of(texts, "available", {"": True, "any": False}),
        kinds=(texts["kind"],) if texts["kind"] else (),
        explicit=_one_of(texts, "explicit", {"": None, "no": False, "yes": True}),
        ranges=_ranges(texts),
        released_after=_day(texts["after"]),
        country=texts["country"],
    )


def parameters_of(filters: Filters) -> dict[str, str]:
    """The parameters of an address that ask for these filters, without what is the usual."""
    feature = filters.ranges[0] if filters.ranges else FeatureRange("", -math.inf, math.inf)
    found = {
        "available": "" if filters.available else "any",
        "kind": next(iter(filters.kinds), ""),
        "explicit": {None: "", False: "no", True: "yes"}[filters.explicit],
        "country": filters.country,
        "after": filters.released_after.isoformat() if filters.released_after else "",
        "feature": feature.name,
        "low": _bound(feature.low),
        "high": _bound(feature.high),
    }
    return {name: text for name, text in found.items() if text}


def _one_of(texts: Mapping[str, str], name: str, meanings: Mapping[str, Meaning]) -> Meaning:
    if texts[name] not in meanings:
        known = " or ".join(filter(None, meanings))
        raise ConfigError(f"{name} is {texts[name]!r}. Leave it out, or say {known}.")
    return meanings[texts[name]]


def _day(text: str) -> date | None:
    return parse_day(text) if text else None


def _ranges(texts: Mapping[str, str]) -> tuple[FeatureRange, ...]:
    if not texts["feature"]:
        return ()
    return (FeatureRange(texts["feature"], _number(texts["low"], -math.inf), _number(texts["high"], math.inf)),)


def _number(text: str, without: float) -> float:
    try:
        found = float(text) if text else without
    except ValueError:
        found = math.nan
    if math.isnan(found):
        raise ConfigError(f"{text!r} is no number. Give the bound of a feature as 120 or 0.5, or leave it out.")
    return found


def _bound(value: float) -> str:
    return str(value).removesuffix(".0") if math.isfinite(value) else ""
