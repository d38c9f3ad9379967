"""A delivery of a published release with lists that nobody computed: what they hold costs a reader the same.

Written by the functions of a delivery under the file names of its steps, as ``published`` writes a release, in seconds
where the lists of a million listeners would take minutes. There are no Parquet files of them: the service reads none.
"""

import numpy as np

from benchmarks.published import linked
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.delivery.arrays import ListArrays
from recsys_tasks.release.bundle import Bundle
from recsys_tasks.release.bundles import Bundles
from recsys_tasks.release.log import Entry
from recsys_tasks.repositories.deliveries import Deliveries, DeliveryKey, settings_of
from recsys_tasks.serving.kept_lists import DISCOVER, SIMILAR
from recsys_tasks.storage.artefacts import LocalFile
from recsys_tasks.storage.posix import PosixStore

AT_ONCE = 1 << 14


def deliver_made_up(store: PosixStore, entry: Entry, k: int) -> str:
    """Store a delivery of the live release, unless there is one; its name."""
    key, deliveries = _key(entry), Deliveries(store)
    if deliveries.holds(key):
        return key.name
    bundle, rng = Bundles(store).load(entry), np.random.default_rng(3)
    sizes = {DISCOVER: len(bundle.users.ids), SIMILAR: len(bundle.gated.tracks)}
    with store.workspace() as folder:
        files: dict[str, LocalFile] = {}
        for product, n in sizes.items():
            with ListArrays(folder, product, n, k) as arrays:
                for start in range(0, n, AT_ONCE):
                    _write(arrays, bundle, product, np.arange(start, min(start + AT_ONCE, n)), k, rng)
            files |= {name: LocalFile(f"{folder}/{name}") for name in arrays.names}
        deliveries.save(key, files, {"products": {}})
    return key.name


def deliver_again(store: PosixStore, name: str, entry: Entry) -> str:
    """The same lists as a delivery of another release that has the same files: hard links."""
    deliveries, key = Deliveries(store), _key(entry)
    stored = deliveries.opened(name)
    with store.workspace() as folder:
        deliveries.save(key, linked(stored, folder), stored.figures)
    return key.name


def _key(entry: Entry) -> DeliveryKey:
    settings = {**settings_of(ProductsConfig()), "products": [DISCOVER, SIMILAR]}
    number, release = entry.number, entry.release
    return DeliveryKey(number, number, release, entry.day, entry.candidate, dict(entry.parts), settings, "")


def _write(
    arrays: ListArrays, bundle: Bundle, product: str, places: np.ndarray, k: int, rng: np.random.Generator
) -> None:
    """Tracks as they are drawn for listeners: more of those with a large norm; each is explained by a played track."""
    ranks = (len(bundle.gated.search.tracks) * rng.random((len(places), k)) ** 2).astype(np.int64)
    cols, scores = bundle.gated.search.tracks.rank_cols[ranks], -np.sort(-rng.random(ranks.shape, np.float32))
    if product == SIMILAR:
        arrays.write(places, cols, scores)
        return
    users = bundle.users
    begins, ends = users.indptr[users.order[places]], users.indptr[users.order[places] + 1]
    drawn = begins[:, None] + (rng.random(ranks.shape) * (ends - begins)[:, None]).astype(np.int64)
    arrays.write(places, cols, scores, users.cols[np.minimum(drawn, len(users.cols) - 1)])
