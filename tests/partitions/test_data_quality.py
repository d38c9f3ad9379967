"""The checks on a day's figures: each at its bounds, in its words, and against the days before."""

from datetime import date

import pytest
from checked_days import FIGURE_NAMES

from recsys_tasks.core.config import parse_config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.policy import QualityConfig
from recsys_tasks.partitions.data_quality import checks_on

POLICY = QualityConfig()
ORDINARY = {
    "rows_read": 1200,
    "rows_kept": 1000,
    "dropped_duplicate": 4,
    "dropped_null_id": 0,
    "dropped_private": 60,
    "dropped_short": 136,
    "listeners": 1000,
    "tracks": 1000,
    "most_plays_by_one_user": 200,
}
WEEK = [ORDINARY] * 7


def checked(earlier=WEEK, **figures):
    """The checks on an ordinary day with some of its figures changed, by name."""
    return {check.name: check for check in checks_on(ORDINARY | figures, earlier, POLICY)}


class TestBounds:
    def test_an_ordinary_day_passes_every_check(self):
        """All checks ran, under their names, and none is beyond a bound."""
        assert {name: check.outcome for name, check in checked().items()} == dict.fromkeys(FIGURE_NAMES, "ok")

    @pytest.mark.parametrize(
        ("name", "figure"), [("volume", "rows_kept"), ("listeners", "listeners"), ("tracks", "tracks")]
    )
    @pytest.mark.parametrize(
        ("value", "outcome"),
        [
            *((199, "stop"), (200, "warn"), (499, "warn"), (500, "ok")),
            *((2000, "ok"), (2001, "warn"), (5000, "warn"), (5001, "stop")),
        ],
    )
    def test_a_ratio_on_its_bound_is_within_it(self, name, figure, value, outcome):
        """Half and double the median are ordinary, a fifth and five times are still trained on, one more is not."""
        assert checked(**{figure: value})[name].outcome == outcome

    @pytest.mark.parametrize(
        ("name", "figure", "outcomes"),
        [
            ("dropped as private", "dropped_private", {500: "ok", 501: "warn", 900: "warn", 901: "stop"}),
            ("dropped as null id", "dropped_null_id", {500: "ok", 501: "warn", 900: "warn", 901: "stop"}),
            ("dropped as short", "dropped_short", {500: "ok", 501: "warn", 900: "warn", 901: "stop"}),
            ("duplicates", "dropped_duplicate", {10: "ok", 11: "warn", 600: "warn", 601: "stop"}),
        ],
    )
    def test_a_share_on_its_bound_is_within_it(self, name, figure, outcomes):
        """Of 1,000 rows: as many dropped for one reason as the bound says, and one more."""
        assert {n: checked(rows_read=1000, **{figure: n})[name].outcome for n in outcomes} == outcomes

    def test_the_most_plays_on_their_bound_are_within_it(self):
        """3,000 plays by one user are ordinary, 100,000 are still trained on, one more is not."""
        outcomes = {3_000: "ok", 3_001: "warn", 100_000: "warn", 100_001: "stop"}
        name = "most plays by one user"
        assert {n: checked(most_plays_by_one_user=n)[name].outcome for n in outcomes} == outcomes

    @pytest.mark.parametrize(
        ("name", "field", "bound"),
        [
            *((name, name, (0.99, 1.0)) for name in ("volume", "listeners", "tracks")),
            *((f"dropped as {reason}", "dropped", 0.0) for reason in ("private", "short")),
            ("duplicates", "duplicates", 0.0),
            ("most plays by one user", "plays_by_one_user", 199),
        ],
    )
    def test_each_check_has_bounds_of_its_own(self, name, field, bound):
        """Narrower warn bounds of one field, and then narrower stop bounds too, are seen by its own check alone."""
        figures = ORDINARY | {"rows_kept": 1010, "listeners": 1010, "tracks": 1010, "dropped_null_id": 0}
        for outcome, fields in (("warn", ("warn",)), ("stop", ("warn", "stop"))):
            policy = QualityConfig(**{f"{kind}_{field}": bound for kind in fields})
            found = {check.name: check.outcome for check in checks_on(figures, WEEK, policy)}
            assert found[name] == outcome
            assert {n for n, said in found.items() if said != "ok"} <= {name, "dropped as private", "dropped as short"}

    @pytest.mark.parametrize(
        ("figures", "name", "said"),
        [
            (
                {"rows_kept": 10_000},
                "volume",
                "volume: 10,000 streams, 10.00 times the median of 7 days before (1,000), asked: 0.5 to 2 times, at "
                "the utmost 0.2 to 5",
            ),
            (
                {"dropped_private": 1140},
                "dropped as private",
                "dropped as private: 1,140 of 1,200 rows (95.00%), asked: at most 50%, at the utmost 90%",
            ),
            (
                {"most_plays_by_one_user": 100_001},
                "most plays by one user",
                "most plays by one user: 100,001, asked: at most 3,000, at the utmost 100,000",
            ),
        ],
    )
    def test_a_check_says_what_was_found_and_what_was_asked(self, figures, name, said):
        """One line: the name, the figure, what it is compared with, both bounds."""
        assert str(checked(**figures)[name]) == said


