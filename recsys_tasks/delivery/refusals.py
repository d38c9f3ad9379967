"""What a sink refuses, as the decision that the operator has to take; its own words may repeat a row."""

from recsys_tasks.core.errors import RecsysError, SinkRefused, SinkUnavailable
from recsys_tasks.source.refusals import condition

_MAY_NOT, _READ_ONLY, _LOCKED = "42501", "25006", "55P03"
_FULL = ("53100", "53200")
_OF_THE_TABLES = ("22", "23", "42", "0A", "2B")
"""Classes of SQLSTATE: the tables are not what we take them for."""


def refusal(error: BaseException, place: str, doing: str) -> RecsysError:
    """Turn what a server said into one of ours.

    Args:
        error: as ``cause_of`` gives it.
        place: host and database.
        doing: what was done, after "while".
    """
    state, said = getattr(error, "pgcode", None) or "", condition(error)
    kept = "The tables of before stay as they are"
    if state == _READ_ONLY:
        return SinkRefused(
            f"The sink ({place}) is read-only: {said}. Name the primary server, or lift "
            f"default_transaction_read_only from this role. {kept}."
        )
    if state == _MAY_NOT:
        return SinkRefused(
            f"The sink ({place}) does not let this role do it, while {doing}: {said}. GRANT it USAGE and CREATE on the "
            f"schema, and let it own the tables of the products. {kept}."
        )
    if state in _FULL:
        return SinkUnavailable(f"The sink ({place}) has no room left, while {doing}: {said}. Make room. {kept}.")
    if state == _LOCKED:
        return SinkUnavailable(
            f"Somebody holds a table of the sink ({place}) for longer than we wait, while {doing}: {said}. Look for a "
            f"long transaction there (pg_stat_activity), then retry. {kept}."
        )
    if state[:2] in _OF_THE_TABLES:
        return SinkRefused(
            f"The sink ({place}) refuses it, while {doing}: {said}. The database's log has the text. {kept}."
        )
    return SinkUnavailable(
        f"The sink ({place}) broke off while {doing}: {said}. {kept}. Retry, and if it lasts, look at the database's "
        "log."
    )
