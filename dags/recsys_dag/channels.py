"""Messages through Airflow connections, each in a process of its own: ``python -P channels.py < messages.json``.

A process of its own, because the libraries below Airflow's notifiers keep none of these promises by themselves:

- it ends after ``seconds``, also where a server sends one byte at a time, or where a name is not resolved;
- it takes no more memory than ``MEMORY``, however long an answer is;
- it follows no redirect, and speaks to no address where clouds keep the credentials of a machine (``addresses``);
- nothing that it or a library prints or logs leaves it: addresses, tokens and a server's answer stand in such lines.

What leaves is one line of JSON for each connection, as soon as it is known: its name, and ``TAKEN`` or why not. That is
host, port and what went wrong there, never the text of an exception. Which host and port were spoken to is heard from the
interpreter, when a library looks the name up: the fields of a connection hold secrets beside them.
"""

import json
import os
import re
import resource
import signal
import sys
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from email.mime.text import MIMEText
from importlib import import_module
from typing import Any

from recsys_tasks.alerting.addresses import refused_address
from recsys_tasks.alerting.refusals import IN_TIME, refusal

TAKEN = "taken"
CONNECTION = "recsys_channel"  # the name under which the one connection is known in here
MEMORY = 512 << 20  # bytes of data; Airflow itself takes about a quarter
PROVIDERS = {
    "smtp": "airflow.providers.smtp.hooks.smtp",
    "slackwebhook": "airflow.providers.slack.notifications.slack_webhook",
    "http": "airflow.providers.http.hooks.http",
    "apprise": "airflow.providers.apprise.hooks.apprise",
}
SPEAKING = ("socket.connect", "socket.sendto", "socket.sendmsg")
"""What the interpreter says of itself before a packet leaves for an address."""
HOST = re.compile(r"[\w.:%-]+")
Message = dict[str, Any]


class Refused(Exception):
    """The other side did not take the message; the text holds nothing that it or the connection said."""


def mail(message: Message) -> None:
    """By SMTP, as plain text and as HTML; the key is the Message-ID. The notifier knows HTML alone, so its hook is asked."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    class BothParts(SmtpHook):
        """Puts the plain text before the HTML: a reader of mail shows the last part that it can."""

        def _build_mime_message(self, *args: Any, **options: Any) -> Any:
            mail, receivers = super()._build_mime_message(*args, **options)
            mail.get_payload().insert(0, MIMEText(message["text"], "plain", "utf-8"))
            return mail, receivers

    if not message["mail_to"]:
        raise Refused("[alert] mail_to names nobody")
    if not message["connection"]["extra"].get("from_email"):
        raise Refused("it has no from_email")
    content = {"to": message["mail_to"], "subject": message["subject"], "html_content": message["html"]}
    headers = {"Message-ID": f"<{message['key']}@recsys>"}
    with BothParts(CONNECTION) as hook:
        hook.send_email_smtp(**content, mime_subtype="alternative", custom_headers=headers)


def slack(message: Message) -> None:
    """By an incoming webhook of Slack."""
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

    bounds = {"timeout": message["seconds"], "retry_handlers": []}  # a retry of its own would log the address
    SlackWebhookNotifier(slack_webhook_conn_id=CONNECTION, text=message["slack"], **bounds).notify({})


def post(message: Message) -> None:
    """By POST of a JSON body to any webhook. The notifier would take a redirect for a success, so its hook is asked."""
    from airflow.providers.http.hooks.http import HttpHook

    login, secret_path = message["connection"]["login"], message["connection"]["password"]
    bounds = {"timeout": message["seconds"], "allow_redirects": False, "check_response": False, "stream": True}
    answer = HttpHook(method="POST", http_conn_id=CONNECTION).run(
        # a webhook's path is its secret, and the password is the one field that Airflow hides
        endpoint="" if login else secret_path or "",
        json={  # Mattermost, Teams and their like show ``text`` alone
            "key": message["key"],
            "subject": message["subject"],
            "text": f"{message['subject']}\n{message['text']}",
        },
        extra_options=bounds,
    )
    if not 200 <= answer.status_code < 300:
        raise Refused(f"status {answer.status_code}")


def apprise(message: Message) -> None:
    """By the one service of an Apprise connection. The notifier would drop the answer, so its hook is asked."""
    from airflow.providers.apprise.hooks.apprise import AppriseHook
    from airflow.sdk import BaseHook
    from apprise import Apprise, NotifyFormat

    services = Apprise()
    AppriseHook(CONNECTION).set_config_from_conn(BaseHook.get_connection(CONNECTION), services)
    if len(services) != 1:  # one that refuses would have the others told again
        raise Refused(f"it names {len(services)} services; make one connection for each")
    services[0].redirects = False
    answers = _answers_by_http()
    if not services.notify(body=message["text"], title=message["subject"], body_format=NotifyFormat.TEXT):
        raise Refused(answers[-1] if answers else "the service did not take it")


def _answers_by_http() -> list[str]:
    """What came of each request from now on: Apprise writes it into its log alone."""
    from requests.adapters import HTTPAdapter

    answers: list[str] = []
    send = HTTPAdapter.send

    def watched(*args: Any, **options: Any) -> Any:
        try:
            answer = send(*args, **options)
        except Exception as error:
            answers.append(refusal(error))
            raise
        answers.append(f"status {answer.status_code}")
        return answer

    HTTPAdapter.send = watched  # type: ignore[method-assign]
    return answers


CHANNELS: dict[str, Callable[[Message], None]] = {"smtp": mail, "slackwebhook": slack, "http": post, "apprise": apprise}


def main() -> None:
    """Read the messages, send all of them at once, say how each went."""
    answers = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    messages = json.load(sys.stdin)
    _warm_up({message["connection"]["conn_type"] for message in messages})
    running = dict(map(_start, messages))
    while running:
        name, said = running.pop(os.wait()[0])
        os.write(answers, f"{json.dumps([name, _told(os.read(said, 1 << 16).decode())])}\n".encode())


def _told(said: str) -> str:
    """What the process of a message said: a line for each place that it looked up, and how it went in the end."""
    *places, answer = said.split("\n")
    if answer == TAKEN or not places:
        return answer or IN_TIME
    return f"{places[-1]}: {answer or IN_TIME}"


def _warm_up(kinds: set[str]) -> None:
    """Import, once for all, what would else be imported in the other sides' seconds."""
    os.environ["PYTHON_OPERATORS_VIRTUAL_ENV_MODE"] = "1"  # without the metadata database, whose address no task has
    os.environ["AIRFLOW__SECRETS__BACKEND"] = ""  # nobody else is asked for the connection
    for kind in kinds & set(PROVIDERS):
        with suppress(Exception):  # whoever needs it finds out again, and says so
            import_module(PROVIDERS[kind])
            import_module("airflow.sdk").BaseHook.get_connection(CONNECTION)
    if "apprise" in kinds:
        with suppress(Exception):
            import_module("apprise").Apprise.instantiate("json://localhost")  # it then loads all of its services


