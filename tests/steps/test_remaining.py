"""What a long step says of the time that is left."""

import pytest

from recsys_tasks.steps.remaining import Remaining, spoken


class TestRemaining:
    def test_the_rest_goes_on_at_the_pace_so_far(self):
        """Three of twelve pieces in 60 seconds: nine more take 180, said in minutes."""
        now = iter([1000.0, 1060.0])
        assert Remaining(12, lambda: next(now)).after(3) == "3 of 12, about 3 min left"

    def test_less_than_a_second_is_not_worth_a_word(self):
        """Three of twelve pieces in a tenth of a second: nobody waits for the rest."""
        now = iter([1000.0, 1000.1])
        assert Remaining(12, lambda: next(now)).after(3) == "3 of 12"

    def test_after_the_last_piece_nothing_is_left(self):
        """The last piece tells no time, and asks no clock for it."""
        now = iter([1000.0])
        assert Remaining(4, lambda: next(now)).after(4) == "4 of 4"

    @pytest.mark.parametrize(
        ("seconds", "said"), [(0.2, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (7200, "2 h")]
    )
    def test_a_length_is_said_in_the_unit_that_fits_it(self, seconds, said):
        """Seconds, minutes or hours, whole ones."""
        assert spoken(seconds) == said
