"""The proposed configuration as a TOML that a person reads: what was found, and what a service of its own decides."""

import tomllib
from datetime import date
from typing import Any

import tomlkit

from recsys_tasks.core.config import Config, parse_config
from recsys_tasks.core.domain import Day
from recsys_tasks.setup.proposal import Proposal

WIDTH = 36
"""Characters of a setting before its comment."""
COMMENTS = {
    "streams_table": "table or view of the streams",
    "user_id": "who listened",
    "track_id": "what",
    "streamed_at": "when, a timestamp with time zone",
    "history_start": "first UTC date; the first run extracts every date since then",
    "min_ms_played": "shorter streams do not qualify",
    "table": "table or view of the tracks",
}
WITHOUT = {
    "event_id": "no such column: rows with equal user, track and instant are duplicates",
    "ms_played": "no such column: every stream is long enough",
    "private_session": "no such column: every stream counts",
}
HEAD = """\
# Written by `recsys init` on {day}. recsys.toml in the project lists every field there is, with its default; what is
# not in here is at its default. The source's address is never in here: RECSYS_SOURCE_DSN, or the Airflow connection.
"""
TAIL = """
# [als] is at its defaults until `recsys tune --split time --date D --write` has chosen them on your own days.

# Nobody is told of a HOLD, a BLOCK or a failure until connections of Airflow are named: smtp, slackwebhook, http or
# apprise.
# [alert]
# connections = ["ops_mail"]
# mail_to = ["ops@example.com"]      # receivers of the smtp connections
"""


def toml_text(proposal: Proposal, day: Day) -> str:
    """The whole file; what it says is read back and compared before it is given.

    Args:
        proposal: one without a problem.
        day: today, for the first line.

    Raises:
        ConfigError: a correction is out of its field's bounds.
    """
    config = proposal.config()
    tables = [_table(name, _settings(config, name, set(values))) for name, values in proposal.values.items()]
    text = "\n".join([HEAD.format(day=day), *tables]) + TAIL
    assert parse_config(tomllib.loads(text)) == config  # noqa: S101 - what is written is what was checked
    return text


def _settings(config: Config, name: str, fields: set[str]) -> dict[str, Any]:
    """The fields of a table in the order of recsys.toml; TOML has no null, so an empty name says that there is none."""
    table = getattr(config, name)
    chosen = fields | ({"min_ms_played"} if name == "source" and table.ms_played else set())
    values = {field: getattr(table, field) for field in type(table).model_fields if field in chosen}
    return {field: "" if value is None else value for field, value in values.items()}


def _table(name: str, settings: dict[str, Any]) -> str:
    return "\n".join([f"[{name}]", *(_line(field, value) for field, value in settings.items())]) + "\n"


def _line(field: str, value: Any) -> str:
    written = str(value) if isinstance(value, date) else tomlkit.item(value).as_string()
    comment = COMMENTS.get(field, "") if value != "" else WITHOUT.get(field, "no such column")
    return f"{field} = {written}".ljust(WIDTH) + f" # {comment}" if comment else f"{field} = {written}"
