"""Values that a search found, set in a TOML file whose other lines and comments stay as they were."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import tomlkit

from recsys_tasks.core.config import parse_config

Values: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Table -> field -> value."""


def write(path: Path, values: Values) -> bool:
    """Set values in a configuration, unless it has them already; it stays as it was unless the result is sound.

    Returns:
        Whether it says something else now.

    Raises:
        ConfigError: the result would not be.
        OSError: it cannot be written.
    """
    before = path.read_text(encoding="utf-8")
    text = with_values(before, values)
    if parse_config(tomllib.loads(text), str(path)) == parse_config(tomllib.loads(before), str(path)):
        return False
    staged = path.with_name(f".{path.name}.new")
    staged.write_text(text, encoding="utf-8")
    staged.chmod(path.stat().st_mode)
    staged.replace(path)
    return True


def with_values(text: str, values: Values) -> str:
    """The text of a TOML file with these values; all else, comments too, stays as it was."""
    document = tomlkit.parse(text)
    for name, fields in values.items():
        document.setdefault(name, tomlkit.table()).update(fields)
    return tomlkit.dumps(document)
