"""What leaves the house, as it arrives: every channel against real servers, well-behaved and not."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from certificates import Authority
from sinks import apprise, free_port, guarded_mail_sink, mail_sink, silent_port, slack, smtp, web_sink, webhook

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
CUT = {"seconds": 6}
"""The time of those who never answer."""
CANARY = "canary-of-the-connection"
SECURE = {"from_email": "recsys@example.test"}


@pytest.fixture(scope="module")
def send(tmp_path_factory):
    """Run the program on connections: what it says of each."""
    home = tmp_path_factory.mktemp("airflow")
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "airflow-db-not-allowed:///",  # as in the process of a task
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "PYTHONPATH": str(PROGRAM.parents[2]),
    }

    def run(connections, more_environment=None, **more):
        messages = [
            MESSAGE | {"name": name, "connection": PARTS | each} | more.get(name, {})
            for name, each in connections.items()
        ]
        command = [sys.executable, "-P", str(PROGRAM)]
        done = subprocess.run(
            command,
            input=json.dumps(messages).encode(),
            capture_output=True,
            env=environment | (more_environment or {}),
            timeout=100,
            check=True,
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
        assert letter.get_content_type() == "multipart/alternative"
        parts = [(part.get_content_type(), part.get_payload(decode=True).decode()) for part in letter.get_payload()]
        parts = [(kind, text.replace("\r\n", "\n")) for kind, text in parts]
        assert parts == [("text/plain", MESSAGE["text"]), ("text/html", MESSAGE["html"])], "the best part is the last"
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
        said = {"500": "status 500", "302": "status 302", "huge": "status 500"}
        said |= {"hangup": "the connection was closed before an answer", "slow": "no answer in time"}
        expected = {name: f"127.0.0.1:{web.port}: {said[name.split()[1]]}" for name in connections}
        assert answers == expected | {"slack huge": f"127.0.0.1:{web.port}: its answer is too long"}
        assert "taken" not in answers.values()
        assert not web.bodies("/followed")
        asked = [where for where, _ in web.received if CANARY in where]
        assert len(asked) == len(set(asked)), "nobody is asked twice"

    def test_mail_that_is_not_taken(self, send):
        """Each in time, with host, port and what went wrong; never a word of the server."""
        with mail_sink() as mail, silent_port() as silent, guarded_mail_sink() as guarded:
            mail.answer = "550 canary-of-the-server"
            dead = free_port()
            connections = {
                "dead": smtp(dead),
                "silent": smtp(silent),
                "refused": smtp(mail.port),
                "nobody": smtp(mail.port),
                "sender": smtp(mail.port, extra={"disable_ssl": True, "disable_tls": True}),
                "password": smtp(guarded.port, login="user", password=CANARY),
                "no tls": smtp(mail.port, extra={"disable_ssl": True, "from_email": "a@example.test"}),
            }
            answers = send(connections, nobody={"mail_to": []}, silent=CUT)
        assert answers == {
            "dead": f"127.0.0.1:{dead}: connection refused",
            "silent": f"127.0.0.1:{silent}: no answer in time",
            "refused": f"127.0.0.1:{mail.port}: no receiver was accepted (status 550)",
            "nobody": "[alert] mail_to names nobody",
            "sender": "it has no from_email",
            "password": f"127.0.0.1:{guarded.port}: authentication failed (status 535)",
            "no tls": f"127.0.0.1:{mail.port}: STARTTLS is not offered",
        }

    def test_a_host_that_is_not_there(self, send):
        """A closed port and an unknown name, by every kind of connection; a password in a name is not repeated."""
        port = free_port()
        names = {"closed": "127.0.0.1", "unknown": "nobody.invalid"}
        connections = {}
        for word, host in names.items():
            connections |= {
                f"{word} smtp": smtp(port, host=host),
                f"{word} http": webhook(port, CANARY) | {"host": host},
                f"{word} slack": slack(port, CANARY) | {"host": f"http://{host}:{port}"},
                f"{word} apprise": {"conn_type": "apprise", "extra": {"config": {"path": f"json://{host}:{port}/x"}}},
            }
        connections["odd smtp"] = smtp(port, host=f"user:{CANARY}@mail.invalid")
        answers = send(connections)
        assert answers.pop("odd smtp") == f"a host that is no name:{port}: the name is not known"
        said = {"closed": "connection refused", "unknown": "the name is not known"}
        for name, answer in answers.items():
            word = name.split()[0]
            assert answer == f"{names[word]}:{port}: {said[word]}", name

    def test_a_certificate_that_is_not_trusted(self, send, tmp_path):
        """Expired, of another host, self-signed: it says which, by HTTP, by SMTP from the start and by STARTTLS."""
        authority = Authority(tmp_path)
        makers = {
            "good": authority.good,
            "certificate has expired": authority.expired,
            "IP address mismatch, certificate is not valid for '127.0.0.1'": authority.of_another_host,
            "self-signed certificate": authority.self_signed,
        }
        trusting = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(authority.file))
        with ExitStack() as stack:
            connections, ports = {}, {}
            for word, maker in makers.items():
                web = stack.enter_context(web_sink(maker()))
                secure = stack.enter_context(mail_sink(ssl_context=maker()))
                upgrading = stack.enter_context(mail_sink(tls_context=maker()))
                connections |= {
                    f"{word}/http": webhook(web.port, CANARY) | {"schema": "https"},
                    f"{word}/slack": slack(web.port, CANARY) | {"host": f"https://127.0.0.1:{web.port}"},
                    f"{word}/apprise": apprise(web.port, CANARY, "jsons"),
                    f"{word}/smtps": smtp(secure.port, extra=SECURE | {"disable_tls": True}),
                    f"{word}/starttls": smtp(upgrading.port, extra=SECURE | {"disable_ssl": True}),
                }
                ports |= dict.fromkeys((f"{word}/{kind}" for kind in ("http", "slack", "apprise")), web.port)
                ports |= {f"{word}/smtps": secure.port, f"{word}/starttls": upgrading.port}
            plain = stack.enter_context(web_sink())
            connections["plain"] = webhook(plain.port, CANARY) | {"schema": "https"}
            answers = send(connections, trusting)
        assert "is this a port for TLS?" in answers.pop("plain")
        for name, answer in answers.items():
            word = name.partition("/")[0]
            expected = "taken" if word == "good" else f"127.0.0.1:{ports[name]}: certificate error: {word}"
            assert answer == expected, name

    def test_packets_go_to_addresses_alone(self, send):
        """A library that sends a packet to a name, which the system looks up unseen, sends none."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
            sink.bind(("127.0.0.1", 0))
            sink.setblocking(False)
            port, refused = sink.getsockname()[1], "the service did not take it"
            paths = {host: f"rsyslog://{host}:{port}" for host in ("localhost", "169.254.169.254", "127.0.0.1")}
            answers = send({host: apprise(port, "") | {"extra": {"config": {"path": paths[host]}}} for host in paths})
            assert answers == {"localhost": refused, "169.254.169.254": refused, "127.0.0.1": "taken"}
            assert b"HOLD" in sink.recv(4096)
            with pytest.raises(BlockingIOError):
                sink.recv(4096)

    def test_what_is_no_channel_for_one_message_to_one_receiver(self, send, web):
        """A link-local address however it is written, two services in one connection, another type or scheme."""
        two = apprise(web.port, "a")
        two["extra"]["config"] = [two["extra"]["config"], {"path": f"json://127.0.0.1:{web.port}/b"}]
        hosts = ("169.254.169.254", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "[::ffff:169.254.169.254]")
        clouds = ("[fd00:ec2::254]", "[64:ff9b::6464:64c8]", "100.100.100.200", "168.63.129.16", "192.0.0.192")
        connections = {host: {"conn_type": "http", "host": f"http://{host}"} for host in (*hosts, *clouds)} | {
            "slack": {"conn_type": "slackwebhook", "host": "http://2852039166", "password": CANARY},
            "mail": smtp(25) | {"host": "169.254.169.254"},
            "two": two,
            "none": {"conn_type": "apprise", "extra": {"config": {"path": f"nonsense://{CANARY}"}}},
            "type": {"conn_type": "postgres", "password": CANARY},
            "file": {"conn_type": "http", "host": "file:///etc/passwd"},
        }
        assert send(connections) == {
            **{host: f"{host.lower()}:80: a link-local address" for host in hosts},
            **{host: f"{host}:80: a cloud's metadata service" for host in clouds},
            "slack": "2852039166:80: a link-local address",
            "mail": "169.254.169.254:25: a link-local address",
            "two": "it names 2 services; make one connection for each",
            "none": "it names 0 services; make one connection for each",
            "type": "it is of type postgres; an alert needs smtp, slackwebhook, http, apprise",
            "file": "InvalidSchema",
        }
