"""Which releases a candidate is held against beside the live one."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from recsys_tasks.steps.released_models import earlier_of, reference_of

DAY = date(2026, 2, 10)


def at_work(reference=1):
    """A store that holds every release and its model."""
    key = SimpleNamespace(day=DAY, models=("model",))
    return SimpleNamespace(
        bundles=SimpleNamespace(holds=lambda _candidate: True, key=lambda _candidate: key),
        models=SimpleNamespace(holds=lambda _day, _model: True),
        config=SimpleNamespace(drift=SimpleNamespace(reference_release=reference)),
    )


def log_of(*ages):
    """Releases, the newest data first, of so many days before the day."""
    entries = [SimpleNamespace(candidate=str(age), day=DAY - timedelta(days=age)) for age in sorted(ages)]
    return SimpleNamespace(
        before=lambda day: [entry for entry in entries if entry.day < day],
        release=lambda number: entries[number - 1],
    )


@pytest.mark.parametrize(("ages", "found"), [((1, 6, 7, 8), 7), ((1, 6), None), ((1, 9, 12), 9)])
def test_the_earlier_release_is_the_newest_that_is_a_week_old(ages, found):
    """Of seven days, or of more where there is none of seven: weekdays then weigh nothing."""
    entry = earlier_of(at_work(), log_of(*ages), DAY)
    assert (entry and entry.day) == (found and DAY - timedelta(days=found))


def test_a_reference_that_has_seen_the_day_is_none():
    """A release of the day itself knows what is hidden; the one before it does not."""
    assert reference_of(at_work(), log_of(0), DAY) is None
    assert reference_of(at_work(), log_of(1), DAY).day == DAY - timedelta(days=1)
