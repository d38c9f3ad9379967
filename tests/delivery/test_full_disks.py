"""A full disk, of the store or of the sink: said in words, and what was there before is there still."""

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import execute, fetch
from file_size_limits import largest_file

from recsys_tasks.core.errors import SinkUnavailable, StorageError
from recsys_tasks.delivery.arrays import ListArrays
from recsys_tasks.delivery.files import ProductFiles
from recsys_tasks.delivery.marker import Marker
from recsys_tasks.delivery.products import DISCOVER, PRODUCTS, TRACK, USER
from recsys_tasks.delivery.sink import Sink
from recsys_tasks.delivery.tables import Rows
from recsys_tasks.demo.embedded_postgres import ACCOUNT_WHEN_ROOT

SCHEMA = PRODUCTS[DISCOVER].schema({USER: pa.int64(), TRACK: pa.int64()})


def table(n, first=0):
    """One place for each of n listeners."""
    numbers = np.arange(first, first + n)
    columns = {"user_id": numbers, "rank": np.ones(n), "track_id": numbers * 7, "score": numbers / 3}
    columns |= {"reason": numbers * 11, "release": np.ones(n)}
    return pa.table({name: pa.array(values) for name, values in columns.items()}).cast(SCHEMA)


class TestFiles:
    def test_a_new_file_begins_after_so_many_listeners(self, tmp_path):
        """Rows go on in their order, from file to file."""
        with ProductFiles(str(tmp_path), DISCOVER, SCHEMA, most=2_000) as files:
            for first in range(0, 5_000, 1_000):
                files.write(table(1_000, first), 1_000)
        assert files.names == [f"discover-{n:03}.parquet" for n in (1, 2, 3)]
        found = [pq.read_table(tmp_path / name)["user_id"].to_pylist() for name in files.names]
        assert [len(each) for each in found] == [2_000, 2_000, 1_000]
        assert list(chain(*found)) == list(range(5_000))

    def test_a_disk_that_takes_no_more_is_said(self, tmp_path):
        """In words of ours, which the task's alert repeats."""
        rows = table(100_000)

        def write():
            with largest_file(10_000), ProductFiles(str(tmp_path), DISCOVER, SCHEMA) as files:
                files.write(rows, len(rows))

        with pytest.raises(StorageError, match="Make room"):
            write()


class TestArrays:
    def test_lists_lie_at_their_places(self, tmp_path):
        """Of five listeners two got a list: there are five rows, of which the others say that there is none."""
        lists = np.arange(6, dtype=np.int32).reshape(2, 3)
        with ListArrays(str(tmp_path), DISCOVER, 5, 3) as arrays:
            arrays.write(np.array([1]), lists[:1], lists[:1] / 4, lists[:1] + 1)
            arrays.write(np.array([3]), lists[1:], lists[1:] / 4, lists[1:] + 1)
        cols, scores, reasons = (np.load(tmp_path / name) for name in arrays.names)
        assert cols.tolist() == [[-1] * 3, [0, 1, 2], [-1] * 3, [3, 4, 5], [-1] * 3]
        assert (scores[[1, 3]] == lists / 4).all()
        assert (reasons[[1, 3]] == lists + 1).all()
        assert np.isneginf(scores[[0, 2, 4]]).all()

    def test_a_disk_that_takes_no_more_is_said(self, tmp_path):
        """A file that is mapped for writing would end the process instead."""
        lists = np.zeros((10_000, 3), np.int32)

        def write():
            with largest_file(10_000), ListArrays(str(tmp_path), DISCOVER, 10_000, 3) as arrays:
                arrays.write(np.arange(10_000), lists, lists)

        with pytest.raises(StorageError, match="Make room"):
            write()


@contextmanager
def small_disk(megabytes):
    """A file system of the server's account."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    folder = tempfile.mkdtemp(prefix="recsys-sink-")
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", folder]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no file system may be mounted here")
        try:
            os.chown(folder, pwd.getpwnam(ACCOUNT_WHEN_ROOT).pw_uid, -1)
            yield folder
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_sink_without_room_keeps_what_it_has(source_dsn):
    """The table of before stays, and the message says that room is short."""

    def load(number, n):
        rows, marker = table(n), Marker("store", number, number, f"digest {number}", "", "2026-01-16T00:00:00+00:00")
        Sink(source_dsn, "public").load({DISCOVER: Rows(SCHEMA, rows.to_batches, n)}, marker, lambda _said: None)

    load(1, 10)
    with small_disk(2) as folder:
        name = source_dsn.split("?")[0].rpartition("/")[2]
        execute(source_dsn, f"CREATE TABLESPACE small LOCATION '{folder}'")
        try:
            execute(source_dsn, f"ALTER DATABASE {name} SET default_tablespace = small")
            with pytest.raises(SinkUnavailable, match="has no room left"):
                load(2, 100_000)
            assert fetch(source_dsn, "SELECT count(*) FROM discover") == [(10,)]
        finally:
            execute(source_dsn, "DROP TABLESPACE small")
