"""The requests to an object store: one method a request, its bytes counted, its refusals in our words.

``obstore`` speaks to S3 and whatever speaks its protocol, Google Cloud Storage and Azure. It tries again by itself,
with growing pauses, where a server is slow, asks to be spared (503), or breaks off; a conditional put that was tried
again may then be refused because its own first try had arrived. So each carries a drawn word, by which its writer knows
it.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, NamedTuple

from recsys_tasks.core.errors import ConfigError, RecsysError, StorageError, StoreUnavailable, Unreadable
from recsys_tasks.core.roots import Bucket
from recsys_tasks.storage.store import Moved

WRITER = "recsyswriter"
"""Name of the drawn word among an object's own attributes; letters alone, which every service and proxy takes."""
CLOCK = ".clock"
PART = 8 << 20  # bytes of a part of an upload; S3 takes at most 10,000 of them
AT_ONCE = 4  # parts in flight of one file
TRIES = 5
"""Times that a conditional put is sent where a service refuses it though the name is free, as S3 may of two at once."""
CLIENT: Any = {"timeout": "15min", "connect_timeout": "10s", "read_timeout": "60s", "allow_http": True}
"""Of a request: a large file may take long, but not stand still for longer than the reading timeout. Whoever names a
server by http:// means it."""
RETRY: Any = {
    "max_retries": 100,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {"base": 4, "max_backoff": timedelta(seconds=5)},
}
"""Of a server that asks to be spared or is away. The client draws each pause between its first one and ``base`` times
the last: with 2 they hardly grow, and ten tries are over in 2.5 seconds. The time ends the tries, not their number."""


class Seen(NamedTuple):
    """What a store says of an object."""

    name: str
    size: int  # bytes
    written: float  # seconds since 1970, by the store's own clock
    e_tag: str


