"""Send one alert through every configured channel, with Airflow's own hooks and connections.

The hooks are imported where they are used: every task of the DAG imports this file, and hardly any sends an alert.
"""

import os
from pathlib import Path
from typing import Any

from airflow.sdk import BaseHook

from recsys_tasks.alerts import Alert
from recsys_tasks.config import AlertConfig, load_config
from recsys_tasks.errors import ConfigError

TIMEOUT_S = 10


def send(alert: Alert) -> list[str]:
    """Send to each connection of ``[alert] connections``; the connections that took it.

    Raises:
        ConfigError: a connection is neither smtp nor http.
        Exception: a channel refused; the task is retried.
    """
    config = load_config(Path(os.environ["RECSYS_CONFIG"])).alert
    senders = {"smtp": _mail, "http": _post}
    for connection in config.connections:
        kind = BaseHook.get_connection(connection).conn_type
        if kind not in senders:
            raise ConfigError(f"Connection {connection} is of type {kind!r}; an alert needs smtp or http.")
        senders[kind](connection, alert, config)
    return list(config.connections)


def send_for_failed_task(context: Any) -> None:
    """``on_failure_callback``: alert that a task failed for good."""
    task = context["task_instance"]
    reason = f"{type(context.get('exception')).__name__}: {context.get('exception')}"
    send(Alert.of_failure(context["dag_run"].run_id, task.task_id, reason, task.log_url))


def _mail(connection: str, alert: Alert, config: AlertConfig) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=connection) as hook:
        hook.send_email_smtp(
            to=list(config.mail_to),
            subject=alert.subject,
            html_content=alert.html,
            custom_headers={"Message-ID": f"<{alert.key}@recsys>"},
        )


def _post(connection: str, alert: Alert, _config: AlertConfig) -> None:
    from airflow.providers.http.hooks.http import HttpHook

    options = {"timeout": TIMEOUT_S, "allow_redirects": False, "check_response": True}
    HttpHook(method="POST", http_conn_id=connection).run(endpoint="", json=alert.payload, extra_options=options)
