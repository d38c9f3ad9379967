"""A workplace from what a command or a task knows: root, configuration and address."""

from collections.abc import Callable
from pathlib import Path

from recsys_tasks.core.config import load_config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.roots import Root
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.stores import store_at


def workplace(root: Root | None, config: Path | None, dsn: str | None, progress: Callable[[str], None]) -> Workplace:
    """Where the steps work.

    Raises:
        ConfigError: the root or the configuration is not named, or not sound.
    """
    if config is None:
        raise ConfigError("No configuration named: set RECSYS_CONFIG to your TOML file (recsys.toml is an example).")
    return Workplace(store_at(root), load_config(config), dsn, progress)