class TestHistory:
    def test_two_earlier_days_are_no_history(self):
        """With fewer than three days nothing is compared, and the check says so; with three it is."""
        found = checked(WEEK[:2], rows_kept=10_000)["volume"]
        assert (found.outcome, found.found) == (
            "ok",
            "10,000 streams; 2 earlier days with streams are no history to compare with",
        )
        assert checked(WEEK[:3], rows_kept=10_000)["volume"].outcome == "stop"

    def test_empty_days_do_not_enter_the_median(self):
        """Four empty days among seven would make the median zero, and every day after them suspicious."""
        empty = ORDINARY | {"rows_read": 0, "rows_kept": 0, "listeners": 0, "tracks": 0}
        found = checked([empty] * 4 + WEEK[:3])
        assert {check.outcome for check in found.values()} == {"ok"}
        assert "median of 3 days before (1,000)" in found["listeners"].found

    def test_a_partition_of_before_it_was_counted_does_not_enter(self):
        """Days stored before listeners were counted still tell of the volume."""
        old = {name: ORDINARY[name] for name in ORDINARY if name not in ("listeners", "tracks")}
        found = checked([old] * 5 + WEEK[:2], rows_kept=10_000, listeners=10_000)
        assert (found["volume"].outcome, found["listeners"].outcome) == ("stop", "ok")
        assert "no history" in found["listeners"].found

    def test_a_day_of_before_it_was_counted_is_no_error(self):
        """An old candidate can still be judged: what was not counted of its day is said, and stops nothing."""
        old = {name: ORDINARY[name] for name in ORDINARY if name not in ("listeners", "most_plays_by_one_user")}
        found = {check.name: check for check in checks_on(old, WEEK, POLICY)}
        assert {found["listeners"].found, found["most plays by one user"].found} == {
            "not counted when the day was extracted"
        }

    def test_an_allowed_empty_day_stops_nothing(self):
        """Nothing of it is trained on: no volume is asked of it, and rows that were all dropped are a warning."""
        nothing = {"rows_kept": 0, "listeners": 0, "tracks": 0, "most_plays_by_one_user": 0}
        found = checked(**nothing, rows_read=1000, dropped_private=1000)
        assert {found[name].outcome for name in ("volume", "listeners", "tracks")} == {"ok"}
        assert found["dropped as private"].outcome == "warn"
        assert "allowed to be empty" in found["volume"].found


class TestPolicy:
    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"warn_volume": [2.0, 0.5]}, r"stop_volume \[0.2, 5\] must enclose warn_volume \[2, 0.5\]"),
            ({"warn_volume": [1.0, 1.0]}, r"must enclose warn_volume \[1, 1\]"),
            ({"stop_listeners": [0.6, 5.0]}, r"stop_listeners \[0.6, 5\] must enclose warn_listeners"),
            ({"stop_tracks": [0.2, 1.5]}, r"stop_tracks \[0.2, 1.5\] must enclose warn_tracks"),
            ({"stop_dropped": 0.4}, r"stop_dropped \(0.4\) must not be below warn_dropped \(0.5\)"),
            ({"stop_duplicates": 0.001}, "stop_duplicates"),
            ({"stop_plays_by_one_user": 2_999}, r"stop_plays_by_one_user \(2,999\) must not be below"),
        ],
    )
    def test_a_stop_within_the_warning_is_refused(self, fields, said):
        """A stop bound inside the warn bound, or a pair the wrong way round, is named with its values."""
        with pytest.raises(ConfigError, match=said):
            parse_config({"source": {"history_start": date(2026, 1, 1)}, "quality": fields})

    def test_a_stop_on_the_warning_is_allowed(self):
        """Who wants no warnings sets both bounds alike."""
        assert QualityConfig(stop_volume=(0.5, 2.0), stop_dropped=0.5).stop_dropped == 0.5
