"""How figures are written: with their unit, their digits and their sign, and never as less than nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_tasks.core import formatting as f
from recsys_tasks.core.formatting import UNKNOWN

FIGURES = st.floats(-1e9, 1e9)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (f.count(1234567), "1,234,567"),
        (f.count(35.6), "36"),
        (f.decimal(1234.5, 2), "1,234.50"),
        (f.significant(0.00539123456), "0.00539123"),
        (f.significant(0.000491, 2), "0.00049"),
        (f.fraction(0.03294), "0.0329"),
        (f.signed_fraction(0.00031), "+0.0003"),
        (f.signed_fraction(-0.0012), "−0.0012"),
        (f.with_interval(0.0003, -0.0012, 0.0018), "+0.0003 [−0.0012, +0.0018]"),
        (f.with_interval(0.0003, float("nan"), float("nan")), "+0.0003"),
        (f.percent(0.148), "14.8%"),
        (f.signed_percent(0.012), "+1.20%"),
        (f.signed_percent(-0.0005), "−0.05%"),
        (f.signed_percent(-0.012, 1), "−1.2%"),
        (f.fraction(0.0048173, 0.00061), "0.0048"),
        (f.fraction(0.0048173, 0.000012), "0.004817"),
        (f.fraction(0.0048173, 0.014), "0.005"),
        (f.fraction(0.0048173, 0.0), "0.0048"),
        (f.with_error(0.0048173, 0.00061), "0.0048 ± 0.0006"),
        (f.with_error(0.0048173, 0.00096), "0.0048 ± 0.0010"),
        (f.with_error(0.0048173, 0.0014), "0.0048 ± 0.0014"),
        (f.with_error(0.0048173, None), "0.0048"),
        (f.with_error(0.5, 1e-12), "0.50000000 ± 0.00000000"),
        (f.signed_percent(-0.02, minus="-"), "-2.00%"),
        (f.setting_percent(0.02), "2%"),
        (f.setting_percent(0.005), "0.5%"),
        (f.megabytes(12_345_678), "12.3 MB"),
        (f.age(31.4), "31 hours"),
        (f.age(100), "4.2 days"),
        (f.as_stored(1323), "1,323"),
        (f.as_stored(1225.578), "1,225.578"),
        (f.as_stored(True), "True"),
        (f.as_stored("log"), "log"),
        (f.instant("2026-11-22T03:00:12.5+00:00"), "2026-11-22 03:00 UTC"),
        (f.second("2026-11-22T03:00:12.5+00:00"), "2026-11-22 03:00:12"),
    ],
)
def test_each_format_has_one_form(written, text):
    """The example of each docstring, and both signs."""
    assert written == text


def test_what_is_unknown_is_a_dash():
    """None is no zero."""
    formats = (f.count, f.significant, f.fraction, f.signed_fraction, f.percent, f.signed_percent, f.megabytes, f.age)
    assert {each(None) for each in formats} == {UNKNOWN}


@given(FIGURES.filter(lambda value: abs(value) < 1e-6))
def test_zero_has_no_sign(value):
    """A tiny loss is written like a tiny gain, and like nothing: no −0.0000, no +0.00%."""
    plain = (f.fraction(value), f.decimal(value, 2), f.count(value), f.percent(value))
    assert plain == ("0.0000", "0.00", "0", "0.0%")
    assert (f.signed_fraction(value), f.signed_percent(value), f.signed_percent(value, 0)) == ("0.0000", "0.00%", "0%")


@given(st.floats(1e-9, 0.5), st.floats(0, 1))
def test_the_digits_end_where_the_error_begins(error, value):
    """What is written is nearer to the value than the error, and a digit less would not be written for nothing."""
    mean, written = map(float, f.with_error(value, error).split(" ± "))
    assert abs(mean - value) <= max(error, 1e-8)
    assert written == pytest.approx(error, rel=0.5, abs=1e-8)


class TestInOneLine:
    def test_what_a_terminal_would_obey(self):
        """Lines, tabs, escapes and direction marks do nothing any more; letters of all scripts stay."""
        assert (
            f.in_one_line("a\nb\r\n\tc\x1b[2J\u202e\u0000 caf\u00e9 \u97f3")
            == "a b c\ufffd[2J\ufffd\ufffd caf\u00e9 \u97f3"
        )

    @given(st.text(), st.integers(1, 50))
    def test_it_is_short_and_printable(self, text, most):
        """Whatever comes in, one printable line of so many characters comes out."""
        line = f.in_one_line(text, most)
        assert line.isprintable()
        assert len(line) <= most
