"""The store under a root, as a command or a task knows it."""

from typing import TYPE_CHECKING

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.roots import Bucket, Root
from recsys_tasks.storage.posix import PosixStore

if TYPE_CHECKING:
    from recsys_tasks.storage.object_store import ObjectStore


def store_at(root: Root | None) -> "PosixStore | ObjectStore":
    """The store under a root, a folder or a bucket.

    Raises:
        ConfigError: the root is not named, or no address.
    """
    if root is None:
        raise ConfigError("No store named: set RECSYS_ROOT to the directory of partitions, bundles and releases.")
    if isinstance(root, Bucket) and root.problem:
        raise ConfigError(root.problem)
    if not isinstance(root, Bucket):
        return PosixStore(root.resolve())
    from recsys_tasks.storage.object_store import ObjectStore  # whose client nobody needs for a folder

    return ObjectStore(root)
