"""The command line: ``recsys COMMAND``. Every command teaches itself with --help."""

import argparse
import importlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.interrupts import INTERRUPTED, STOPPED
from recsys_tasks.cli.telling import answer, tell
from recsys_tasks.core.errors import ConfigError, RecsysError
from recsys_tasks.core.roots import root_of
from recsys_tasks.core.services import Service, service_called, services

DESCRIPTION = """The daily recommendation pipeline without Airflow.

  init                       write a configuration from what the source shows
  doctor                     what stands in the way of a run, and how to mend it
  run --date 2026-11-22      all steps of a day: extract, fold, train, index, evaluate, judge, publish
  gate --date D              the verdicts of a date again, from the stored figures; --judge-again by another policy
  report --date D            one HTML page: what the gate said of a date, and why
  status                     what is live, the judged days, the last verdict's reasons
  recommend USER             tracks for a listener, from the live release
  similar TRACK              tracks like a track
  related ARTIST             artists like an artist
  radio --track, --artist    tracks without an end, near to these
  serve                      answer over HTTP, with every list that there is
  export LIST FILE           everybody's lists as a Parquet file
  lineage N                  the way back from a release to the streams of each date
  deliver                    its products for everybody, into the store and the tables of RECSYS_SINK_DSN
  deliveries                 what was delivered when, to which places, with figures
  verify                     every file of the live release against its checksums
  store                      which store this is, and whose; --group NAME shares it, --private keeps it, copy moves it
  rollback N --by --why      an earlier release goes live again, and is pinned
  release DIGEST --by --why  a held candidate goes live on a named person's word
  pin, unpin --by --why      what is live stays live; is let go
  erase USER --by --why      a listener is forgotten; exclude a bot or a test account; readmit either
  erasures [REFERENCE]       who was to be forgotten, by when, and the evidence that nothing is left
  retention                  what nobody can need any more is removed; --dry-run lists it
  tune                       choose weight, a, lambda and factors on your own days
  world, load                make a synthetic music service, or load a real log, into Postgres
"""
EPILOG = """environment: RECSYS_ROOT the store's directory, or its address in an object store (s3://, gs://, az://),
RECSYS_CONFIG the TOML file, RECSYS_SOURCE_DSN the source's address (postgresql://...). RECSYS_CONFIG may be a folder of
TOML files, one for each service: then --service, or RECSYS_SERVICE, says which, RECSYS_ROOT holds a store for each, and
the address is RECSYS_SOURCE_DSN_<NAME>.
Exit code: 0 done, 1 refused with a reason, 2 wrong usage or configuration, 3 HOLD or BLOCK."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "init": ("init",),
    "doctor": ("doctor",),
    "pipeline": ("run", "status", "retention"),
    "gate": ("gate",),
    "report": ("report",),
    "lineage": ("lineage",),
    "products": ("recommend", "similar", "related", "radio"),
    "export": ("export",),
    "releases": ("verify", "rollback", "release", "pin", "unpin"),
    "delivering": ("deliver", "deliveries"),
    "erasures": ("erase", "exclude", "readmit", "erasures"),
    "store": ("store",),
    "serve": ("serve",),
    "tune": ("tune",),
    "demo": ("world", "load"),
}
"""Modules of commands, in the order in which they are listed. Those of the command that is given are imported alone: a
service is ready a second earlier without the steps of a day."""


def main(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one command; its exit code."""
    service = Service("", None, None)
    try:
        args = prepared(argv, environment)
        service = args.found
        found: Answer = args.handler(args)
    except RecsysError as error:
        tell(service.worded(f"{type(error).__name__}: {error}"))
        return 2 if isinstance(error, ConfigError) else 1
    except (OSError, pa.ArrowException) as error:
        tell(f"{type(error).__name__}: {str(error).splitlines()[0]}. Look at the file, its rights and the disk.")
        return 1
    except KeyboardInterrupt:
        tell(STOPPED)
        return INTERRUPTED
    text = json.dumps(found.data, indent=1, default=str) if getattr(args, "json", False) else service.worded(found.text)
    try:
        answer(text)
    except OSError as error:
        tell(f"It was done, but the answer cannot be written: {error.strerror}.")
        return 1
    if found.warning:
        tell(service.worded(found.warning))
    return found.exit_code


def prepared(argv: Sequence[str], environment: Mapping[str, str]) -> argparse.Namespace:
    """What the handler of a command is called with; ``found`` is the service that it is for.

    Raises:
        ConfigError: the store or the service cannot be told.
    """
    args = parser(environment, argv).parse_args(argv)
    args.root, args.found = root_of(args.root, environment), Service("", None, None)
    if not args.any_service:
        args.found = service = service_called(args.service, services(args.config, args.root, environment))
        args.root, args.config, args.dsn = service.root, service.config, environment.get(service.dsn_variable)
        args.sink = environment.get(service.sink_variable)
    args.now = lambda: datetime.now(UTC)
    args.tell = tell
    return args


def parser(environment: Mapping[str, str], argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """What understands the words of a command line.

    Args:
        environment: variables that name the store, the configuration and the source.
        argv: words among which a command may be: if there is one, no other module's commands are understood.
    """
    found = argparse.ArgumentParser(
        "recsys",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.set_defaults(
        root=environment.get("RECSYS_ROOT"),
        config=_path(environment.get("RECSYS_CONFIG")),
        dsn=environment.get("RECSYS_SOURCE_DSN"),
        environment=environment,
        user=environment.get("USER") or f"uid {os.getuid()}",
        any_service=False,
    )
    found.add_argument(
        "--service",
        default=environment.get("RECSYS_SERVICE", ""),
        metavar="NAME",
        help="which of several services the command is for; else RECSYS_SERVICE",
    )
    commands = found.add_subparsers(metavar="COMMAND", required=True)
    named = [group for group, names in GROUPS.items() if not {*names}.isdisjoint(argv)]
    for group in named or GROUPS:
        importlib.import_module(f"recsys_tasks.cli.{group}").register(commands)
    return found


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