def _start(message: Message) -> tuple[int, tuple[str, int]]:
    """A process that sends a message: its number; the connection's name, and where to read how it went."""
    said, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(say, _sent(message, say).encode())
        finally:
            os._exit(0)  # whatever happens: this process must not go on as if it were the first one
    os.close(say)
    return pid, (message["name"], said)


def _sent(message: Message, say: int) -> str:
    kind = message["connection"]["conn_type"]
    if kind not in CHANNELS:
        return f"it is of type {kind}; an alert needs {', '.join(CHANNELS)}"
    os.environ[f"AIRFLOW_CONN_{CONNECTION.upper()}"] = json.dumps(_bounded(message))
    try:
        _guard(message["seconds"], say)
        CHANNELS[kind](message)
    except Refused as refused:
        return str(refused)
    except Exception as error:
        return refusal(error)
    return TAKEN


def _bounded(message: Message) -> dict[str, Any]:
    """The connection; one for mail with its own patience cut: by default it waits for six times half a minute."""
    connection: dict[str, Any] = message["connection"]
    if connection["conn_type"] != "smtp":
        return connection
    return connection | {"extra": connection["extra"] | {"timeout": message["seconds"], "retry_limit": 0}}


def _guard(seconds: int, say: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)  # nobody handles it: the process ends, whatever it waits for
    urllib.request.HTTPRedirectHandler.redirect_request = _no_redirect  # type: ignore[assignment,method-assign]
    sys.addaudithook(_no_refused_address)
    sys.addaudithook(lambda event, args: _say_place(say, *args[:2]) if event == "socket.getaddrinfo" else None)


def _no_redirect(*_: Any) -> None:
    """What urllib asks whether to follow: it then raises the redirect as an error."""


def _no_refused_address(event: str, args: tuple[Any, ...]) -> None:
    """Look at each address at the last moment, when it is spoken to: what a name meant earlier does not matter."""
    if event in SPEAKING and isinstance(args[1], tuple) and (why := refused_address(str(args[1][0]))):
        raise Refused(why)


def _say_place(say: int, host: Any, port: Any) -> None:
    """At once, not at the end: who waits for a server that never answers is killed."""
    name = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    if not HOST.fullmatch(name):  # a whole address that somebody wrote into the host's field, with what is secret in it
        name = "a host that is no name"
    os.write(say, f"{f'[{name}]' if ':' in name else name}:{port}\n".encode())


if __name__ == "__main__":
    main()
