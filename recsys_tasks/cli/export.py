"""The command that writes everybody's lists into a file of one's own."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.products import LISTS, PLAIN, RELEASE_NUMBER, add_filters, allowed_by, opened_release
from recsys_tasks.core.domain import IntArray
from recsys_tasks.core.formatting import count
from recsys_tasks.products.lists import Lists
from recsys_tasks.products.tables import list_schema, list_table
from recsys_tasks.release.bundle import Bundle
from recsys_tasks.serving.asked import lists_of

USERS_AT_ONCE = 50_000
"""Listeners between two lines of progress; their lists are in memory together, about 30 MB at 30 tracks."""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    text = "everybody's lists as a Parquet file: user_id, rank, track_id, score, reason"
    export: ArgumentParser = commands.add_parser("export", help=text, description=text)
    export.add_argument("list", choices=[name for name in LISTS if name != PLAIN], help="which list")
    export.add_argument("file", type=Path, metavar="FILE", help="Parquet file; one of this name is replaced at the end")
    export.add_argument("-k", type=int, help="length of the lists; default: that of [products]")
    export.add_argument("--release", type=RELEASE_NUMBER, help="of this release instead of the live one")
    export.add_argument("--json", action="store_true", help="the answer as JSON")
    add_filters(export)
    export.set_defaults(handler=_export)


def _export(args: Namespace) -> Answer:
    opened, day = opened_release(args), args.now().date()
    allowed = allowed_by(args, opened)
    rows = opened.bundle.users.order  # so that the file is sorted by listener
    written = _write(
        args, opened.bundle, rows, lambda some: lists_of(opened.products, args.list, some, args.k, allowed, day)
    )
    data = {"release": opened.entry.release, "file": str(args.file), "listeners": len(rows), "rows": written}
    return Answer(
        data, f"{args.file}: {count(written)} rows for {count(len(rows))} listeners, release {data['release']}."
    )


def _write(args: Namespace, bundle: Bundle, rows: IntArray, lists: Callable[[IntArray], Lists]) -> int:
    """Write the file under another name, give it its own once it is whole; number of rows."""
    part, written = args.file.with_name(f".{args.file.name}.part"), 0
    try:
        with pq.ParquetWriter(part, list_schema(bundle)) as writer:
            for start in range(0, len(rows), USERS_AT_ONCE):
                table = list_table(bundle, lists(np.asarray(rows[start : start + USERS_AT_ONCE])))
                writer.write_table(table)
                written += len(table)
                args.tell(f"{count(min(start + USERS_AT_ONCE, len(rows)))} of {count(len(rows))} listeners")
        os.replace(part, args.file)
    finally:
        part.unlink(missing_ok=True)
    return written
