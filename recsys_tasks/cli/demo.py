"""Commands that fill a source database: world make, world realism, load lastfm1k, load table."""

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, get_args

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.arguments import workplace_of
from recsys_tasks.cli.telling import tell
from recsys_tasks.core.domain import parse_day
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.formatting import count, decimal
from recsys_tasks.core.source import IdType
from recsys_tasks.demo.ceiling import days_with_ceiling
from recsys_tasks.demo.columns import TIME_FORMATS, Layout
from recsys_tasks.demo.loaders import Loaded, NamesFile, load_lastfm1k, load_table
from recsys_tasks.demo.log_files import TextFormat
from recsys_tasks.demo.world import PRESETS, WorldParams, build_world, holds_a_world, realism, save_truth, write_world
from recsys_tasks.demo.world.realism import BOUNDS, Realism
from recsys_tasks.reporting.overview import DAY_COLUMNS
from recsys_tasks.reporting.terminal_tables import as_table

MAKE = """Invent a music service and write it into Postgres: artists, albums, tracks, streams.

example:
  export RECSYS_SOURCE_DSN=postgresql://user@localhost/music
  recsys world make --preset demo --truth world.json

The same parameters and seed give the same rows. A given option overrides the preset's."""
REALISM = """Look at the streams in the source database: share of repeats, Gini of plays over tracks, share of the
most played 1%% of tracks, each with the bounds that real listening keeps.

example:
  recsys world realism"""
LASTFM_1K = """Load the listening log of the Last.fm-1K data set into the tables streams and tracks. Ids are text; a
track without one gets an id made of artist and title.

example:
  recsys load lastfm1k userid-timestamp-artid-artname-traid-traname.tsv"""
TABLE = """Load a log with named columns into the tables streams and tracks: CSV, TSV (also .gz), or Parquet. A row that
cannot be read refuses the whole file, with its line.

examples:
  recsys load table ratings.csv --user userId --track movieId --time timestamp \\
      --time-format seconds --user-id-type bigint --track-id-type bigint
  recsys load table plays.parquet --user listener --track song --time at --zone Europe/Berlin \\
      --names songs.csv --names-track id --names-title title --names-artist artist"""

CEILING = """The table of judged days, with the precision of an oracle that knows every listener's true taste.

example:
  recsys world ceiling --truth world.json"""

CEILING_COLUMNS = {"oracle": "oracle p@k", "times": "times popular"}


def register(subparsers: Any) -> None:
    """Add the commands to the parser."""
    world = subparsers.add_parser("world", help="make a synthetic music service, or look at how real a log is")
    world_commands = world.add_subparsers(metavar="COMMAND", required=True)
    make = _leaf(world_commands, "make", "invent a music service and write it into Postgres", MAKE, _make)
    make.set_defaults(any_service=True)
    _add_make(make)
    _leaf(world_commands, "realism", "how much the streams look like listening", REALISM, _realism)
    ceiling = _leaf(world_commands, "ceiling", "the judged days beside what an oracle would score", CEILING, _ceiling)
    ceiling.add_argument("--truth", type=Path, required=True, metavar="FILE", help="what `world make --truth` kept")
    load = subparsers.add_parser("load", help="load a real listening log into Postgres")
    load_commands = load.add_subparsers(metavar="COMMAND", required=True)
    lastfm = _leaf(load_commands, "lastfm1k", "the Last.fm-1K log", LASTFM_1K, _load_lastfm1k)
    table = _leaf(load_commands, "table", "a CSV, TSV or Parquet file with named columns", TABLE, _load_table)
    for parser in (lastfm, table):
        parser.set_defaults(any_service=True)
        parser.add_argument("file", type=Path, metavar="FILE", help="the log")
        _add_replace(parser)
    _add_columns(table)
    _add_names(table)


def _leaf(commands: Any, name: str, help_: str, text: str, handler: Callable[[Namespace], Answer]) -> ArgumentParser:
    parser: ArgumentParser = commands.add_parser(
        name, help=help_, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(handler=handler)
    return parser


def _add_replace(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--replace", action="store_true", help="drop the tables streams, tracks, albums and artists first"
    )


def _add_make(parser: ArgumentParser) -> None:
    parser.add_argument("--preset", choices=sorted(PRESETS), default="demo", help="sizes to start from (default: demo)")
    for name, kind, meaning in (
        ("users", int, "listeners"),
        ("tracks", int, "tracks out before the first day"),
        ("days", int, "days with streams"),
        ("start", parse_day, "first day, YYYY-MM-DD, UTC"),
        ("seed", int, "another seed, another world"),
        ("plays", float, "mean streams of a listener on a day that has any"),
        ("daily-releases", float, "tracks released each day, as a share of --tracks"),
    ):
        parser.add_argument(f"--{name}", type=kind, help=f"{meaning} (default: the preset's)")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="keep the parameters: the oracle needs them")
    parser.add_argument("--if-empty", action="store_true", help="do nothing where streams or tracks hold rows already")
    _add_replace(parser)


