"""The chain of a matrix: which partitions it was folded from, and which stored matrices are stale.

Equal digests of a chain, equal partitions; so the digest of a chain is that of its matrix, and a stored prefix is found
by name.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import takewhile
from typing import TypeAlias

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day

Chain: TypeAlias = tuple[tuple[Day, str], ...]
"""(date, partition digest), by date, without a hole."""


def chain_digests(chain: Iterable[tuple[Day, str]]) -> list[str]:
    """Digest of every prefix of a chain."""
    digests, digest = [], ""
    for day, partition in chain:
        digest = digest_of("matrix", digest, day.isoformat(), partition)
        digests.append(digest)
    return digests


def dates(first: Day, last: Day) -> Iterator[Day]:
    """Every date from the first to the last."""
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))


def stale_days(
    stored: Sequence[Day], start: Day, partition: Callable[[Day], str | None], holds: Callable[[Day, str], bool]
) -> tuple[Day, ...]:
    """Dates with stored matrices of which none was folded from the partitions as they are now.

    Args:
        stored: the dates that have a matrix and are asked about, rising.
        start: first date of a chain.
        partition: digest of the newest partition of a date; None where there is none.
        holds: whether the matrix of this date and digest is stored.
    """
    if not stored:
        return ()
    links = ((date, partition(date)) for date in dates(start, stored[-1]))
    whole = [(date, str(digest)) for date, digest in takewhile(lambda link: link[1] is not None, links)]
    digests = dict(zip((date for date, _ in whole), chain_digests(whole), strict=True))
    return tuple(day for day in stored if day not in digests or not holds(day, digests[day]))
