"""The identity of what is made: a digest of what it was made from."""

import hashlib
import json
from typing import Any

FORMAT = 1
"""Of everything stored; part of every digest, so that another format never passes for this one."""
SHORT = 16
"""Hexadecimal digits of a digest that a name carries."""


def digest_of(*parts: Any) -> str:
    """Hexadecimal SHA-256 of JSON values: the identity of whatever is made from them."""
    return hashlib.sha256(canonical_json([FORMAT, *parts])).hexdigest()


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys: equal values, equal bytes.

    Raises:
        ValueError: a number is infinite or missing (NaN), which JSON does not have.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
