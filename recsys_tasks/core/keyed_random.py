"""Random numbers that are a function of (seed, id) alone.

Drawn from one stream, one more user would give every user another start; keyed by id, nobody else's numbers move.
"""

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.domain import FloatArray, Ids

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def keyed_hash(ids: Ids, salt: str) -> npt.NDArray[np.uint64]:
    """64 well-mixed bits for each id under a salt. (n_ids,)."""
    key = hashlib.blake2b(salt.encode(), digest_size=8).digest()
    if pa.types.is_integer(ids.type):
        return mix(np.asarray(ids).astype(np.int64).view(np.uint64) ^ np.frombuffer(key, np.uint64)[0])
    hashed = (hashlib.blake2b(text.encode(), digest_size=8, key=key).digest() for text in ids.to_pylist())
    return np.frombuffer(b"".join(hashed), np.uint64)


def keyed_normals(ids: Ids, seed: int, side: str, n: int) -> FloatArray:
    """Standard normal numbers, row i a function of (seed, side, ids[i]). (n_ids, n) float32."""
    state = keyed_hash(ids, f"{seed} {side}")[:, None] + np.arange(1, n + 1, dtype=np.uint64)[None, :] * _GOLDEN
    uniform = (mix(state) >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54  # inside (0, 1)
    from scipy.special import ndtri  # a fifth of a second, where normal numbers are drawn

    return np.asarray(ndtri(uniform), dtype=np.float32)


def mix(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every input bit moves every output bit."""
    z = state + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))
