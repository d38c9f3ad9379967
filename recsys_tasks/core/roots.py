"""Where a store lies: in a folder of this machine, or in a bucket of an object store, by its address."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from recsys_tasks.core.errors import ConfigError

ADDRESS = re.compile(r"(s3|gs|az)://[^/?#\s]+(/[^?#\s]*)?")
"""An address of an object store: S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage."""
CACHE_MEGABYTES = 20_000
"""Bound of the local cache where nobody sets one: some weeks of a middling service, and seldom a whole disk."""


@dataclass(frozen=True)
class Cache:
    """The local folder of verified artefacts that stands before an object store."""

    folder: Path
    megabytes: int = CACHE_MEGABYTES
    """What it may hold. What is open stays beyond the bound."""


@dataclass(frozen=True)
class Bucket:
    """A store in a bucket. It has the few methods of a path that name a service's own part of it."""

    url: str  # without a slash at the end
    cache: Cache
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Names and values that the client takes beside what the environment says: keys, region, endpoint."""
    problem: str = ""
    """Why nothing can be stored there, and what to do. Empty: nothing is known that speaks against it."""

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> "Bucket":
        return replace(self, url=f"{self.url}/{name}")

    def resolve(self) -> "Bucket":
        """The same: an address is complete."""
        return self

    def given(self, options: Mapping[str, str]) -> "Bucket":
        """The same bucket, asked with these options, too."""
        return replace(self, options=tuple(sorted({**dict(self.options), **options}.items())))


OPTIONS = "RECSYS_STORE_OPTIONS"
"""Variable with options of an object store's client, a JSON object, beside the variables that the client knows."""
Root: TypeAlias = Path | Bucket


def root_of(text: str | None, environment: Mapping[str, str]) -> Root | None:
    """The root that a text names; None where there is none.

    Args:
        text: a path, or an address such as ``s3://bucket/prefix``.
        environment: RECSYS_CACHE names the folder before an object store (else recsys in the user's folder of caches),
            RECSYS_CACHE_MB what it may hold, RECSYS_STORE_OPTIONS what else the client is told.
    """
    if not text:
        return None
    if "://" not in text:
        return Path(text)
    home = environment.get("XDG_CACHE_HOME") or f"{environment.get('HOME') or '/var/tmp'}/.cache"  # noqa: S108
    cache = Path(environment.get("RECSYS_CACHE") or f"{home}/recsys")
    try:
        if not ADDRESS.fullmatch(text):
            known = "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX"
            raise ConfigError(f"{text} is no address of a store. There are: {known}.")
        return Bucket(text.rstrip("/"), Cache(cache, _megabytes(environment))).given(_options(environment))
    except ConfigError as error:
        return Bucket(text, Cache(cache), problem=str(error))


def _megabytes(environment: Mapping[str, str]) -> int:
    text = environment.get("RECSYS_CACHE_MB", "") or str(CACHE_MEGABYTES)
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise ConfigError(f"RECSYS_CACHE_MB is {text!r}. Set it to a number of megabytes.")
    return int(text)


def connection_options(
    url: str, login: str | None, password: str | None, host: str | None, extra: Mapping[str, object]
) -> dict[str, str]:
    """The client's options that a connection, as Airflow keeps them, stands for.

    Args:
        url: of the bucket; its service decides what a login and a password are.
        login, password: of S3, the id of an access key and its secret; of Azure, the account and its key; of Google,
            the password is the JSON text of a service account's key.
        host: address of the server, where it is not the service's own.
        extra: any options of the client, by its names, such as region; None and empty ones count as not given.
    """
    names = {
        "s3": ("access_key_id", "secret_access_key"),
        "az": ("account_name", "account_key"),
        "gs": ("service_account", "service_account_key"),
    }[url.partition("://")[0]]
    given = {names[0]: login, names[1]: password, "endpoint": host, **extra}
    return {name: str(value) for name, value in given.items() if value not in (None, "")}


def _options(environment: Mapping[str, str]) -> dict[str, str]:
    text = environment.get(OPTIONS, "") or "{}"
    try:
        return {str(name): str(value) for name, value in dict(json.loads(text)).items()}
    except (ValueError, TypeError):
        raise ConfigError(f"{OPTIONS} is no JSON object of names and values.") from None
