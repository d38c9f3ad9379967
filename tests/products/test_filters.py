"""Filters: which tracks may be listed, and what counts for a track of which the catalogue says nothing."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.filters import FeatureRange, Filters
from recsys_tasks.release.bundle import Names

DAY = date(2026, 1, 15)
SETTINGS = ProductsConfig(explicit="explicit", countries="countries")
TABLE = pa.table(
    {
        "released_on": pa.array([date(2026, 1, 14), date(2026, 1, 16), None, date(2020, 1, 1)]),
        "available": pa.array([True, True, None, False]),
        "kind": pa.array(["music", "music", None, "podcast"]),
        "explicit": pa.array([True, False, None, False]),
        "tempo": pa.array([120.0, 90.0, None, 130.0]),
        "countries": pa.array([["DE", "FR"], ["US"], None, []], pa.list_(pa.string())),
    }
)


def allowed(**fields):
    """Which of the four tracks a filter lets through."""
    opened = SimpleNamespace(names=Names(TABLE))
    return Filters(**fields).allowed(opened, DAY, SETTINGS).tolist()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [True, False, True, False]),  # the second comes out tomorrow, the fourth may not be played
        ({"available": False}, [True, True, True, True]),
        ({"available": False, "kinds": ("podcast",)}, [False, False, False, True]),
        ({"available": False, "explicit": False}, [False, True, False, True]),
        ({"available": False, "explicit": True}, [True, False, False, False]),
        ({"available": False, "ranges": (FeatureRange("tempo", 100, 125),)}, [True, False, False, False]),
        ({"available": False, "released_after": date(2026, 1, 1)}, [True, True, False, False]),
        ({"available": False, "country": "FR"}, [True, False, True, True]),
    ],
)
def test_each_filter_lets_through_what_it_says(fields, expected):
    """One filter at a time, with a track of which nothing is known."""
    assert allowed(**fields) == expected


def test_filters_hold_together():
    """Several filters leave what all of them let through."""
    assert allowed(kinds=("music",), country="DE", released_after=date(2026, 1, 1)) == [True, False, False, False]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ranges": (FeatureRange("energy", 0, 1),)}, "knows no 'energy'"),
        ({"ranges": (FeatureRange("kind", 0, 1),)}, "A range needs numbers"),
        ({"kinds": ("music",)}, "knows no 'kind'"),
    ],
)
def test_what_a_release_does_not_know_is_told(fields, message):
    """A filter on a column that is not there, or of another type, is refused with the way out."""
    table = TABLE if "ranges" in fields else TABLE.drop_columns(["kind"])
    with pytest.raises(ConfigError, match=message):
        Filters(**fields).allowed(SimpleNamespace(names=Names(table)), DAY, SETTINGS)


def test_equal_filters_are_one_key(products):
    """A caller keeps what a filter allows under the filter itself; lists keep to it."""
    assert len({Filters(kinds=("a",)), Filters(kinds=("a",)), Filters()}) == 2
    old = replace(Filters(), released_after=date(2026, 1, 1))
    mask = products.allowed(old, DAY)
    found = products.discover(np.arange(20), 5, mask)
    assert mask[found.cols[found.cols >= 0]].all()
