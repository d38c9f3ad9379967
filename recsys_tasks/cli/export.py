"""The command that writes everybody's lists into a file of one's own."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.products import LISTS, PLAIN, RELEASE_NUMBER, add_filters, allowed_by, opened_release
from recsys_tasks.core.domain import IntArray
from recsys_tasks.core.formatting import count
from recsys_tasks.delivery.products import DISCOVER, PRODUCTS, TRACK, USER
from recsys_tasks.delivery.rows import list_rows
from recsys_tasks.products.lists import Lists
from recsys_tasks.serving.asked import lists_of
from recsys_tasks.serving.opened import Opened

USERS_AT_ONCE = 50_000
"""Listeners between two lines of progress; their lists are in memory together, about 30 MB at 30 tracks."""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    text = "everybody's lists as a Parquet file: user_id, rank, track_id, score, reason, release"
    export: ArgumentParser = commands.add_parser("export", help=text, description=text)
    export.add_argument("list", choices=[name for name in LISTS if name != PLAIN], help="which list")
    export.add_argument("file", type=Path, metavar="FILE", help="Parquet file; one of this name is replaced at the end")
    export.add_argument("-k", type=int, help="length of the lists; default: that of [products]")
    export.add_argument("--release", type=RELEASE_NUMBER, help="of this release instead of the live one")
    export.add_argument("--json", action="store_true", help="the answer as JSON")
    add_filters(export)
    export.set_defaults(handler=_export)


def _export(args: Namespace) -> Answer:
    opened = opened_release(args)
    allowed = allowed_by(args, opened)
    rows = opened.bundle.users.order  # so that the file is sorted by listener

    def lists(some: IntArray) -> Lists:
        return lists_of(opened.products, args.list, some, args.k, allowed)

    written = _write(args, opened, np.asarray(rows), lists)
    data = {"release": opened.entry.release, "file": str(args.file), "listeners": len(rows), "rows": written}
    return Answer(
        data, f"{args.file}: {count(written)} rows for {count(len(rows))} listeners, release {data['release']}."
    )


def _write(args: Namespace, opened: Opened, rows: IntArray, lists: Callable[[IntArray], Lists]) -> int:
    """Write the file under another name, give it its own once it is whole; number of rows."""
    users, tracks = opened.bundle.users.ids, opened.bundle.gated.tracks.ids
    schema = PRODUCTS[DISCOVER].schema({USER: users.type, TRACK: tracks.type})
    part, written = args.file.with_name(f".{args.file.name}.part"), 0
    try:
        with pq.ParquetWriter(part, schema) as writer:
            for start in range(0, len(rows), USERS_AT_ONCE):
                found = lists(rows[start : start + USERS_AT_ONCE])
                owners = {"user_id": users.take(pa.array(found.user_rows))}
                named = {"track_id": (tracks, found.cols), "reason": (tracks, found.reasons)}
                table = list_rows(schema, owners, named, found.scores, opened.entry.release)
                writer.write_table(table)
                written += len(table)
                args.tell(f"{count(min(start + USERS_AT_ONCE, len(rows)))} of {count(len(rows))} listeners")
        os.replace(part, args.file)
    finally:
        part.unlink(missing_ok=True)
    return written
