"""The command ``tune``: choose the parameters of ALS on your own plays."""

import os
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from scipy import sparse

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.arguments import workplace_of
from recsys_tasks.cli.tune_components import components_of_counts, components_of_days
from recsys_tasks.cli.tune_toml import write
from recsys_tasks.cli.tune_words import CHOSEN, as_data, as_text, changes, progress_line
from recsys_tasks.core.config import AlsConfig, Config, load_config
from recsys_tasks.core.domain import Day, Vocabulary, parse_day
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.evaluation.tuning import Watch, tune
from recsys_tasks.evaluation.tuning_grid import FACTORS
from recsys_tasks.evaluation.tuning_results import Tuned
from recsys_tasks.evaluation.tuning_split import TuningSplit, split_random
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.tuning import time_split

DESCRIPTION = """Search weight, a, lambda and factors on hidden plays: from coarse to fine, following a winner beyond
the grid (a and lambda up to 400), then with longer vectors as long as these help. Half of the listeners choose,
by nDCG; on the other half the winner is reported, beside today's settings and the popular tracks.

  tune --split time --date 2026-11-22 --days 3 --write
      train on your days before 20 Nov, hide the discoveries of 20 to 22 Nov, write the winner into RECSYS_CONFIG
  tune --split random --file user_artists.dat --user userID --track artistID --plays weight
      undated play counts (TSV or CSV with a header): hide a fifth of them
  tune --date 2026-11-22 --factors 40 64 --minutes 30
      no longer vectors than 64, and the best of what half an hour allows
  tune --components --date 2026-11-22 --days 3
      with ALS as it is set: which of recent, neighbours and content are worth their place beside it, with which
      settings, joined by weights or by trees; a table of what each of them gains, and the lines for the configuration
"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: ArgumentParser = commands.add_parser(
        "tune",
        help="choose weight, a, lambda and factors; or the components",
        description=DESCRIPTION,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--split", choices=("time", "random"), default="time", help="what is hidden (time)")
    parser.add_argument("--date", help="time: last date to use")
    parser.add_argument("--days", type=int, default=1, help="time: so many last days are scored (1)")
    parser.add_argument("--allow-empty-day", action="store_true", help="time: a date without streams is an empty one")
    parser.add_argument("--file", type=Path, help="random: file of undated play counts")
    for name in ("user", "track", "plays"):
        parser.add_argument(
            f"--{name}",
            dest=f"{name}_column",
            default=name,
            help=f"random: column of the {name} ({name}{'; empty: each line is one' if name == 'plays' else ''})",
        )
    parser.add_argument("--delimiter", default="\t", help="random: between columns (tab)")
    parser.add_argument(
        "--factors",
        type=int,
        nargs="+",
        default=list(FACTORS),
        help=f"lengths of a vector to try ({' '.join(map(str, FACTORS))})",
    )
    parser.add_argument(
        "--components", action="store_true", help="choose the components beside ALS, whose settings stay"
    )
    parser.add_argument("-k", type=int, default=10, help="length of the list (10)")
    parser.add_argument("--minutes", type=float, default=inf, help="stop after so long with the best so far (no limit)")
    parser.add_argument("--write", action="store_true", help="write the winner into the TOML file of RECSYS_CONFIG")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(handler=_tune)


def _tune(args: Namespace) -> Answer:
    if args.write and (args.config is None or not os.access(args.config.parent, os.W_OK)):
        raise ConfigError("--write needs RECSYS_CONFIG, a TOML file in a directory that may be written to.")
    config = load_config(args.config) if args.config else None
    current = config.als if config else AlsConfig()
    if args.components:
        return _components(args, config, current)
    split = _random_split(args, current) if args.split == "random" else _time_split(args)
    watch = Watch(time.monotonic, 60 * args.minutes, lambda progress: args.tell(progress_line(progress, args.k)))
    lengths = _lengths(args)
    tuned = tune(split, current, lengths, args.k, watch)
    answer = Answer(as_data(tuned), as_text(tuned, args.k, lengths))
    return _written(args, answer, current, tuned) if args.write else answer


def _components(args: Namespace, config: Config | None, als: AlsConfig) -> Answer:
    if args.split == "random":
        return components_of_counts(args, _random_split(args, als), config, als)
    return components_of_days(args, *_last_date(args))


def _lengths(args: Namespace) -> list[int]:
    """The lengths of a vector to try."""
    most = next(each.le for each in AlsConfig.model_fields["factors"].metadata if hasattr(each, "le"))
    if not all(1 <= n <= most for n in args.factors):
        raise ConfigError(f"--factors takes lengths from 1 to {most}.")
    return list(args.factors)


def _written(args: Namespace, answer: Answer, before: AlsConfig, tuned: Tuned) -> Answer:
    """The answer, once the winner stands in the configuration, with what changed there."""
    winner, changed = tuned.winner, changes(before, tuned.winner)
    if changed and tuned.reported.over_current.ndcg.difference <= 0:
        return _unchanged(answer, "Nothing was written: to the other listeners today's settings are worth as much.")
    if not changed:
        return _unchanged(answer, f"Nothing to write: {args.config} has these settings already.")
    try:
        write(args.config, {"als": winner.model_dump(include=set(CHOSEN))})
    except OSError as error:
        return replace(answer, exit_code=1, warning=f"{args.config} was not written: {error.strerror}.")
    said = f"Written into {args.config}, [als]: {', '.join(changed)}.\nThe next run trains from a cold start."
    return replace(answer, data=answer.data | {"changed": changed}, text=f"{answer.text}\n\n{said}")


def _unchanged(answer: Answer, said: str) -> Answer:
    return replace(answer, data=answer.data | {"changed": []}, text=f"{answer.text}\n\n{said}")


def _last_date(args: Namespace) -> tuple[Workplace, Day]:
    """Where the days lie, and the last one to use."""
    if not args.date:
        raise ConfigError("--split time needs --date, the last date to use.")
    at: Workplace = workplace_of(args)
    last = parse_day(args.date)
    if not 1 <= args.days <= (last - at.config.source.history_start).days:
        raise ConfigError(f"--days {args.days} leaves no day to train on since history_start. Give fewer, at least 1.")
    return at, last


def _time_split(args: Namespace) -> TuningSplit:
    return time_split(*_last_date(args), args.days, args.allow_empty_day)


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
        names: the columns of user, track and plays; "" for plays: each line is one.
        delimiter: the character between columns.

    Raises:
        ConfigError: the file cannot be read, lacks a column, or plays are no whole numbers.
    """
    try:
        table = pa_csv.read_csv(file, parse_options=pa_csv.ParseOptions(delimiter=delimiter))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ConfigError(f"{file}: {str(error).splitlines()[0]}.") from None
    if lacking := [name for name in names if name and name not in table.column_names]:
        raise ConfigError(
            f"{file} has no column {' or '.join(lacking)}; it has {', '.join(table.column_names)}. Name its columns: "
            "--user, --track, --plays ('' where each line is one play), and what stands between them: --delimiter."
        )
    ids = [table.column(name).combine_chunks() for name in names[:2]]
    users, tracks = map(_vocabulary, ids)
    cells = (_plays(table, names[2], file), (users.rows_of(ids[0]), tracks.rows_of(ids[1])))
    return sparse.csr_matrix(cells, shape=(len(users), len(tracks))), users, tracks


def _plays(table: pa.Table, column: str, file: Path) -> npt.NDArray[np.uint32]:
    """The plays of each line. (n_rows,)

    Raises:
        ConfigError: they are no whole numbers.
    """
    if not column:
        return np.ones(len(table), np.uint32)
    try:
        return np.asarray(table.column(column).cast(pa.uint32()))
    except pa.ArrowException as error:
        raise ConfigError(
            f"{file}: {column} is to hold how often each track was played, whole numbers from 0 on: {error}. Where "
            "each line is one play, whatever it holds: --plays ''."
        ) from None


def _vocabulary(ids: pa.Array) -> Vocabulary:
    unique = pc.unique(ids)
    unique = unique.take(pc.sort_indices(unique))
    return Vocabulary(unique, np.zeros(len(unique), np.int32))
