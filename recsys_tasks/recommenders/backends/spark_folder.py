"""Where this program and Spark meet: a folder here, or an address that all executors reach, by Hadoop's own client."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Here:
    """A folder of this machine, which Spark reads and writes itself."""

    def __init__(self, folder: str) -> None:
        self._address = f"file://{folder}"

    def of(self, name: str) -> str:
        """The address of a file or folder, as Spark knows it."""
        return f"{self._address}/{name}"

    def send(self, name: str) -> None:
        """Nothing is to be copied."""

    def fetch(self, name: str) -> None:
        """Nothing is to be copied."""


class Elsewhere:
    """A folder at an address, and its copy here."""

    def __init__(self, jvm: Any, files: Any, address: str, folder: str) -> None:
        self._path, self._files, self._address, self._here = jvm.org.apache.hadoop.fs.Path, files, address, Here(folder)

    def of(self, name: str) -> str:
        """As ``Here``."""
        return f"{self._address}/{name}"

    def send(self, name: str) -> None:
        """Copy a file to the address."""
        self._files.copyFromLocalFile(self._path(self._here.of(name)), self._path(self.of(name)))

    def fetch(self, name: str) -> None:
        """Copy a folder from the address, without Hadoop's files of checksums."""
        self._files.copyToLocalFile(False, self._path(self.of(name)), self._path(self._here.of(name)), True)


@contextmanager
def meeting(session: "SparkSession", shared: str, folder: str) -> Iterator[Here | Elsewhere]:
    """The place of one training; at an address it is removed at the end.

    Args:
        session: whose file systems are asked.
        shared: absolute path or address that all executors reach; empty: the folder itself.
        folder: of this machine, private.
    """
    if not shared:
        yield Here(folder)
        return
    jvm: Any = session._jvm
    address = f"{shared.rstrip('/')}/{folder.rpartition('/')[2]}"
    path = jvm.org.apache.hadoop.fs.Path(f"file://{address}" if address.startswith("/") else address)
    files = path.getFileSystem(session._jsc.hadoopConfiguration())
    try:
        yield Elsewhere(jvm, files, path.toString(), folder)
    finally:
        with suppress(Exception):  # Spark may be gone by now
            files.delete(path, True)