def _add_columns(parser: ArgumentParser) -> None:
    for name, what in (("user", "who listened"), ("track", "what was played"), ("time", "when")):
        parser.add_argument(f"--{name}", required=True, dest=f"{name}_column", metavar="COL", help=f"column: {what}")
    parser.add_argument("--ms-played", metavar="COL", help="column: milliseconds played (without: long enough)")
    parser.add_argument("--private", metavar="COL", help="column: true for a private session (without: none is)")
    parser.add_argument("--event", metavar="COL", help="column: the event's own id (without: user, track and time)")
    parser.add_argument("--time-format", choices=TIME_FORMATS, default="iso", help="default: iso (ISO-8601)")
    parser.add_argument("--zone", help="zone of times that name none, e.g. Europe/Berlin (without: refused)")
    for name in ("user", "track"):
        parser.add_argument(f"--{name}-id-type", choices=get_args(IdType), default="text", help="default: text")
    _add_text(parser, "")


def _add_names(parser: ArgumentParser) -> None:
    parser.add_argument("--names", type=Path, metavar="FILE", help="a file that gives tracks their names")
    for name, default in (("track", "track_id"), ("title", "title"), ("artist", None)):
        parser.add_argument(
            f"--names-{name}",
            metavar="COL",
            default=default,
            help=f"its column of the {name} (default: {default or 'none'})",
        )
    _add_text(parser, "names-")


def _add_text(parser: ArgumentParser, prefix: str) -> None:
    parser.add_argument(f"--{prefix}delimiter", metavar="CHAR", help="default: a comma for .csv, else a tab")
    parser.add_argument(f"--{prefix}encoding", default="utf-8", help="default: utf-8")


def _make(args: Namespace) -> Answer:
    dsn = _dsn(args)
    if args.if_empty and holds_a_world(dsn):
        return Answer({"written": {}}, "The tables streams and tracks hold rows already: nothing was done.")
    given = {field.name: getattr(args, field.name) for field in fields(WorldParams)}
    params = replace(PRESETS[args.preset], **{name: value for name, value in given.items() if value is not None})
    listeners = f"{count(params.users)} listeners"
    tell(f"A world of {listeners} and {params.days} days from {params.start}, seed {params.seed}")
    world = build_world(params)
    written = write_world(dsn, world, replace=args.replace, progress=tell)
    if args.truth is not None:
        save_truth(params, args.truth)
    figures = realism(dsn)
    text = (
        f"Wrote {count(written['streams'])} streams of {listeners} from {params.start} to {params.last_day}, and "
        f"{count(written['tracks'])} tracks.\n{_realism_text(figures)}"
    )
    return Answer({"params": asdict(params), "written": written, "realism": asdict(figures)}, text)


def _realism(args: Namespace) -> Answer:
    figures = realism(_dsn(args))
    return Answer(asdict(figures) | {"outside": figures.outside()}, _realism_text(figures))


def _realism_text(figures: Realism) -> str:
    """The figures beside their bounds, a line each."""
    names = {
        "repeats": "plays of a track the listener knew",
        "gini": "Gini of plays over tracks",
        "top_share": "plays of the most played 1% of tracks",
    }
    lines = [f"{count(figures.plays)} qualified plays of {count(figures.tracks)} tracks"]
    for name, (low, high) in BOUNDS.items():
        mark = "  <- outside" if name in figures.outside() else ""
        lines.append(f"  {names[name]:36} {decimal(getattr(figures, name), 3)}  (real logs: {low} to {high}){mark}")
    return "\n".join(lines)


def _ceiling(args: Namespace) -> Answer:
    days = days_with_ceiling(workplace_of(args), args.truth, args.now())
    shown = list(DAY_COLUMNS.items())
    return Answer({"days": days}, as_table(days, dict(shown[:4] + list(CEILING_COLUMNS.items()) + shown[4:])))


def _load_lastfm1k(args: Namespace) -> Answer:
    return _loaded(args, load_lastfm1k(_dsn(args), args.file, anew=args.replace, progress=tell))


def _load_table(args: Namespace) -> Answer:
    layout = Layout(
        user=args.user_column,
        track=args.track_column,
        time=args.time_column,
        ms_played=args.ms_played,
        private=args.private,
        event=args.event,
        user_id_type=args.user_id_type,
        track_id_type=args.track_id_type,
        time_format=args.time_format,
        zone=args.zone,
    )
    names = None
    if args.names is not None:
        text = TextFormat(args.names_delimiter, args.names_encoding)
        names = NamesFile(args.names, args.names_track, args.names_title, args.names_artist, text)
    text = TextFormat(args.delimiter, args.encoding)
    report = load_table(_dsn(args), args.file, layout, text=text, names=names, anew=args.replace, progress=tell)
    return _loaded(args, report)


def _loaded(args: Namespace, report: Loaded) -> Answer:
    span = f", from {report.first:%Y-%m-%d} to {report.last:%Y-%m-%d} (UTC)" if report.first and report.last else ""
    named = f"{count(report.named_tracks)} tracks have a name"
    text = f"Loaded {count(report.streams)} streams from {args.file}{span}; {named}."
    return Answer(asdict(report), text)


def _dsn(args: Namespace) -> str:
    if not args.dsn:
        raise ConfigError("No source database. Set RECSYS_SOURCE_DSN, such as postgresql://user@host:5432/music.")
    return str(args.dsn)
