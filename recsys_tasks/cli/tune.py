"""The command ``tune``: choose the parameters of ALS on your own plays."""

import os
import tomllib
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import tomlkit
from scipy import sparse

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.arguments import workplace_of
from recsys_tasks.core.config import AlsConfig, load_config, parse_config
from recsys_tasks.core.domain import Vocabulary, parse_day
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.formatting import count, decimal, fraction
from recsys_tasks.evaluation.tuning import Tuned, TuningSplit, settings, split_random, split_time, tune
from recsys_tasks.matrix.play_matrix import empty_matrix, fold
from recsys_tasks.reporting.terminal_tables import as_table
from recsys_tasks.steps import Workplace, extract_streams
from recsys_tasks.steps.matrix import chain_of

DESCRIPTION = """Try weights, a and lambda on hidden plays, and report the winner on users not used to choose it.

  tune --split time --date 2026-11-22 --days 3 --write
      train on your days before 20 Nov, hide the discoveries of 20 to 22 Nov, write the winner into RECSYS_CONFIG
  tune --split random --file user_artists.dat --user userID --track artistID --plays weight
      undated play counts (TSV or CSV with a header): hide a fifth of them
"""
COLUMNS = {"weight": "weight", "a": "a", "regularization": "lambda", "factors": "factors", "precision": "p@k"}
SHOWN = 8


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: ArgumentParser = commands.add_parser(
        "tune", help="choose weight, a, lambda", description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", choices=("time", "random"), default="time", help="what is hidden (time)")
    parser.add_argument("--date", help="time: last date to use")
    parser.add_argument("--days", type=int, default=1, help="time: so many last days are scored (1)")
    parser.add_argument("--file", type=Path, help="random: file of undated play counts")
    for name in ("user", "track", "plays"):
        parser.add_argument(f"--{name}", dest=f"{name}_column", default=name, help=f"random: column of the {name}")
    parser.add_argument("--delimiter", default="\t", help="random: between columns (tab)")
    parser.add_argument("--factors", type=int, nargs="+", default=[40], help="lengths of a vector to try (40)")
    parser.add_argument("-k", type=int, default=10, help="length of the list (10)")
    parser.add_argument("--write", action="store_true", help="write the winner into the TOML file of RECSYS_CONFIG")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(handler=_tune)


def _tune(args: Namespace) -> Answer:
    if args.write and (args.config is None or not os.access(args.config.parent, os.W_OK)):
        raise ConfigError("--write needs RECSYS_CONFIG, a TOML file in a directory that may be written to.")
    base = load_config(args.config).als if args.config else AlsConfig()
    split = _random_split(args, base) if args.split == "random" else _time_split(args)
    tuned = tune(split, settings(base, args.factors), args.k, args.tell)
    answer = Answer(_data(tuned), _text(tuned, args.k))
    if args.write:
        try:
            _write(args.config, tuned.winner)
        except OSError as error:
            return replace(answer, exit_code=1, warning=f"{args.config} was not written: {error.strerror}.")
    return answer


def _time_split(args: Namespace) -> TuningSplit:
    if not args.date:
        raise ConfigError("--split time needs --date, the last date to use.")
    at: Workplace = workplace_of(args)
    last = parse_day(args.date)
    if not 1 <= args.days <= (last - at.config.source.history_start).days:
        raise ConfigError(f"--days {args.days} leaves no day to train on since history_start. Give fewer, at least 1.")
    extract_streams(at, last)
    chain = chain_of(at, last)
    first = at.partitions.load(*chain[0])
    before = empty_matrix(first.user_ids.type, first.track_ids.type)
    for day, digest in chain[: -args.days]:
        before = fold(before, day, at.partitions.load(day, digest), digest)
    return split_time(before, [(day, at.partitions.load(day, digest)) for day, digest in chain[-args.days :]])


def _write(path: Path, winner: AlsConfig) -> None:
    """Set the winner's values in the TOML file; it stays as it was unless the result is sound."""
    text = with_als(path.read_text(encoding="utf-8"), winner)
    parse_config(tomllib.loads(text), str(path))
    staged = path.with_name(f".{path.name}.new")
    staged.write_text(text, encoding="utf-8")
    staged.chmod(path.stat().st_mode)
    staged.replace(path)


def with_als(text: str, winner: AlsConfig) -> str:
    """The text of a TOML file with the winner's values in its table [als]; all else, comments too, stays as it was."""
    document = tomlkit.parse(text)
    table = document.setdefault("als", tomlkit.table())
    table.update(winner.model_dump(include={"factors", "weight", "a", "regularization"}))
    return tomlkit.dumps(document)


def _random_split(args: Namespace, base: AlsConfig) -> TuningSplit:
    if args.file is None:
        raise ConfigError("--split random needs --file, a TSV or CSV of user, track and plays with a header.")
    names = (args.user_column, args.track_column, args.plays_column)
    return split_random(*read_play_counts(args.file, names, args.delimiter), base.seed)


def read_play_counts(
    file: Path, names: tuple[str, str, str], delimiter: str
) -> tuple[sparse.csr_matrix, Vocabulary, Vocabulary]:
    """Undated play counts: a matrix (n_users, n_tracks) uint32, its users and its tracks, each in order of their ids.

    Args:
        file: TSV or CSV with a header; a user and a track that stand in several lines have the sum of their plays.
        names: the columns of user, track and plays.
        delimiter: the character between columns.

    Raises:
        ConfigError: the file cannot be read, lacks a column, or plays are no whole numbers.
    """
    try:
        table = pa_csv.read_csv(file, parse_options=pa_csv.ParseOptions(delimiter=delimiter))
        columns = [table.column(name).combine_chunks() for name in names]
        plays = np.asarray(columns[2].cast(pa.uint32()))
    except (OSError, ValueError, pa.ArrowException, KeyError) as error:
        raise ConfigError(f"{file}: {str(error).splitlines()[0]}. Name its columns and delimiter.") from None
    users, tracks = (_vocabulary(ids) for ids in columns[:2])
    rows, cols = users.rows_of(columns[0]), tracks.rows_of(columns[1])
    return sparse.csr_matrix((plays, (rows, cols)), shape=(len(users), len(tracks))), users, tracks


def _vocabulary(ids: pa.Array) -> Vocabulary:
    unique = pc.unique(ids)
    unique = unique.take(pc.sort_indices(unique))
    return Vocabulary(unique, np.zeros(len(unique), np.int32))


def _rows(tuned: Tuned) -> list[dict[str, Any]]:
    return [trial.config.model_dump() | {"precision": trial.precision} for trial in tuned.trials]


def _data(tuned: Tuned) -> dict[str, Any]:
    reported = {"precision": tuned.reported, "popularity": tuned.reported_popularity, "users": tuned.users}
    return {"winner": tuned.winner.model_dump(), "reported": reported, "trials": _rows(tuned)}


def _text(tuned: Tuned, k: int) -> str:
    times = tuned.reported / tuned.reported_popularity if tuned.reported_popularity else float("inf")
    said = (
        f"On {count(tuned.users)} other users the winner scores precision@{k} {fraction(tuned.reported)}, "
        f"the popular tracks {fraction(tuned.reported_popularity)}: {decimal(times, 1)} times as much."
    )
    return f"{as_table(_rows(tuned)[:SHOWN], COLUMNS)}\n(the best {SHOWN} of {len(tuned.trials)})\n\n{said}"
