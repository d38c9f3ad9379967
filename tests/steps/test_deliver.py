"""Deliveries: made once a release, loaded once, found after a kill, newest after a rollback, without the forgotten."""

from dataclasses import replace
from datetime import date

import pytest
from conftest import fetch
from settings import SIGNED, config

from recsys_tasks.steps import Workplace
from recsys_tasks.steps.deliver import load_delivery, make_delivery

DELIVERING = {"deliver": {"products": ["discover", "popular"]}, "products": {"k": 10}}


@pytest.fixture
def at(copied):
    """A store of three released days whose configuration delivers."""
    return Workplace(copied.store, config(**DELIVERING), copied.dsn)


def test_it(at, source_dsn):
    """x."""
    made = make_delivery(at, SIGNED)
    print(made)
    print(load_delivery(at, made, source_dsn, SIGNED))
    print(fetch(source_dsn, "select * from discover order by 1, 2 limit 3"))
    print(make_delivery(at, SIGNED))
    print(load_delivery(at, made, source_dsn, SIGNED))
    assert 0
