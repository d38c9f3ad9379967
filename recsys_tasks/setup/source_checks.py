"""Whether the source is what the configuration says, and how long a day takes."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from time import monotonic

from recsys_tasks.core.config import Config
from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import ConfigError, RecsysError, SourceMismatch
from recsys_tasks.core.formatting import count, decimal
from recsys_tasks.setup.checks import FAIL, OK, WARN, Check
from recsys_tasks.source.postgres import Source

MOST_APART_S = 60
"""Seconds by which two clocks may differ: a day is only looked at an hour after its end."""


def no_address(variable: str, elsewhere: bool) -> Check:
    """There is no address here. elsewhere: whether an Airflow may have one, which makes it no failure."""
    mend = f"Set {variable}=postgresql://reader:...@host/database here, too, and ask again."
    return Check("source: address", WARN if elsewhere else FAIL, f"{variable} is not set: it was not asked.", mend)


def source_checks(dsn: str, config: Config, now: datetime, timeout_s: int) -> list[Check]:
    """Ask the source; after the first thing that keeps the others from an answer, nothing more is asked.

    Args:
        dsn: its address.
        config: what it is held against.
        now: our clock, UTC.
        timeout_s: seconds that a question may take.
    """
    asked = config.source.model_copy(update={"statement_timeout_s": timeout_s})
    found: list[Check] = []
    try:
        with Source(dsn, asked, config.catalogue, days=config.schedule.days) as source:
            found.extend(_answers(source, config, now))
    except (ConfigError, SourceMismatch) as error:
        found.append(Check("source", FAIL, str(error)))
    except RecsysError as error:
        found.append(Check("source", FAIL, str(error), f"Each question may take {timeout_s} s (--timeout)."))
    return found


def _answers(source: Source, config: Config, now: datetime) -> Iterator[Check]:
    tables = source.check()
    yield Check("source: tables and rights", OK, f"{' and '.join(tables)} are as configured.")
    yield _clock(source.clock(), now)
    yield _private(config)
    newest = config.schedule.days.last_finished(now)
    way = source.way_to_a_day(newest)
    state = WARN if way.create_index else OK
    yield Check("source: index on the instant", state, f"a day is found by {way.found_by}.", way.create_index)
    first, last = source.first_day(since=config.source.history_start), source.last_day()
    yield _start(config.source.history_start, first)
    if last and last > newest + timedelta(days=2):
        yield Check("source: future", WARN, f"there are streams of {last}.", "Look at how the instants are written.")
    if first:
        day = min(last or first, newest)
        yield _a_day(source, max(day, first), monotonic)


def _clock(clock: tuple[datetime, str], now: datetime) -> Check:
    instant, zone = clock
    apart = (instant - now).total_seconds()
    said = f"the server's clock is {decimal(abs(apart), 1)} s {'ahead of' if apart > 0 else 'behind'} ours"
    said += f"; its time zone, {zone}, changes nothing."
    mend = "Set the clocks by NTP: a day would be taken for complete too early."
    return Check("source: clock", *((WARN, said, mend) if abs(apart) > MOST_APART_S else (OK, said)))


def _private(config: Config) -> Check:
    column = config.source.private_session
    if column:
        return Check("source: private sessions", OK, f"{column} keeps them in the source.")
    mend = "Name the column that tells them (source.private_session), or know that there are none."
    return Check("source: private sessions", WARN, "no column tells them: every stream counts.", mend)


def _start(start: date, first: Day | None) -> Check:
    if first is None:
        return Check("source: first date", FAIL, f"there is no stream since {start}.", "Load streams, or set "
                     "source.history_start to a date that has some.")  # fmt: skip
    if first > start:
        said = f"source.history_start is {start}, and the first stream since then is of {first}."
        return Check("source: first date", FAIL, said, f"Set history_start = {first}.")
    return Check("source: first date", OK, f"there are streams of {start}.")


def _a_day(source: Source, day: Day, seconds: Callable[[], float]) -> Check:
    began = seconds()
    with source.open_day(day) as opened:
        tally = opened.tally()
    said = f"{day} has {count(tally.rows_read)} rows, {count(tally.qualified)} of them qualify; read in " + (
        f"{decimal(seconds() - began, 1)} s."
    )
    if tally.qualified:
        return Check("source: a day", OK, said)
    mend = "Look at min_ms_played and at the columns of ids and private sessions."
    return Check("source: a day", WARN, f"{said} Dropped: private {count(tally.private)}, without an id "
                 f"{count(tally.null_id)}, short {count(tally.short)}.", mend)  # fmt: skip
