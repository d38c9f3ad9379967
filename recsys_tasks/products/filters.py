"""Which tracks may be listed: availability, kind, explicit, ranges of features, release date, country.

A filter becomes one flag for each track, which the search itself obeys (``allowed``): lists stay full. What the
catalogue does not say of a track counts as follows: of unknown availability or country, it may be listed; of unknown
kind, explicitness, feature or release date, it is left out by a filter that asks for one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import BoolArray
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.release.bundle import Bundle


class FeatureRange(NamedTuple):
    """Bounds of a feature's value, both included; infinite ones bound nothing."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Filters:
    """What a list may hold. Values can be compared and hashed, so that a caller keeps ``allowed`` by release, filters
    and day."""

    available: bool = True  # without tracks that nobody may play, or that are not released yet
    kinds: tuple[str, ...] = ()  # of these kinds only; empty: of any
    explicit: bool | None = None  # False: without explicit tracks; True: these alone; None: either
    ranges: tuple[FeatureRange, ...] = ()
    released_after: date | None = None
    country: str = ""  # where the listener is; empty: anywhere

    def allowed(self, opened: Bundle, on: date, settings: ProductsConfig) -> BoolArray:
        """Which tracks may be listed. (n_tracks,).

        Args:
            opened: the release.
            on: the day of the list.
            settings: which features hold explicitness and countries.

        Raises:
            ConfigError: the release does not know a column that a filter needs, or it is of another type; or nothing
                lies between the bounds of a feature.
        """
        table = opened.names.table
        found = np.ones(len(table), dtype=bool)
        for condition in self._conditions(table, on, settings):
            found &= np.asarray(condition)
        return found

    def _conditions(self, table: pa.Table, on: date, settings: ProductsConfig) -> Iterator[pa.Array]:
        if self.available:
            yield pc.fill_null(pc.less_equal(table["released_on"], pa.scalar(on)), True)
            if "available" in table.column_names:
                yield pc.fill_null(table["available"], True)
        if self.kinds:
            yield pc.is_in(column_of(table, "kind"), value_set=pa.array(self.kinds, pa.string()))
        if self.explicit is not None:
            yield pc.fill_null(pc.equal(_flags(table, _set(settings, "explicit")), self.explicit), False)
        for name, low, high in self.ranges:
            values = _numbers(table, name)
            if not low <= high:  # NaN is no bound either
                raise ConfigError(
                    f"Nothing lies between {low:g} and {high:g}, as {name} is asked for. Give the lower first."
                )
            yield pc.fill_null(pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high)), False)
        if self.released_after:
            yield pc.fill_null(pc.greater(table["released_on"], pa.scalar(self.released_after)), False)
        if self.country:
            yield _playable_in(column_of(table, _set(settings, "countries")), self.country)


def column_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column of what the release knows of its tracks.

    Raises:
        ConfigError: it knows no such column.
    """
    if name not in table.column_names:
        raise ConfigError(
            f"The release knows no {name!r} of its tracks. Name it under [catalogue] or [catalogue.features]; releases "
            "know it from the next run on."
        )
    return table[name]


def _set(settings: ProductsConfig, field: str) -> str:
    name = str(getattr(settings, field))
    if not name:
        raise ConfigError(
            f"This filter needs [products] {field}: name there the feature of [catalogue.features] that says it."
        )
    return name


def _flags(table: pa.Table, name: str) -> pa.ChunkedArray:
    values = column_of(table, name)
    if not pa.types.is_boolean(values.type):
        raise ConfigError(f"The feature {name!r} is {values.type}. A filter for explicit tracks needs a boolean.")
    return values


def _numbers(table: pa.Table, name: str) -> pa.ChunkedArray:
    values = column_of(table, name)
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        raise ConfigError(f"The feature {name!r} is {values.type}. A range needs numbers.")
    return values


def _playable_in(countries: pa.ChunkedArray, country: str) -> BoolArray:
    """Whether each track may be played there: the country is among its own, or it has none."""
    if not pa.types.is_list(countries.type):
        raise ConfigError(f"The feature of countries is {countries.type}. It needs an array of text.")
    lists = countries.combine_chunks()
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0))
    owners = np.repeat(np.arange(len(lists)), lengths)
    named = np.asarray(pc.fill_null(pc.equal(lists.flatten(), country), False))
    return np.asarray((lengths == 0) | (np.bincount(owners, named, len(lists)) > 0))
