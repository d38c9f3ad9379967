"""The checks on a day's shape beside its history: bounds, weekdays, words."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from recsys_tasks.core.config import parse_config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.policy import QualityConfig
from recsys_tasks.partitions.shape import DayShape
from recsys_tasks.partitions.shape_checks import NAMES, shape_checks

POLICY = QualityConfig()
DAY = date(2026, 2, 7)  # a Saturday
EVENING = tuple(1 if hour < 18 else 10 for hour in range(24))
USUAL = DayShape(
    plays=20_000,
    plays_per_pair=1.2,
    new_tracks=0.03,
    new_listeners=0.01,
    repeats=0.4,
    compared_pairs=8_000,
    track_ranks=0.7,
    artist_ranks=0.9,
    replayed=0.0,
    hours=EVENING,
)
DAMAGES = {
    "permuted": ({"track_ranks": 0.02, "repeats": 0.03, "artist_ranks": 0.0}, NAMES[3], NAMES[5], NAMES[6]),
    "half re-issued": ({"new_tracks": 0.5}, "new tracks"),
    "listeners re-issued": ({"new_listeners": 0.5}, "new listeners"),
    "shuffled": ({"repeats": 0.08}, "repeated pairs"),
    "doubled": ({"plays": 40_000, "plays_per_pair": 2.4}, "plays per pair"),
    "replayed": ({"replayed": 1.0, "repeats": 1.0}, "repeated pairs", "replayed events"),
    "half of another day": ({"replayed": 0.5}, "replayed events"),
    "half the hours": ({"hours": (0,) * 21 + EVENING[21:]}, "hours of the day"),
}


def days(n=28, seed=1, weekend=1.0, **changes):
    """So many ordinary days before the day, a little different each."""
    rng, found = np.random.default_rng(seed), []
    for offset in range(n, 0, -1):
        day, noise = DAY - timedelta(days=offset), rng.normal(0, 0.02)
        rate = (weekend if day.weekday() >= 5 else 1.0) * (1 + noise)
        found.append((day, replace(USUAL, plays=round(20_000 * rate), repeats=0.4 * rate, **changes)))
    return found


def checked(history=None, policy=POLICY, **changes):
    """The checks on an ordinary day with some figures changed, by name."""
    found = shape_checks(DAY, replace(USUAL, **changes), days() if history is None else history, policy)
    return {check.name: check for check in found}


def stopped(*args, **kwargs):
    """Names of the checks that say stop."""
    return [name for name, check in checked(*args, **kwargs).items() if check.outcome == "stop"]


class TestOutcome:
    def test_an_ordinary_day_passes_every_check(self):
        """All checks ran, under their names, and none is beyond a bound."""
        assert {name: check.outcome for name, check in checked().items()} == dict.fromkeys(NAMES, "ok")

    @pytest.mark.parametrize(("changes", "names"), [(d[0], list(d[1:])) for d in DAMAGES.values()], ids=DAMAGES.keys())
    def test_a_damage_stops_the_day(self, changes, names):
        """Each damage moves the figures that are there for it, and no other."""
        assert stopped(**changes) == names

    @pytest.mark.parametrize(
        "changes",
        [
            {"new_tracks": 0.2, "track_ranks": 0.6},
            {"new_listeners": 0.15, "plays": 28_000},
            {"plays": 10_000, "repeats": 0.45},
            {"plays": 60_000},
            {"new_tracks": 0.0, "new_listeners": 0.0, "track_ranks": 0.95},
        ],
        ids=["release day", "campaign", "holiday", "thrice the plays", "nothing new"],
    )
    def test_an_unusual_day_that_is_none_of_these_is_not_stopped(self, changes):
        """Few spreads are not enough, and nor is a change that is small by itself, however even the service is."""
        assert stopped(**changes) == []

    def test_a_day_of_twice_the_plays_is_warned_of(self):
        """The present bounds let exactly twice the median pass; the weekday's own do not."""
        assert checked(plays=40_000)["plays for the weekday"].outcome == "warn"

    def test_a_restless_service_has_wider_bounds(self):
        """Where the share of repeats goes up and down by itself, half of it is no accident."""
        restless = [(day, replace(each, repeats=0.2 + 0.4 * (n % 2))) for n, (day, each) in enumerate(days())]
        assert stopped(repeats=0.2) == ["repeated pairs"]
        assert stopped(restless, repeats=0.2) == []

    def test_the_bounds_are_the_operators(self):
        """A higher bound lets the same day pass with a warning."""
        loose = QualityConfig(shape_warn=4.0, shape_stop=60.0)
        assert stopped(repeats=0.1) == ["repeated pairs"]
        assert checked(policy=loose, repeats=0.1)["repeated pairs"].outcome == "warn"

    def test_a_share_of_few_pairs_is_not_known_well(self):
        """Two repeats in a thousand pairs and none in five hundred are the same service."""
        rare = [(day, replace(each, repeats=0.002, compared_pairs=1_000)) for day, each in days()]
        assert checked(rare, repeats=0.0, compared_pairs=500)["repeated pairs"].outcome == "ok"
        assert stopped(rare, repeats=0.9, compared_pairs=500) == ["repeated pairs"]


