"""A lock on a folder of a bucket, where there are no locks: numbered leases, each taken by one conditional put.

    .locks/<folder>/<n>   taken by whoever created it; it is free again once its content says so, or some minutes later

The time is the store's own, on both sides, so that clocks of machines do not matter. Whoever is stopped for longer than
a lease lasts may go on beside the next holder: what is done under it must bear being done twice.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

from recsys_tasks.storage.bucket import Requests, Seen

FOLDER, FREE = ".locks", b"free"
LASTS = 600.0
"""Seconds: longer than sending an alert through all of its channels takes."""
PAUSE = 0.5  # seconds between two looks


@contextmanager
def leased(requests: Requests, name: str, wait: bool = True, lasts: float = LASTS) -> Iterator[bool]:
    """Hold a folder against everybody else; False when somebody holds it and we shall not wait. lasts: seconds."""
    lease = _taken(requests, name, lasts)
    while lease is None and wait:
        sleep(PAUSE)
        lease = _taken(requests, name, lasts)
    try:
        yield lease is not None
    finally:
        if lease is not None:
            requests.put(lease, FREE)


def _taken(requests: Requests, name: str, lasts: float) -> str | None:
    """The lease that was taken; None where somebody else holds one, or was faster."""
    folder = f"{FOLDER}/{name}"
    numbered = {int(each.name.rpartition("/")[2]): each for each in requests.below(folder)[1] if _is_lease(each)}
    newest = max(numbered, default=0)
    if newest and not _is_free(requests, numbered[newest], lasts):
        return None
    lease = f"{folder}/{newest + 1}"
    if not requests.create(lease, b"held"):
        return None
    requests.delete([each.name for number, each in numbered.items() if number < newest])  # one stays, for its number
    return lease


def _is_free(requests: Requests, lease: Seen, lasts: float) -> bool:
    """Whether a lease was given back, or has lasted."""
    found = requests.get(lease.name)
    if found is None or found[0] == FREE:
        return True
    return requests.now() - found[1].written > lasts


def _is_lease(seen: Seen) -> bool:
    return bool(re.fullmatch("[1-9][0-9]*", seen.name.rpartition("/")[2]))
