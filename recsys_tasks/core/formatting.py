"""How figures are written for people: one definition of each format, for pages, reports, alerts and the terminal.

What is unknown (None) is written as a dash. A value that rounds to zero has no sign. A per cent sign follows its number
without a space, thousands are apart, and a date is written as commands take it: 2026-11-22.
"""

from math import isnan
from typing import Any

UNKNOWN = "–"
MINUS = "−"
HOURS_UP_TO = 72
"""Hours up to which an age is written in hours; beyond, days say more."""
MOST_DIGITS = 8
"""Behind the point, however small an error is."""
USUAL_DIGITS = 4
"""Of a mean whose error is not known."""


def decimal(value: float | None, digits: int) -> str:
    """A number with a fixed count of digits behind the point, its thousands apart: 1,234.50."""
    return UNKNOWN if value is None else f"{value:z,.{digits}f}"


def significant(value: float | None, digits: int = 6) -> str:
    """A number whose size is not known beforehand, such as a loss or a p-value: 0.00539123, 1.2e-05."""
    return UNKNOWN if value is None else f"{value:z.{digits}g}"


def count(value: float | None) -> str:
    """A number of things, its thousands apart: 12,345."""
    return decimal(value, 0)


def fraction(value: float | None, error: float | None = None) -> str:
    """A precision, a recall or another mean between 0 and 1: 0.0329.

    Args:
        value: the mean.
        error: its standard error; the digits end where this begins. None: four digits.
    """
    return decimal(value, digits_by(error))


def with_error(value: float | None, error: float | None) -> str:
    """A mean and its standard error, to the digit that the error begins with: 0.0048 ± 0.0006; else the mean."""
    mean = fraction(value, error)
    return mean if value is None or not error else f"{mean} ± {fraction(error, error)}"


def digits_by(error: float | None) -> int:
    """Digits behind the point of a value with this standard error: its first one, and one more after a 1."""
    if not error:
        return USUAL_DIGITS
    first, _, exponent = f"{abs(error):.0e}".partition("e")
    return min(MOST_DIGITS, max(0, (first == "1") - int(exponent)))


def signed_fraction(value: float | None) -> str:
    """A difference of two fractions: +0.0003, −0.0012."""
    return UNKNOWN if value is None else _signed(f"{value:+z.4f}", MINUS)


def with_interval(difference: float, low: float, high: float) -> str:
    """A difference of two fractions with its interval: +0.0003 [−0.0012, +0.0018]; without where that is unknown."""
    told = signed_fraction(difference)
    return told if isnan(low) or isnan(high) else f"{told} [{signed_fraction(low)}, {signed_fraction(high)}]"


def percent(share: float | None, digits: int = 1) -> str:
    """A share in per cent: 14.8%."""
    return UNKNOWN if share is None else f"{share:z.{digits}%}"


def signed_percent(share: float | None, digits: int = 2, minus: str = MINUS) -> str:
    """A relative difference in per cent: +1.20%, −0.05%.

    Args:
        share: the difference as a share: 0.012 is written +1.20%.
        digits: behind the point.
        minus: sign of a loss; plain text for machines and mail takes the hyphen of the keyboard.
    """
    return UNKNOWN if share is None else _signed(f"{share:+z.{digits}%}", minus)


def as_stored(value: Any) -> str:
    """A stored figure or parameter whose meaning the caller does not know: a number's thousands apart, all digits."""
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def setting_percent(share: float) -> str:
    """A share that somebody has set, with no more digits than it needs: 2%, 0.5%."""
    return f"{100 * share:z.6g}%"


def megabytes(size: float | None, digits: int = 1) -> str:
    """Bytes as decimal megabytes: 12.3 MB."""
    return UNKNOWN if size is None else f"{decimal(size / 1e6, digits)} MB"


def age(hours: float | None) -> str:
    """An age in hours, and in days once those say more: 31 hours, 4.2 days."""
    if hours is None:
        return UNKNOWN
    return f"{count(hours)} hours" if abs(hours) < HOURS_UP_TO else f"{decimal(hours / 24, 1)} days"


def in_one_line(text: str, most: int = 300) -> str:
    """Text of another machine for a message of ours: on one line, without control or direction characters, cut off.

    A terminal obeys such characters, and a log would show a second line as an entry of its own.
    """
    plain = "".join(each if each.isprintable() else " " if each.isspace() else "\ufffd" for each in text[: 4 * most])
    line = " ".join(plain.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def instant(text: str) -> str:
    """A stored instant (ISO-8601, UTC) to the minute: 2026-11-22 03:00 UTC."""
    return f"{_clock(text)[:16]} UTC"


def second(text: str) -> str:
    """A stored instant (ISO-8601, UTC) to the second, for columns whose heading names the zone: 2026-11-22 03:00:12."""
    return _clock(text)[:19]


def _signed(text: str, minus: str) -> str:
    """A number with its sign, which a zero has not."""
    return text.replace("-", minus) if any(digit in text for digit in "123456789") else text.removeprefix("+")


def _clock(text: str) -> str:
    return text.replace("T", " ")