class TestHistory:
    def test_a_weekday_is_compared_with_its_own(self):
        """Saturdays repeat half as much; on a Saturday that is usual, and a Friday's share is what is not."""
        assert checked(days(weekend=0.5), repeats=0.2, plays=10_000)["repeated pairs"].outcome == "ok"
        assert checked(days(weekend=0.5), repeats=0.4, plays=10_000)["repeated pairs"].outcome == "stop"
        assert "on Saturdays (3 before)" in checked()["repeated pairs"].found

    def test_growth_is_usual(self):
        """A service that grows by a hundredth a day for a month is where it is expected."""
        grown = [(day, replace(each, plays=round(20_000 * 1.03**n))) for n, (day, each) in enumerate(days())]
        assert checked(grown, plays=round(20_000 * 1.03**28))["plays for the weekday"].outcome == "ok"
        assert checked(grown, plays=round(40_000 * 1.03**28))["plays for the weekday"].outcome == "warn"

    def test_the_first_days_have_no_history(self):
        """With six days before it every check passes and says what is missing; with seven they are made."""
        found = checked(days(6), repeats=0.01)
        assert {check.outcome for check in found.values()} == {"ok"}
        assert found["repeated pairs"].found == "1.0%; first days: no history to compare with, 1 day is missing"
        assert "7 days are missing" in checked([], repeats=0.01)["hours of the day"].found
        assert "repeated pairs" in stopped(days(7), repeats=0.01)

    def test_an_empty_day_passes(self):
        """A day that was allowed to be empty has no shape, and every check says so."""
        found = shape_checks(DAY, None, days(), POLICY)
        assert [(check.name, check.outcome) for check in found] == [(name, "ok") for name in NAMES]
        assert {check.found for check in found} == {"the day was allowed to be empty"}

    def test_a_figure_that_is_not_known_passes(self):
        """Nothing is known of artists, events, hours and new ids: these checks say so, the others are made."""
        unknown = dict.fromkeys(("new_tracks", "new_listeners", "artist_ranks", "replayed", "hours"))
        found = checked(**unknown, repeats=0.01)
        said = [name for name, check in found.items() if check.found == "not known of this day"]
        assert said == ["new tracks", "new listeners", "popularity of artists", "replayed events", "hours of the day"]
        assert stopped(**unknown, repeats=0.01) == ["repeated pairs"]


class TestWords:
    def test_a_check_says_what_is_usual_and_what_was_asked(self):
        """One line: the figure, what is usual on which days, both bounds on the figure itself."""
        said = str(checked(track_ranks=0.1)["popularity of tracks"])
        assert said == (
            "popularity of tracks: 0.10, usually 0.67 to 0.73 on Saturdays (3 before), asked: at least 0.57, at the "
            "very least 0.41"
        )
        assert str(checked(new_tracks=0.5)["new tracks"]).endswith("asked: at most 13.0%, at the utmost 33.0%")

    def test_a_stop_within_the_warning_is_refused(self):
        """A day would stop before it was warned of."""
        with pytest.raises(ConfigError, match=r"shape_stop \(3\) must not be below shape_warn \(4\)"):
            parse_config({"source": {"history_start": DAY}, "quality": {"shape_stop": 3.0}})
