"""Deliver the live release: its products for everybody into the store, and from there into the tables of a sink.

A delivery is made once for each time that a release goes live, and again when somebody has to be forgotten. What is
stored is found, what the sink holds is not loaded again: whoever was killed on the way begins anew and does the rest.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from itertools import takewhile
from time import monotonic

import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Ids, IntArray
from recsys_tasks.core.formatting import count
from recsys_tasks.core.records import Json, from_json
from recsys_tasks.delivery.marker import Marker
from recsys_tasks.delivery.products import DISCOVER, NEW_RELEASES, POPULAR
from recsys_tasks.delivery.showings import Outcomes, outcomes
from recsys_tasks.delivery.sink import LOADED, OVERTAKEN, THERE, Loaded, Sink
from recsys_tasks.delivery.tables import Rows
from recsys_tasks.partitions.suppression import ids_of
from recsys_tasks.products.exploration import Showings
from recsys_tasks.products.hours import Counts, hour_counts
from recsys_tasks.products.products import Products
from recsys_tasks.products.segments import segments_of
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import Bundle
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.repositories.deliveries import (
    HOURS,
    NEVER_AGAIN,
    POSTGRES,
    STORE,
    DeliveryKey,
    Record,
    files_of,
    settings_of,
)
from recsys_tasks.steps.delivered_lists import write_product
from recsys_tasks.steps.making import Earlier, Making
from recsys_tasks.steps.results import Delivered, Made
from recsys_tasks.steps.workplace import Signature, Workplace
from recsys_tasks.storage.artefacts import Artefact
from recsys_tasks.storage.stored_mark import mark_of

NOTHING = "nothing is configured to be delivered: name products in [deliver] of the configuration"
READ_AT_ONCE = 1 << 16
"""Rows of a stored file that go into the sink together."""
A_WEEK = timedelta(days=7)


def make_delivery(at: Workplace, signature: Signature) -> Made:
    """Store the products of the live release for everybody, unless they are stored.

    Raises:
        CorruptArtefact: the release, or a delivery before, is damaged.
        StorageError: the store refused.
    """
    if not at.config.deliver.products:
        return Made(False, NOTHING)
    began, log = monotonic(), at.releases.log()
    if (live := log.live) is None:
        return Made(False, "nothing has been published yet")
    at.store.sweep()  # what a killed delivery left
    key = delivery_key(at, log)
    if not at.deliveries.holds(key):
        _make(at, live, key)
    record = Record(key.name, STORE, "", signature.at, signature.by, signature.run_id, round(monotonic() - began, 1))
    fresh = at.deliveries.note(record)
    figures = at.deliveries.manifest(key.name).figures["products"]
    reason = f"release {live.release} is delivered" if fresh else f"release {live.release} was delivered before"
    return Made(fresh, reason, key.name, live.release, live.day, figures)


def load_delivery(
    at: Workplace, made: Made | Json, dsn: str | None, signature: Signature, again: bool = False
) -> Delivered:
    """Put a stored delivery into the tables of the sink, unless they hold it, or a newer one.

    Args:
        at: store and configuration.
        made: what ``make_delivery`` said, or its stored form.
        dsn: libpq address of the sink; None: there is none.
        signature: who delivers.
        again: whether to fill the tables although they hold it.

    Raises:
        SinkUnavailable: the sink cannot be reached, is full, broke off, or somebody holds a table.
        SinkRefused: its tables are not ours, or the role has not the rights.
        CorruptArtefact: the delivery is damaged.
    """
    made = made if isinstance(made, Made) else from_json(Made, made)
    if not made.delivery or not dsn:
        return Delivered(made.made, f"{made.reason}, in the store alone" if made.delivery else made.reason, made)
    began, sink, key = monotonic(), Sink(dsn, at.config.deliver.sink_schema), at.deliveries.key(made.delivery)
    marker = Marker(store_id(at), key.entry, key.release, key.digest, key.forgotten, signature.at)
    loaded = _load(at, sink, key, marker, again)
    if loaded.outcome == OVERTAKEN:
        newer = f"a newer delivery, of release {loaded.newest.release}, is in {loaded.place}"
        return Delivered(False, newer, made, loaded.place)
    seconds = round(monotonic() - began, 1)
    record = Record(key.name, POSTGRES, loaded.place, loaded.newest.at, signature.by, signature.run_id, seconds)
    fresh = at.deliveries.note(record) or loaded.outcome == LOADED
    said = "is in" if loaded.outcome == LOADED else "was in"
    return Delivered(fresh or made.made, f"release {key.release} {said} {loaded.place}", made, loaded.place)


def _load(at: Workplace, sink: Sink, key: DeliveryKey, marker: Marker, again: bool) -> Loaded:
    """Load a delivery; its files are not even verified where the sink holds it."""
    products = key.settings["products"]
    newest = sink.newest(products, marker.store)
    if newest and marker.is_of(newest) and not again:
        return Loaded(THERE, sink.place, newest)
    artefact = at.deliveries.open(key.name)
    return sink.load({product: _rows(at, artefact, product) for product in products}, marker, at.progress, again)


def delivery_key(at: Workplace, log: ReleaseLog) -> DeliveryKey:
    """What a delivery of the live release is made from now."""
    live = log.require_live()
    products = sorted(at.config.deliver.products)
    return DeliveryKey(
        entry=_since(log, live, with_parts=True),
        since=_since(log, live, with_parts=False),
        release=live.release,
        day=live.day,
        candidate=live.candidate,
        parts=live.parts,
        settings={**settings_of(at.config.products), "products": products},
        forgotten=digest_of(sorted(each.reference for each in at.suppressions.people() if not each.readmitted)),
    )


def store_id(at: Workplace) -> str:
    """The id of the store, by which its tables are told from those of others."""
    mark = mark_of(at.store)
    return mark.id if mark else at.store.where("")


def _since(log: ReleaseLog, live: Entry, with_parts: bool) -> int:
    """Number of the entry since which a release is live; a pin, or its end, changes nothing."""
    same = takewhile(
        lambda each: each.candidate == live.candidate and (each.parts == live.parts or not with_parts),
        reversed(log.entries),
    )
    return min(entry.number for entry in same)


def _make(at: Workplace, live: Entry, key: DeliveryKey) -> None:
    bundle, earlier, config = at.bundles.load(live), _earlier(at, key), at.config.deliver
    marks = _never_again(at, live)
    seen = _outcomes(bundle, earlier) if at.config.products.exploration_share else None
    showings = None if seen is None else Showings(seen.shown, seen.played)
    products = Products(bundle, at.config.products, at.config.als, marks, showings)
    left_out, segments = _left_out(at), _segments(at, bundle)
    with at.store.workspace() as folder:
        making = Making(
            products, bundle, live.release, left_out, earlier, segments, config, folder, at.progress, outcomes=seen
        )
        written = {product: write_product(making, product) for product in key.settings["products"]}
        files = {name: file for some, _ in written.values() for name, file in some.items()}
        figures = {product: found for product, (_, found) in written.items()}
        kept = making.shown_arrays() | _hours(at, bundle) | ({} if marks is None else {NEVER_AGAIN: marks})
        at.deliveries.save(key, files | kept, {"products": figures, "earlier": earlier.names})


def _outcomes(bundle: Bundle, earlier: Earlier) -> Outcomes:
    """What became of the tracks that the last deliveries showed."""
    shown = (earlier.opened[name] for name in earlier.shown)
    files = [artefact.file(name) for artefact in shown for name in files_of(artefact.manifest, DISCOVER)]
    users = bundle.users
    return outcomes(files, users.ids, bundle.gated.tracks.ids, Played(users.indptr, users.cols))


def _never_again(at: Workplace, live: Entry) -> pa.Table | None:
    """What listeners do not want again, as the source says now; None where no table of it is configured."""
    if not at.config.products.never_again_table:
        return None
    with at.source() as source:
        return source.never_again(at.config.products, live.day)


def _segments(at: Workplace, bundle: Bundle) -> dict[str, IntArray]:
    """The listeners of each segment, as the source says now; none where no table of it is configured, or needed."""
    products = at.config.products
    if not products.segments_table or POPULAR not in at.config.deliver.products:
        return {}
    with at.source() as source:
        return segments_of(source.segments(products), bundle, products.segment_listeners)


def _hours(at: Workplace, bundle: Bundle) -> dict[str, Counts]:
    """Plays of each track by hour, as the source says now; nothing where no table of them is configured."""
    if not at.config.products.hours_table:
        return {}
    with at.source() as source:
        return {HOURS: hour_counts(source.hours(at.config.products), bundle.gated.tracks)}


def _left_out(at: Workplace) -> Ids:
    """Listeners who shall be forgotten and whom the release may still know."""
    return ids_of(at.suppressions.open_people(), at.config.source.user_id_type)


def _earlier(at: Workplace, key: DeliveryKey) -> Earlier:
    """What the lists of a delivery are held against, opened."""
    before = _before(at, key.since)
    shown = before[: at.config.products.without_shown_deliveries]
    week = [each for each in before if each.day <= key.day - A_WEEK]
    compared = {figure: some[0].name for figure, some in (("last", before), ("week", week)) if some}
    names = {*(each.name for each in shown), *compared.values()}
    opened = {name: at.deliveries.open(name, DISCOVER) for name in names}
    with_new = {each.name for each in before if NEW_RELEASES in each.settings["products"]} & {*compared.values()}
    new = {name: at.deliveries.open(name, NEW_RELEASES) for name in with_new}
    return Earlier(opened, tuple(each.name for each in shown), compared, new)


def _before(at: Workplace, since: int) -> list[DeliveryKey]:
    """The stored deliveries with Discover lists of what was live before, newest first; of each time live, the last."""
    found: dict[int, DeliveryKey] = {}
    for name in at.deliveries.names():
        key = at.deliveries.key(name)
        if key.since < since and DISCOVER in key.settings["products"]:
            found[key.since] = key
    return [found[number] for number in sorted(found, reverse=True)]


def _rows(at: Workplace, artefact: Artefact, product: str) -> Rows:
    """The rows of a stored product, read piece by piece."""
    files = [artefact.file(name) for name in files_of(artefact.manifest, product)]
    schema, total = pq.read_schema(files[0]), sum(pq.read_metadata(file).num_rows for file in files)
    uuids = {"user_id": at.config.source.user_id_type, "track_id": at.config.source.track_id_type}
    uuids["reason"] = uuids["similar_id"] = uuids["track_id"]
    columns = frozenset(name for name, kind in uuids.items() if kind == "uuid")
    at.progress(f"{product}: {count(total)} rows go into the sink")
    return Rows(schema, partial(_read, files), total, columns)


def _read(files: Iterable[object]) -> Iterable[pa.RecordBatch]:
    for file in files:
        with pq.ParquetFile(file) as opened:
            yield from opened.iter_batches(READ_AT_ONCE)
