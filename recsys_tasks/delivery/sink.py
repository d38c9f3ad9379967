"""A Postgres of the service as a sink: one transaction fills new tables and puts them in the place of those before.

Whoever is killed on the way leaves nothing: the server rolls back, and the tables are the old ones. Two deliveries at
once do not mix: a lock of the schema lets one in. A delivery that a newer one overtook changes nothing.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import DBAPIError

from recsys_tasks.core.errors import SinkRefused, SinkUnavailable
from recsys_tasks.core.formatting import count
from recsys_tasks.delivery.marker import Marker
from recsys_tasks.delivery.refusals import refusal
from recsys_tasks.delivery.relations import NEXT, Relation, relations, require_schema
from recsys_tasks.delivery.tables import Rows, fill_next, swap, take_over
from recsys_tasks.source.connection import CONNECT_SETTINGS, Address, disconnect, parse_address, wrap
from recsys_tasks.source.refusals import cause_of, condition

LOADED, THERE, OVERTAKEN = "loaded", "there", "overtaken"
LOCKED_OUT = "55P03"
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('recsys delivery'), hashtext(:schema))")


@dataclass(frozen=True)
class Patience:
    """How long the swap waits for others to let go of the tables."""

    lock_ms: int = 2_000
    """Of one try; readers that come meanwhile wait behind us as long."""
    tries: int = 30
    pause_s: float = 2.0
    """Between two tries, in which whoever waited goes on."""


@dataclass(frozen=True)
class Loaded:
    """What came of a delivery to a sink."""

    outcome: str  # loaded, there (it was there already) or overtaken (a newer one is)
    place: str  # host, database and schema, without a secret
    newest: Marker  # of what is there now


class Sink:
    """The tables of one schema."""

    def __init__(self, dsn: str, schema: str, patience: Patience = Patience()) -> None:
        """Where it is.

        Args:
            dsn: libpq address.
            schema: of the tables.
            patience: in the swap.

        Raises:
            ConfigError: the address is none.
        """
        self._address, self._schema, self._patience = parse_address(dsn, "sink"), schema, patience

    @property
    def place(self) -> str:
        """Host, database and schema, without a secret."""
        return f"schema {self._schema} of {self._address.place}"

    def newest(self, products: Sequence[str], store: str) -> Marker | None:
        """Which delivery all tables of some products hold; None where they hold none, or not the same.

        Raises:
            SinkUnavailable, SinkRefused: as ``load``.
        """
        with self._transaction("looking at its tables") as connection:
            found = relations(connection, self._schema, products, store, self._address.place)
            markers = [found[product].marker for product in products if product in found]
            same = len(markers) == len(products) and all(map(markers[0].is_of, markers))
            return markers[0] if same else None

    def load(
        self, rows: Mapping[str, Rows], marker: Marker, progress: Callable[[str], None], again: bool = False
    ) -> Loaded:
        """Fill new tables and swap them in, unless they are there already, or newer ones are.

        Args:
            rows: by product.
            marker: of the delivery.
            progress: called with sentences.
            again: whether to fill them although they hold this delivery.

        Raises:
            SinkUnavailable: the server cannot be reached, is full, broke off, or somebody holds a table.
            SinkRefused: the tables are not ours, or this role has not the rights.
        """
        with self._transaction("filling its tables") as connection:
            if not connection.execute(_LOCK, {"schema": self._schema}).scalar():
                raise SinkUnavailable(f"Another delivery is at work in {self.place}. Retry when it has ended.")
            require_schema(connection, self._schema, self._address.place)
            found = relations(connection, self._schema, rows, marker.store, self._address.place)
            there = [found[product].marker for product in rows if product in found]
            newest = max(there, key=lambda each: each.entry, default=None)
            if newest and newest.entry > marker.entry:
                return Loaded(OVERTAKEN, self.place, newest)
            if len(there) == len(rows) and all(map(marker.is_of, there)) and not again:
                return Loaded(THERE, self.place, there[0])
            self._refuse_unfinished(found)
            tables = {
                product: fill_next(
                    connection, self._schema, product, each, marker, _told(product, each.total, progress)
                )
                for product, each in rows.items()
            }
            take_over(connection, tables, found)
            self._swap(connection, tables, found, marker)
        return Loaded(LOADED, self.place, marker)

    def _refuse_unfinished(self, found: Mapping[str, Relation]) -> None:
        """What a transaction leaves is whole, so that only a person can have renamed a table of ours to this."""
        if names := [name for name in found if name.endswith(NEXT)]:
            raise SinkRefused(f"{', '.join(names)} stands in the way in {self.place}. Drop it, then retry.")

    def _swap(
        self, connection: Connection, tables: Mapping[str, Table], found: Mapping[str, Relation], marker: Marker
    ) -> None:
        """Swap as soon as nobody holds the tables; the filled ones are kept between two tries."""
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(self._patience.lock_ms)}")
        for left in reversed(range(self._patience.tries)):
            try:
                with connection.begin_nested():
                    swap(connection, self._schema, tables, found, marker)
                return
            except DBAPIError as error:
                if getattr(cause_of(error), "pgcode", None) != LOCKED_OUT or not left:
                    raise
            time.sleep(self._patience.pause_s)

    @contextmanager
    def _transaction(self, doing: str) -> Iterator[Connection]:
        """One transaction, committed at the end; after an error nothing of it is left."""
        connection = _connect(self._address)
        try:
            with connection.begin():
                connection.exec_driver_sql(
                    "SET LOCAL search_path = pg_catalog; SET LOCAL client_min_messages = error; "
                    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
                )
                yield connection
        except (psycopg2.Error, DBAPIError) as error:
            raise refusal(cause_of(error), self._address.place, doing) from None
        finally:
            disconnect(connection)


def _connect(address: Address) -> Connection:
    try:
        return wrap(psycopg2.connect(address.dsn, **CONNECT_SETTINGS))
    except (psycopg2.Error, DBAPIError, UnicodeDecodeError, AssertionError) as error:
        cause = cause_of(error) if isinstance(error, psycopg2.Error | DBAPIError) else error
        said = address.without_secrets(str(cause)) if type(cause) is psycopg2.OperationalError else condition(cause)
        raise SinkUnavailable(
            f"The sink ({address.place}) cannot be reached: {said}. Check that it runs and that its address, user and "
            "password are right, then retry. The tables of before stay as they are."
        ) from None


def _told(product: str, total: int, progress: Callable[[str], None]) -> Callable[[int], None]:
    """Tell of every tenth of the rows."""
    tenth = max(1, total // 10)
    reached = [0]

    def told(rows: int) -> None:
        if rows // tenth > reached[0]:
            reached[0] = rows // tenth
            progress(f"{product}: {count(rows)} of {count(total)} rows are in the new table")

    return told
