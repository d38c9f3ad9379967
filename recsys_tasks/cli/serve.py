"""The command ``serve``: answers over HTTP until it is told to end."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.arguments import number_of
from recsys_tasks.core.config import load_table
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.sections import Section
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.storage.stores import store_at

TABLES: dict[str, type[Section]] = {"serve": ServeConfig, "products": ProductsConfig}
"""Tables of the configuration that the service reads: it needs no address of a source."""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    text = "answer over HTTP from the live release, and follow it"
    command: ArgumentParser = commands.add_parser("serve", help=text, description=text)
    command.add_argument("--host", help="address to listen on ([serve] host, 127.0.0.1)")
    command.add_argument(
        "--port", type=number_of("a port", 0), help="port; 0: a free one, which the first line of the log names"
    )
    command.add_argument("--tokens", dest="tokens_file", metavar="FILE", help="file of bearer tokens: NAME TOKEN")
    command.set_defaults(handler=_serve)


def _serve(args: Namespace) -> Answer:
    try:
        from recsys_tasks.serving.http.server import serve
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed. Install the service: pip install '.[serve]'.") from None
    found = {name: _table(args.config, name, table) for name, table in TABLES.items()}
    given = {name: getattr(args, name) for name in ("host", "port", "tokens_file") if getattr(args, name) is not None}
    serve(store_at(args.root), found["serve"].model_copy(update=given), found["products"])
    return Answer({}, "Ended.")


def _table(path: Path | None, name: str, table: type[Section]) -> Any:
    return load_table(path, name, table) if path else table()
