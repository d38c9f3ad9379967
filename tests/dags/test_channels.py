"""What leaves the house, as it arrives: every channel against real servers, well-behaved and not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sinks import apprise, free_port, mail_sink, silent_port, slack, smtp, web_sink, webhook

PROGRAM = Path(__file__).parents[2] / "dags" / "recsys_dag" / "channels.py"
PARTS = dict.fromkeys(("conn_type", "host", "login", "password", "schema", "port")) | {"extra": {}}
MESSAGE = {
    "key": "c0ffee",
    "subject": "HOLD: {{ 7 * 7 }} é",
    "text": "line one <b>\nline two {{ 7 * 7 }}",
    "slack": "HOLD &lt;!channel&gt;",
    "html": "<p>{{ 7 * 7 }} &lt;b&gt;</p>",
    "mail_to": ["ops@example.test", "owner@example.test"],
    "seconds": 30,
}
CUT = {"seconds": 2}
"""The time of those who never answer."""
CANARY = "canary-of-the-connection"


@pytest.fixture(scope="module")
def send(tmp_path_factory):
    """Run the program on connections: what it says of each."""
    home = tmp_path_factory.mktemp("airflow")
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "airflow-db-not-allowed:///",  # as in the process of a task
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
    }

    def run(connections, **more):
        messages = [
            MESSAGE | {"name": name, "connection": PARTS | each} | more.get(name, {})
            for name, each in connections.items()
        ]
        command = [sys.executable, "-P", str(PROGRAM)]
        done = subprocess.run(
            command, input=json.dumps(messages).encode(), capture_output=True, env=environment, timeout=100, check=True
        )
        assert done.stderr == b""
        answers = dict(json.loads(line) for line in done.stdout.splitlines())
        assert set(answers) == set(connections)
        return answers

    yield run
    left = [path.read_text(errors="replace") for path in home.rglob("*") if path.is_file()]
    assert not [text for text in left if "canary" in text], "a secret, or a server's answer, was logged"


@pytest.fixture(scope="module")
def web():
    """A web server."""
    with web_sink() as sink:
        yield sink


class TestTaken:
    def test_every_channel_brings_the_text_unchanged(self, send, web):
        """Mail with the key as Message-ID, a JSON body, Slack's text, an Apprise service; no text is a template."""
        with mail_sink() as mail:
            connections = {
                "smtp": smtp(mail.port, login="user", password=""),
                "http": webhook(web.port, f"{CANARY}/http"),
                "slack": slack(web.port, f"{CANARY}/slack"),
                "apprise": apprise(web.port, f"{CANARY}/apprise"),
                "login": webhook(web.port, CANARY) | {"login": "me"},
                "trickle": webhook(web.port, "slow/but/taken"),
            }
            assert set(send(connections).values()) == {"taken"}
            ((receivers, letter),) = mail.received
        assert receivers == MESSAGE["mail_to"]
        assert (letter["Message-ID"], letter["From"]) == ("<c0ffee@recsys>", "recsys@example.test")
        (part,) = letter.get_payload()
        assert part.get_payload(decode=True).decode() == MESSAGE["html"]
        (posted,) = web.bodies(f"/{CANARY}/http")
        text = f"{MESSAGE['subject']}\n{MESSAGE['text']}"
        assert posted == {"key": "c0ffee", "subject": MESSAGE["subject"], "text": text}
        (told,) = web.bodies(f"/{CANARY}/slack")
        assert told["text"] == "HOLD &lt;!channel&gt;"
        (noted,) = web.bodies(f"/{CANARY}/apprise")
        assert (noted["title"], noted["message"]) == (MESSAGE["subject"], MESSAGE["text"])
        assert len(web.bodies("/")) == 1, "with a login, the password is no path"
        assert len(web.bodies("/slow/but/taken")) == 1, "the status was good: it is not sent again"


class TestRefused:
    def test_a_server_that_misbehaves_is_a_refusal_in_time(self, send, web):
        """500, redirect, hang-up, endless answer, trickle: none is a success, none is followed or asked again."""
        kinds = {"http": webhook, "slack": slack, "apprise": apprise}
        quick, cut = ("500", "302", "hangup", "huge"), ("slow",)
        connections = {
            f"{kind} {how}": make(web.port, f"{how}/{CANARY}/{kind}")
            for kind, make in kinds.items()
            for how in (*quick, *cut)
            if (kind, how) != ("http", "slow")
        }
        patient = [name for name in connections if name.split()[1] in quick]
        answers = send(connections, **{name: CUT for name in connections if name not in patient})
        assert "canary" not in str(answers)
        assert {name: said for name, said in answers.items() if name in patient} == {
            "http 500": "status 500",
            "http 302": "status 302",
            "http hangup": "ConnectionError",
            "http huge": "status 500",
            "slack 500": "AirflowException 500",
            "slack 302": "AirflowException 302",
            "slack hangup": "RemoteDisconnected",
            "slack huge": "MemoryError",
            **{f"apprise {how}": "the service did not take it" for how in quick},
        }
        assert answers["slack slow"] == answers["apprise slow"] == "no answer in time"
        assert "taken" not in answers.values()
        assert not web.bodies("/followed")
        asked = [where for where, _ in web.received if CANARY in where]
        assert len(asked) == len(set(asked)), "nobody is asked twice"

    def test_mail_that_is_not_taken(self, send):
        """Nobody listens, nobody answers, every receiver is refused, no receiver is named: each in time, in a word."""
        with mail_sink() as mail, silent_port() as silent:
            mail.answer = "550 canary-of-the-server"
            connections = {"dead": smtp(free_port()), "silent": smtp(silent), "refused": smtp(mail.port)}
            answers = send(connections | {"nobody": smtp(mail.port)}, nobody={"mail_to": []}, silent=CUT)
        assert answers == {
            "dead": "ConnectionRefusedError",
            "silent": "no answer in time",
            "refused": "SMTPRecipientsRefused",
            "nobody": "[alert] mail_to names nobody",
        }

    def test_what_is_no_channel_for_one_message_to_one_receiver(self, send, web):
        """A link-local address however it is written, two services in one connection, another type or scheme."""
        two = apprise(web.port, "a")
        two["extra"]["config"] = [two["extra"]["config"], {"path": f"json://127.0.0.1:{web.port}/b"}]
        hosts = ("169.254.169.254", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "[::ffff:169.254.169.254]")
        connections = {host: {"conn_type": "http", "host": f"http://{host}"} for host in hosts} | {
            "slack": {"conn_type": "slackwebhook", "host": "http://2852039166", "password": CANARY},
            "two": two,
            "none": {"conn_type": "apprise", "extra": {"config": {"path": f"nonsense://{CANARY}"}}},
            "type": {"conn_type": "postgres", "password": CANARY},
            "file": {"conn_type": "http", "host": "file:///etc/passwd"},
        }
        assert send(connections) == {
            **dict.fromkeys((*hosts, "slack"), "a link-local address"),
            "two": "it names 2 services; make one connection for each",
            "none": "it names 0 services; make one connection for each",
            "type": "it is of type postgres; an alert needs smtp, slackwebhook, http, apprise",
            "file": "InvalidSchema",
        }
