"""Whether a server keeps the one promise that publishing rests on, tried before it is trusted with anything.

Of two conditional puts of one name the second must be refused. Servers are in use that answer 200 to both: there, two
runs would publish under one number, and one of them would be lost without a word.
"""

import secrets

from recsys_tasks.core.errors import StorageError
from recsys_tasks.storage.bucket import Requests
from recsys_tasks.storage.bucket_artefacts import PROBES

TRIED = "Amazon S3, Google Cloud Storage, Azure Blob Storage, SeaweedFS 4 or Ceph's radosgw"
"""Services and servers that refuse the second put."""


def probe(requests: Requests) -> None:
    """Put, put again, read, remove.

    Raises:
        StorageError: this account may not, or the server does not keep its word.
    """
    name = f"{PROBES}/{secrets.token_hex(16)}"
    first = requests.create(name, b"first")
    second = requests.create(name, b"second")
    found = requests.get(name)
    if not first or second or found is None or found[0] != b"first":
        raise StorageError(
            f"{requests.root}{_server(requests.endpoint)} does not keep its word: it takes a second object under a "
            "name that may be taken only once (If-None-Match: *). Two runs could publish at once, and one be lost. "
            f"Use {TRIED}."
        )
    requests.delete([name])


def _server(endpoint: str) -> str:
    """What the server calls itself, where it says so."""
    if not endpoint:
        return ""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection  # needed here alone

    scheme, _, host = endpoint.partition("://")
    connection = (HTTPSConnection if scheme == "https" else HTTPConnection)(host, timeout=5)
    try:
        connection.request("HEAD", "/")
        said = connection.getresponse().getheader("Server", "")
    except (OSError, HTTPException):
        said = ""
    finally:
        connection.close()
    return f" (at {endpoint}{f', {said}' if said else ''})"
