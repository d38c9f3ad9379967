"""Sends alerts through connections of Airflow, in processes of their own (see channels.py)."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

import recsys_tasks
from recsys_dag.channels import TAKEN
from recsys_tasks.alerting.alerts import Alert
from recsys_tasks.core.formatting import in_one_line

if TYPE_CHECKING:
    from recsys_tasks.alerting.outbox import Send
    from recsys_tasks.core.policy import AlertConfig
    from recsys_tasks.core.services import Service

CHANNELS = Path(__file__).with_name("channels.py")
SECONDS = 10  # that the other side of a connection has, once we speak to it


def signed(alert: Alert, service: "Service") -> Alert:
    """An alert as it leaves: which service it is about stands in its subject, its key and the commands that it advises.

    A line break in a subject, or a character that no encoding has, would keep a mail from everybody for ever.
    """
    subject, lines = in_one_line(alert.subject), tuple(map(_encodable, alert.lines))
    if not service.name:
        return Alert(alert.key, subject, lines)
    return Alert(
        f"{alert.key}-{service.name}", f"{service.name}: {service.worded(subject)}", tuple(map(service.worded, lines))
    )


def _encodable(line: str) -> str:
    """A line in which the bytes of a name that is no text (a file's, say) stand as escapes."""
    return line.encode("utf-8", "backslashreplace").decode()


def sender(service: "Service", config: "AlertConfig", patience_s: int) -> "Send":
    """Sends an alert of a service through connections.

    Args:
        service: whose alerts these are.
        config: who gets mail.
        patience_s: seconds for all connections of an alert together, with the start of the process that speaks to them.
    """

    def send(alert: Alert, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        alert = signed(alert, service)
        content = {part: getattr(alert, part) for part in ("key", "subject", "text", "html", "slack")}
        content |= {"seconds": SECONDS, "mail_to": config.mail_to}
        messages = []
        for name in names:
            try:
                messages.append({"name": name, "connection": _connection(name), **content})
            except AirflowNotFoundException:
                yield name, "there is no connection of that name"
            except Exception as error:  # one that cannot be asked for must not keep the others from their alert
                yield name, type(error).__name__
        answers = dict.fromkeys((message["name"] for message in messages), f"no answer within {patience_s} s")
        for name, answer in _answers(json.dumps(messages), patience_s):
            del answers[name]
            yield name, "" if answer == TAKEN else answer
        yield from answers.items()

    return send


def _connection(name: str) -> dict[str, Any]:
    """A connection of Airflow as plain values."""
    connection = BaseHook.get_connection(name)
    parts = ("conn_type", "host", "login", "password", "schema", "port")
    return {part: getattr(connection, part) for part in parts} | {"extra": connection.extra_dejson}


def _answers(messages: str, patience_s: int) -> Iterator[tuple[str, str]]:
    """What the program says of each connection, as soon as it says it; its processes end when the patience does."""
    command, pipe = [sys.executable, "-P", str(CHANNELS)], subprocess.PIPE
    streams: dict[str, Any] = {"stdin": pipe, "stdout": pipe, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=_knowing_us(), text=True, start_new_session=True, **streams) as program:
        end = Timer(patience_s, os.killpg, (program.pid, signal.SIGKILL))
        end.start()
        try:
            assert program.stdin is not None  # noqa: S101 - a pipe, as the next one
            assert program.stdout is not None  # noqa: S101
            with program.stdin as to_it:
                to_it.write(messages)
            yield from map(json.loads, program.stdout)
        finally:
            end.cancel()


def _knowing_us() -> dict[str, str]:
    """The environment, in which another process finds the library where this one found it, behind all else."""
    ours = str(Path(recsys_tasks.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), ours]))}
