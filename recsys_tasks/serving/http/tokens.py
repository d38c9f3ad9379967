"""Who may ask: bearer tokens from a file, compared in constant time."""

import hashlib
import hmac
import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from recsys_tasks.core.errors import ConfigError

LINE = re.compile(r"(?P<name>[\w.-]{1,64})[ \t]+(?P<token>[\x21-\x7e]{32,512})", re.ASCII)
"""A name, a space, a token of 32 characters or more (RFC 6750 allows printable ASCII)."""
LARGEST_FILE = 1 << 20


class Tokens:
    """Names by the SHA-256 of their tokens; the tokens themselves are not kept."""

    def __init__(self, names: dict[bytes, str]) -> None:
        self._names = names

    def holder(self, authorization: bytes) -> str | None:
        """The name of whoever sent this header; None where its token is not known.

        Every known token is compared, so that the time says nothing of which one was nearly right.
        """
        scheme, _, token = authorization.partition(b" ")
        given = hashlib.sha256(token.strip()).digest()
        found = [name for digest, name in self._names.items() if hmac.compare_digest(digest, given)]
        return found[0] if found and scheme.lower() == b"bearer" else None


def read_tokens(path: Path) -> Tokens:
    """The tokens of a file: one a line, after the name of whoever holds it. Empty lines and those after # are none.

    Raises:
        ConfigError: the file cannot be read, holds no token, or a line is none; no line is repeated.
    """
    try:
        text = path.read_bytes()[: LARGEST_FILE + 1].decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {getattr(error, 'strerror', 'not ASCII text')}. Name a file of tokens.") from None
    lines = {n: line.strip() for n, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"}
    found = {n: LINE.fullmatch(line) for n, line in lines.items()}
    if len(text) > LARGEST_FILE or not found or not all(found.values()):
        wrong = next((f"line {n}" for n, match in found.items() if not match), "the file")
        raise ConfigError(f"{path}: {wrong} holds no token. Write NAME TOKEN on each line, 32 characters or more.")
    return Tokens({hashlib.sha256(m["token"].encode()).digest(): m["name"] for m in found.values() if m})


class TokenFile:
    """The tokens of a file, read again when it changes; a file that is not sound changes nothing."""

    def __init__(self, path: Path, tell: Callable[[str, str], None]) -> None:
        """Read it.

        Args:
            path: of the file.
            tell: is told of an event in a word, and in a sentence.

        Raises:
            ConfigError: it is not sound.
        """
        self._path, self._tell, self._seen = path, tell, _stamp(path)
        self.tokens: Tokens = read_tokens(path)

    def look(self) -> None:
        """Read the file again if it has changed."""
        seen = _stamp(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.tokens = read_tokens(self._path)
            self._tell("tokens", "The file of tokens was read again.")
        except ConfigError as error:
            self._tell("tokens", f"The tokens of before are kept: {error}")


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_ino, found.st_size)


def require_loopback(host: str) -> None:
    """Check that nobody outside this machine can ask.

    Raises:
        ConfigError: the address is not loopback.
    """
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(
            f"Without tokens the service listens on loopback only, not on {host!r}. Name a file of tokens: --tokens, "
            "or [serve] tokens_file."
        )
