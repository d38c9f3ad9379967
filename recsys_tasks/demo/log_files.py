"""Log files as batches of columns: CSV and other delimited text, compressed or not, and Parquet."""

import codecs
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.demo.tables import one_line

PARQUET_ROWS = 1 << 17
Batch = dict[str, pa.Array]


@dataclass(frozen=True)
class TextFormat:
    """How a text file is written, and in what pieces it is read. Files of other suffixes than .parquet are text."""

    delimiter: str | None = None
    """One character; without it a comma for .csv, else a tab."""
    encoding: str = "utf-8"
    """Any that Python knows."""
    quotes: bool | None = None
    """Whether double quotes enclose values; without it: yes, unless the delimiter is a tab."""
    block_bytes: int = 1 << 24
    """Bytes that are parsed at a time."""

    def __post_init__(self) -> None:
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise ConfigError(f"Delimiter {self.delimiter!r}: give one character, no quote and no line break.")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ConfigError(f"There is no encoding {self.encoding!r}. Name one like utf-8 or latin-1.") from None


def batches(path: Path, wanted: list[str], text: TextFormat, header: bool = True) -> Iterator[tuple[Batch, int]]:
    """Columns of a file, batch by batch, each with the line (Parquet: row) of its first row.

    Raises:
        ConfigError: the file cannot be read, or has no column of a name wanted.
        BadData: a row has too few or too many columns, or is not in the encoding.
    """
    line = 1 if path.suffix == ".parquet" or not header else 2
    try:
        reader = _parquet(path, wanted) if path.suffix == ".parquet" else _text(path, wanted, text, header)
        for batch in reader:
            yield {name: batch.column(name) for name in wanted}, line
            line += len(batch)
    except OSError as error:
        raise ConfigError(
            f"{path}: {os.strerror(error.errno) if error.errno else one_line(error)}. Name a file that can be read."
        ) from None
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise BadData(f"{path}: {one_line(error)}. Nothing was loaded: correct the file.") from None


def _parquet(path: Path, wanted: list[str]) -> Iterator[Any]:
    with pq.ParquetFile(path) as file:
        _check_columns(path, file.schema_arrow.names, wanted)
        yield from file.iter_batches(batch_size=PARQUET_ROWS, columns=wanted)


def _text(path: Path, wanted: list[str], text: TextFormat, header: bool) -> Iterator[Any]:
    """One thread, for it alone knows the number of a row that is too short or too long."""
    delimiter = text.delimiter or ("," if ".csv" in path.suffixes else "\t")
    quotes = text.quotes if text.quotes is not None else delimiter != "\t"
    read = pa_csv.ReadOptions(
        use_threads=False,
        block_size=text.block_bytes,
        encoding=text.encoding,
        column_names=None if header else wanted,
    )
    parse = pa_csv.ParseOptions(
        delimiter=delimiter, quote_char='"' if quotes else False, newlines_in_values=quotes, ignore_empty_lines=False
    )
    with pa_csv.open_csv(path, read_options=read, parse_options=parse) as file:
        _check_columns(path, file.schema.names, wanted)
    convert = pa_csv.ConvertOptions(column_types={name: pa.string() for name in wanted}, include_columns=wanted)
    with pa_csv.open_csv(path, read_options=read, parse_options=parse, convert_options=convert) as file:
        yield from file


def _check_columns(path: Path, found: list[str], wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ConfigError(f"{path} has no column {', '.join(missing)}. It has: {', '.join(found)}.")
