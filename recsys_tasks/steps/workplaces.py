"""A workplace from what a command or a task knows: root, configuration and address."""

from collections.abc import Callable
from pathlib import Path

from recsys_tasks.core.config import load_config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.roots import Bucket, Root
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.object_store import ObjectStore
from recsys_tasks.storage.posix import PosixStore


def workplace(root: Root | None, config: Path | None, dsn: str | None, progress: Callable[[str], None]) -> Workplace:
    """Where the steps work.

    Raises:
        ConfigError: the root or the configuration is not named, or not sound.
    """
    if config is None:
        raise ConfigError("No configuration named: set RECSYS_CONFIG to your TOML file (recsys.toml is an example).")
    return Workplace(store_at(root), load_config(config), dsn, progress)


def store_at(root: Root | None) -> PosixStore | ObjectStore:
    """The store under a root, a folder or a bucket.

    Raises:
        ConfigError: the root is not named, or no address.
    """
    if root is None:
        raise ConfigError("No store named: set RECSYS_ROOT to the directory of partitions, bundles and releases.")
    if isinstance(root, Bucket) and root.problem:
        raise ConfigError(root.problem)
    return ObjectStore(root) if isinstance(root, Bucket) else PosixStore(root.resolve())
