"""Send one alert through every configured channel, with Airflow's own hooks and connections.

The hooks are imported where they are used: every task of the DAG imports this file, and hardly any sends an alert.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowSkipException

from recsys_tasks.alerts import Alert
from recsys_tasks.config import AlertConfig, load_config
from recsys_tasks.errors import ConfigError

if TYPE_CHECKING:
    from recsys_tasks.store import Store

TIMEOUT_S = 10
log = logging.getLogger(__name__)


def send(alert: Alert, store: "Store") -> list[str]:
    """Send to each connection of ``[alert] connections`` that has not had this alert yet; those that took it now.

    A channel that refuses keeps no other from its alert, and one that took it gets no second: what was delivered is kept
    under ``alerts/<key>/`` in the store.

    Raises:
        AirflowSkipException: no connection is configured.
        AlertRefused: a channel refused; the task is retried.
    """
    from recsys_tasks.files import link_new

    config = load_config(Path(os.environ["RECSYS_CONFIG"])).alert
    if not config.connections:
        log.warning("Nobody is told: [alert] connections names no connection. %s\n%s", alert.subject, alert.text)
        raise AirflowSkipException("no alert connection is configured")
    refused, took = [], []
    for connection in config.connections:
        ledger = store.root / "alerts" / alert.key / connection
        if ledger.exists():
            continue
        try:
            _send_to(connection, alert, config)
        except Exception as error:  # its text may hold the address, and that a token
            refused.append(f"{connection} ({type(error).__name__})")
        else:
            link_new(store.root, ledger, alert.subject.encode())
            took.append(connection)
    if refused:
        raise AlertRefused(f"Not delivered to {', '.join(refused)}. Look at these connections; the task is retried.")
    return took


class AlertRefused(Exception):
    """A channel did not take an alert."""


def send_for_failed_task(context: Any) -> None:
    """``on_failure_callback``: alert that a task failed for good."""
    from recsys_tasks.workplaces import store_at

    task = context["task_instance"]
    reason = f"{type(context.get('exception')).__name__}: {context.get('exception')}"
    alert = Alert.of_failure(context["dag_run"].run_id, task.task_id, reason, task.log_url)
    send(alert, store_at(Path(os.environ["RECSYS_ROOT"])))


def _send_to(connection: str, alert: Alert, config: AlertConfig) -> None:
    senders = {"smtp": _mail, "http": _post}
    kind = BaseHook.get_connection(connection).conn_type
    if kind not in senders:
        raise ConfigError(f"Connection {connection} is of type {kind!r}; an alert needs smtp or http.")
    senders[kind](connection, alert, config)


def _mail(connection: str, alert: Alert, config: AlertConfig) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    if not config.mail_to:
        raise ConfigError("[alert] mail_to names nobody.")
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
    path = BaseHook.get_connection(connection).password or ""  # a webhook's path is its secret; Airflow masks passwords
    HttpHook(method="POST", http_conn_id=connection).run(endpoint=path, json=alert.payload, extra_options=options)
