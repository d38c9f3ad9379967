"""The command ``init``: a configuration made from what the source shows."""

import os
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from datetime import timedelta
from pathlib import Path
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.sections import Section
from recsys_tasks.core.source import CatalogueConfig, SourceConfig
from recsys_tasks.setup.proposal import Corrections, Proposal, propose
from recsys_tasks.setup.toml_file import toml_text

DESCRIPTION = """Ask the source (RECSYS_SOURCE_DSN) for its tables, and write a configuration that it was held against.

  init                                        look at everything that this role may read
  init --streams music.plays                  these are the streams
  init --set source.user_id=member --set source.private_session=
                                              this column; no such column
  init --catalogue ""                         no table of the tracks

Nothing is written where the streams were not found, or two tables look equally like them. SELECT rights are enough.
"""

TABLES: dict[str, type[Section]] = {"source": SourceConfig, "catalogue": CatalogueConfig}


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: ArgumentParser = commands.add_parser(
        "init",
        help="write a configuration from what the source shows",
        description=DESCRIPTION,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("recsys.toml"), help="file to write (recsys.toml)")
    parser.add_argument("--replace", action="store_true", help="also if that file is there already")
    parser.add_argument("--streams", default="", metavar="TABLE", help="table or view of the streams, schema.name")
    parser.add_argument("--catalogue", metavar="TABLE", help='table or view of the tracks, schema.name; "": none')
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="TABLE.FIELD=VALUE",
        help="a field of [source] or [catalogue], such as source.user_id=member; empty: no such column",
    )
    parser.add_argument("--timeout", type=int, default=60, help="seconds that a question to the source may take (60)")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(handler=_init, any_service=True)


def _init(args: Namespace) -> Answer:
    if not args.dsn:
        raise ConfigError("No address of the source: set RECSYS_SOURCE_DSN, such as postgresql://reader:...@db/music.")
    was_there = args.out.exists()
    if was_there and not args.replace:
        raise ConfigError(f"{args.out} is there already. Name another file with --out, or say --replace.")
    today = args.now().date()
    proposal = propose(args.dsn, Corrections(args.streams, args.catalogue, _fields(args.set)), today, args.timeout)
    if proposal.problems:
        return Answer(_data(proposal, ""), _text(proposal, "Nothing was written."), exit_code=1)
    _write(args.out, toml_text(proposal, today))
    done = f"{args.out} was {'replaced' if was_there else 'written'}."
    return Answer(
        _data(proposal, str(args.out)),
        _text(proposal, f"{done}\n{_next(args.out, proposal.last_day or today - timedelta(1))}"),
    )


def _fields(settings: list[str]) -> dict[str, dict[str, Any]]:
    """Field -> value of each table, from ``table.field=value``.

    Raises:
        ConfigError: a setting has another form.
    """
    found: dict[str, dict[str, Any]] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        table, _, field = name.partition(".")
        if not equals or not field or table not in TABLES:
            raise ConfigError(f"--set {setting}: write it as source.FIELD=VALUE or catalogue.FIELD=VALUE.")
        known = TABLES[table].model_fields.get(field)
        found.setdefault(table, {})[field] = _number(value) if known and known.annotation is int else value
    return found


def _number(text: str) -> int | str:
    """A number as TOML has it; what is none stays as it is typed, to be refused."""
    try:
        return int(text)
    except ValueError:
        return text


def _write(path: Path, text: str) -> None:
    """Write the file whole or not at all."""
    staged = path.with_name(f".{path.name}.new")
    staged.write_text(text, encoding="utf-8")
    os.replace(staged, path)


def _data(proposal: Proposal, written: str) -> dict[str, Any]:
    sentences = {name: list(getattr(proposal, name)) for name in ("found", "missing", "problems")}
    config = proposal.config().model_dump(mode="json", include=set(proposal.values)) if written else {}
    return {"written": written, **sentences, "config": config}


def _text(proposal: Proposal, end: str) -> str:
    parts = {"Found": proposal.found, "Not found, or to be mended": proposal.missing, "To decide": proposal.problems}
    blocks = [f"{heading}\n" + "\n".join(_item(each) for each in said) for heading, said in parts.items() if said]
    return "\n\n".join([*blocks, end])


def _item(sentence: str) -> str:
    return "- " + sentence.replace("\n", "\n  ")


def _next(path: Path, day: Any) -> str:
    return (
        f"Read it, then:\n  export RECSYS_CONFIG={path.resolve()} RECSYS_ROOT=...\n  recsys doctor\n"
        f"  recsys tune --split time --date {day} --days 3 --write\n  recsys run --date {day}"
    )
