"""What a server's error means for the operator. Its own words stay with it: a view may have put anything into them.

A refusal names the condition with its SQLSTATE, and what was read in the words of our configuration; message, detail,
context and statement of the server are never repeated.
"""

import psycopg2
from psycopg2 import errorcodes
from sqlalchemy.exc import DBAPIError

from recsys_tasks.core.errors import RecsysError, SourceMismatch, SourceUnavailable

_LOST = "the connection was lost"
_MAY_NOT_READ = "42501"
_WRITES = "25006"
_TOO_LONG = "57014"
_OF_THE_QUESTION = ("42", "0A")
"""Classes of SQLSTATE: the question does not fit the tables."""
_OF_A_ROW = ("P0", "20", "21", "22", "23", "2F", "34", "38", "39", "44")
"""Classes of SQLSTATE: a view, or a function that it calls, fails on what it finds."""


def cause_of(error: psycopg2.Error | DBAPIError) -> BaseException:
    """What psycopg2 raised; SQLAlchemy's own message would repeat the statement and its values."""
    return error.orig or error if isinstance(error, DBAPIError) else error


def condition(error: BaseException) -> str:
    """The name of an error's condition with its SQLSTATE, such as ``raise_exception (P0001)``."""
    state = getattr(error, "pgcode", None)
    if not state:
        return _LOST
    try:
        return f"{errorcodes.lookup(state).lower()} ({state})"
    except KeyError:  # a view may raise a state of its own
        return f"SQLSTATE {state}"


def refusal(error: BaseException, place: str, reading: str) -> RecsysError:
    """Turn what the server said into the decision that the operator has to take.

    Args:
        error: as ``cause_of`` gives it.
        place: host and database.
        reading: what was read, as our configuration names it.
    """
    state, said = getattr(error, "pgcode", None) or "", condition(error)
    if state == _MAY_NOT_READ and _routine_of(error) == "check_enable_rls":
        return SourceMismatch(
            f"The source ({place}) hides rows of {reading} from this role by row-level security. A day without them "
            "would pass for the whole day. As a superuser: ALTER ROLE of the reader BYPASSRLS, or name a view whose "
            "owner may see every row."
        )
    if state == _MAY_NOT_READ:
        return SourceMismatch(
            f"The source ({place}) does not let this role read {reading}: {said}. GRANT USAGE on the schema and SELECT "
            "on the table or view, and on what a view reads with its reader's rights."
        )
    if state == _WRITES:
        return SourceMismatch(f"The source ({place}) would write on reading {reading}: {said}. Name a view that reads.")
    if state[:2] in _OF_A_ROW:
        return SourceMismatch(
            f"The source ({place}) fails on a row of {reading}: {said}. Mend the view; the database's log has the text."
        )
    if state[:2] in _OF_THE_QUESTION:
        return SourceMismatch(
            f"The source ({place}) cannot answer what is asked of {reading}: {said}. Correct the table or the "
            "configuration; the database's log has the text."
        )
    if state == _TOO_LONG:
        said += ", by source.statement_timeout_s or by somebody"
    return SourceUnavailable(
        f"The source ({place}) broke off while {reading} was read: {said}. Nothing was kept of it; retry, and if it "
        "lasts, look at the database's log."
    )


def _routine_of(error: BaseException) -> str | None:
    """The routine of PostgreSQL that raised an error: unlike the message, it is the same in every language."""
    return error.diag.source_function if isinstance(error, psycopg2.Error) else None