class Requests:
    """The requests to one bucket, below one prefix."""

    def __init__(self, root: Bucket) -> None:
        self.root, self._moved, self._counting = root, Moved(), Lock()

    @property
    def moved(self) -> Moved:
        """What went over the wire up to now."""
        return self._moved

    @property
    def endpoint(self) -> str:
        """Address of the server, as the client has it from an option, the environment or the service's name; empty
        where it does not tell."""
        try:
            self._api.head(self._store, ".probe/none")
        except Exception as error:  # that there is none is what we ask for
            found = re.search(r"https?://[^/?\s]+", str(error))
            return found[0] if found else ""
        return ""

    def where(self, name: str) -> str:
        """Address of an object."""
        return f"{self.root.url}/{name}".rstrip("/")

    def get(self, name: str, most: int | None = None) -> tuple[bytes, Seen] | None:
        """Content of an object; None where there is none. most: bytes beyond which nothing is read, and None stands
        for the content.

        Raises:
            Unreadable: the store does not give it.
        """
        with self._reading(name):
            try:
                found = self._api.get(self._store, name)
                seen = _seen(found.meta)
                content = bytes(found.bytes()) if most is None or seen.size <= most else b""
            except FileNotFoundError:
                return None
            self._count(downloaded=len(content))
            return content, seen

    def download(self, name: str, file: BinaryIO) -> tuple[int, str] | None:
        """Write an object into a file; its length and SHA-256 as they arrived, None where there is no such object.

        Raises:
            Unreadable: the store does not give it, or breaks off.
        """
        with self._reading(name):
            try:
                found = self._api.get(self._store, name)
            except FileNotFoundError:
                return None
            size, digest = 0, hashlib.sha256()
            for piece in found.stream():
                view = memoryview(piece)
                file.write(view)
                digest.update(view)
                size += len(view)
            self._count(downloaded=size)
            return size, digest.hexdigest()

    def head(self, name: str) -> Seen | None:
        """What the store says of an object; None where there is none."""
        with self._reading(name):
            try:
                return _seen(self._api.head(self._store, name))
            except FileNotFoundError:
                return None

    def below(self, folder: str) -> tuple[list[str], list[Seen]]:
        """Names of the folders, and the objects, directly below one."""
        with self._reading(folder):
            found = self._api.list_with_delimiter(self._store, f"{folder}/" if folder else None)
            return list(found["common_prefixes"]), [_seen(each) for each in found["objects"]]

    def all_below(self, folder: str) -> list[Seen]:
        """Every object below a folder, however deep."""
        with self._reading(folder):
            found = self._api.list(self._store, f"{folder}/", chunk_size=1000)
            return [_seen(each) for some in found for each in some]

    def put(self, name: str, content: bytes | Path) -> str:
        """Set the content of an object; a reader sees the old content or the new one. Its version (ETag).

        Raises:
            StorageError: the store refused.
        """
        with self._writing(name):
            size = content.stat().st_size if isinstance(content, Path) else len(content)
            done = self._api.put(self._store, name, content, chunk_size=PART, max_concurrency=AT_ONCE)
            self._count(uploaded=size, requests=size // PART + 2 if size > PART else 0)
            return str(done["e_tag"])

    def create(self, name: str, content: bytes) -> bool:
        """Create an object if and only if its name is free; False when it was taken.

        Raises:
            StorageError: the store refused, and has no object of this name.
        """
        word = secrets.token_hex(8)
        for _ in range(TRIES):
            refused = self._created(name, content, word)
            if refused is None:
                return True
            with self._reading(name):  # a first try may have arrived though its answer did not
                try:
                    return bool(self._api.get(self._store, name).attributes.get(WRITER) == word)
                except FileNotFoundError:
                    self._count()
            if not self._is_taken(refused):
                with self._writing(name):
                    raise refused
        raise StorageError(f"{self.where(name)} cannot be written: the store says it is there, and that it is not.")

    def _created(self, name: str, content: bytes, word: str) -> Exception | None:
        """What a conditional put was refused with; None: it was not."""
        try:
            self._count(uploaded=len(content))
            # in one request: of some servers, an upload in parts has two winners
            self._api.put(self._store, name, content, mode="create", attributes={WRITER: word}, use_multipart=False)
        except Exception as error:  # which of them it is, the caller asks
            return error
        return None

    def now(self) -> float:
        """The time by the store's own clock, in seconds since 1970: that of an object that was written just now."""
        self.put(CLOCK, b"")
        seen = self.head(CLOCK)
        return seen.written if seen else 0.0

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects; one that is not there is removed already.

        Raises:
            StorageError: the store refused.
        """
        if not names:
            return
        with self._writing(names[0]):
            try:
                self._api.delete(self._store, list(names))
            except FileNotFoundError:  # a service that takes one name at a time stopped at one that is not there
                for name in names:
                    with suppress(FileNotFoundError):
                        self._api.delete(self._store, name)

    @cached_property
    def _api(self) -> Any:
        """The library, imported by whoever has a store in a bucket."""
        try:
            import obstore
        except ImportError:
            how = "pip install 'recsys-pipeline[object-store]'"
            raise ConfigError(f"{self.root} needs the package obstore, which is not here: {how}.") from None
        return obstore

    @cached_property
    def _store(self) -> Any:
        """The client of the bucket.

        Raises:
            ConfigError: an option is unknown or wrong.
        """
        _ = self._api
        from obstore.exceptions import BaseError
        from obstore.store import from_url

        options: Any = dict(self.root.options)
        try:
            return from_url(self.root.url, config=options, client_options=CLIENT, retry_config=RETRY)
        except (BaseError, ValueError) as error:
            raise ConfigError(f"{self.root} cannot be asked: {_first_line(error)}") from None

    def _is_taken(self, error: Exception) -> bool:
        from obstore.exceptions import AlreadyExistsError

        return isinstance(error, AlreadyExistsError)

    def _count(self, requests: int = 0, uploaded: int = 0, downloaded: int = 0) -> None:
        with self._counting:
            past = self._moved
            self._moved = Moved(past.requests + requests, past.uploaded + uploaded, past.downloaded + downloaded)

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """Count a request.

        Raises:
            Unreadable: it was refused.
            StoreUnavailable: there was no answer, for as long as the client tries.
        """
        with self._asked(Unreadable, f"{self.where(name)} cannot be read", "Nothing says that it is damaged."):
            yield

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        said = f"{self.where(name)} cannot be written"
        with self._asked(StorageError, said, "Mend the cause, then rerun; nothing was half-written."):
            yield

    @contextmanager
    def _asked(self, refusal: type[RecsysError], said: str, then: str) -> Iterator[None]:
        _ = self._store
        self._count(1)
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            mend = "Give this account the right, or other keys"
            raise refusal(f"{said}: {_first_line(error)}. {mend}. {then}") from None
        except FileNotFoundError:
            raise refusal(f"{said}: there is no such bucket. Make it, or correct its name. {then}") from None
        except BaseError as error:
            raise StoreUnavailable(f"{said}: {_first_line(error)}. {then}") from None


def _seen(meta: Any) -> Seen:
    return Seen(meta["path"], meta["size"], meta["last_modified"].timestamp(), str(meta["e_tag"]))


def _first_line(error: Exception) -> str:
    """What the client says, without the rest of its report, and without what an address may sign itself with."""
    line = re.sub(r"\?\S+", "", str(error).strip().splitlines()[0])
    return line.split(": <?xml")[0][:300].rstrip(". ")
