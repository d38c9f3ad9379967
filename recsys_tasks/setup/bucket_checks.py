"""Whether the server of a bucket keeps the promise that publishing rests on, and the cache before it has room."""

import os

from recsys_tasks.core.errors import ConfigError, RecsysError
from recsys_tasks.core.roots import Bucket
from recsys_tasks.setup.checks import FAIL, OK, WARN, Check
from recsys_tasks.setup.store_checks import existing, room
from recsys_tasks.steps.store_state import state_of
from recsys_tasks.storage.object_store import ObjectStore

KEYS = "Give its keys in the environment; those of the Airflow connection recsys_store are known to tasks alone."


def bucket_checks(root: Bucket) -> list[Check]:
    """Try the server with two conditional puts of one name, and look at the folder of the cache."""
    if root.problem:
        return [Check("store", FAIL, root.problem)]
    return [*_server(root), *_cache(root)]


def _server(root: Bucket) -> list[Check]:
    store = ObjectStore(root)
    try:
        store.require_rights()
        kept = Check("store: conditional put", OK, "works.")
        return [Check("store", OK, str(state_of(store))), kept]
    except ConfigError as error:  # no store yet, or no client
        is_empty = store.moved().requests > 1
        return (
            [Check("store", OK, f"{root} holds no store yet; a run makes it."), kept]
            if is_empty
            else [Check("store", FAIL, str(error))]
        )
    except RecsysError as error:
        return [Check("store: conditional put", FAIL, str(error), KEYS)]


def _cache(root: Bucket) -> list[Check]:
    folder = root.cache.folder
    place = existing(folder)
    if not os.access(place, os.W_OK | os.X_OK):
        mend = "Set RECSYS_CACHE to a local folder of its own."
        return [Check("store: cache", FAIL, f"{place} may not be written by this account.", mend)]
    least = root.cache.megabytes * 1_000_000
    checks = [room(place, least, "store: cache")]
    return (
        checks
        if checks[0].state != WARN
        else [
            Check(
                "store: cache",
                WARN,
                checks[0].found,
                f"{folder} may grow to {root.cache.megabytes:,} MB (RECSYS_CACHE_MB).",
            )
        ]
    )
