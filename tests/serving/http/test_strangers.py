"""Clients that are slow, many, hostile or not allowed: each costs little, is told why, and the others are served."""

import asyncio
import json
import select
import socket
import time

import pytest
from processes import wait_for
from served import served

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.serving.http.problems import Problem
from recsys_tasks.serving.http.tokens import read_tokens, require_loopback
from recsys_tasks.serving.http.turns import Turns

TOKEN, OTHER = "a" * 40, "b" * 40
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def service(finished, tmp_path_factory):
    """A service with small bounds, and tokens."""
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    path.write_text(f"# who may ask\nweb {TOKEN}\n\napp {OTHER}\n")
    bounds = {"max_body_kb": 1, "receive_s": 0.3, "max_connections": 8, "longest_list": 40, "largest_batch": 3}
    with served(finished.store, tokens_file=str(path), **bounds) as found:
        found.http.headers["Authorization"] = f"Bearer {TOKEN}"
        found.tokens = path
        assert wait_for(found.is_ready)
        yield found


def request(line, *headers, body=b""):
    """The bytes of a request that carries the token."""
    lines = [line, "Host: a", f"Authorization: Bearer {TOKEN}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class TestWhoMayAsk:
    def test_nobody_without_a_token(self, service):
        """No route but the two of health answers without a token that is known, whatever the header looks like."""
        wrong = ["", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {'é' * 40}"]
        for path in ("/v1/listeners/5/discover", "/v1/batch/discover", "/metrics", "/openapi.json", "/nothing"):
            for header in wrong:
                said = service.get(path, headers={"Authorization": header.encode()})
                assert (said.status_code, said.headers["content-type"]) == (401, PROBLEM), (path, header)
                assert said.headers["www-authenticate"].startswith("Bearer")
        assert service.get("/healthz", headers={"Authorization": ""}).status_code == 200
        assert service.get("/metrics", headers={"Authorization": f"bearer {OTHER}"}).status_code == 200

    def test_tokens_are_exchanged_without_a_restart(self, service):
        """A file that was written anew counts soon; one that is not sound changes nothing, and that is said."""
        before, third = service.tokens.read_text(), "c" * 40
        known = lambda: service.get("/metrics", headers={"Authorization": f"Bearer {third}"}).status_code == 200  # noqa: E731
        assert not known()
        service.tokens.write_text(f"{before}ci {third}\n")
        assert wait_for(known)
        service.tokens.write_text("nobody short\n")
        assert wait_for(lambda: any("kept" in text for event, text in service.told if event == "tokens"))
        assert known()
        assert not any("short" in text for _, text in service.told)
        service.tokens.write_text(before)
        assert wait_for(lambda: not known())

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])  # noqa: S104
    def test_without_tokens_only_this_machine_can_ask(self, host):
        """An address that others reach is refused; loopback in either family is not."""
        with pytest.raises(ConfigError, match="tokens"):
            require_loopback(host)
        for loopback in ("127.0.0.1", "::1", "localhost"):
            require_loopback(loopback)

    @pytest.mark.parametrize("text", ["", "# none\n", "web short\n", f"{TOKEN}\n", f"web {TOKEN} more\n", "é" * 40])
    def test_a_file_without_tokens_is_refused(self, tmp_path, text):
        """Neither an empty file nor a line that is none lets the service start; no line is repeated."""
        path = tmp_path / "tokens"
        path.write_text(text)
        with pytest.raises(ConfigError) as said:
            read_tokens(path)
        assert TOKEN not in str(said.value)

    def test_a_file_that_is_not_there_is_refused(self, tmp_path):
        """The error names the file."""
        with pytest.raises(ConfigError, match="nowhere"):
            read_tokens(tmp_path / "nowhere")


class TestWhatIsAsked:
    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/v1/listeners/abc/discover", 404),
            ("/v1/listeners/5.0/discover", 404),
            ("/v1/listeners/99999999999999999999/discover", 404),
            ("/v1/listeners//discover", 404),
            (f"/v1/listeners/{'9' * 600}/discover", 404),
            ("/v1/listeners/..%2F..%2Fetc%2Fpasswd/discover", 404),
            ("/v1/listeners/%00/discover", 404),
            ("/v1/listeners/5%0d%0aSet-Cookie:%20a=b/discover", 404),
            ("/v1/tracks/1000000000/similar", 404),
            ("/v1/tracks/%ff/similar", 404),
            ("/v1/../../etc/passwd", 404),
            ("/v1/listeners/5/discover?k=0", 422),
            ("/v1/listeners/5/discover?k=41", 422),
            ("/v1/listeners/5/discover?k=ten", 422),
            ("/v1/listeners/5/discover?kinds=music", 422),
            ("/v1/listeners/5/discover?kind=music", 422),
            ("/v1/listeners/5/discover?feature=tempo", 422),
            ("/v1/listeners/5/discover?feature=tempo:1:2", 422),
            ("/v1/listeners/5/discover?released_after=yesterday", 422),
        ],
    )
    def test_what_cannot_be_answered_is_a_problem(self, service, path, status):
        """Ids of another type, paths, line breaks, filters that nobody knows: a document that says what is wrong."""
        head, _, body = service.raw(request(f"GET {path} HTTP/1.1", "Connection: close")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status), (head, body)
        assert PROBLEM.encode() in head
        assert b"set-cookie" not in head.lower()
        assert body.startswith(b'{"type":"about:blank"')

    @pytest.mark.parametrize(
        "body",
        [
            *(b"", b"{", b"[]", b"null", b"[" * 900, b"\xff\xfe"),
            *(b'{"listeners":[]}', b'{"listeners":[1,2,3,4]}', b'{"listeners":[1.5]}', b'{"listeners":"1"}'),
            *(b'{"listeners":[1],"k":"x"}', b'{"listeners":[1],"more":1}'),
        ],
    )
    def test_a_body_that_is_none(self, service, body):
        """Malformed JSON, other shapes, too many listeners: 422 or 400, and what was sent is not repeated."""
        kind = {"Content-Type": "application/json"}
        said = service.http.post("/v1/batch/discover", content=body, headers=kind)
        assert said.status_code in (400, 422), said.text
        assert said.headers["content-type"] == PROBLEM

    def test_another_method_is_refused(self, service):
        """The answer names those that there are."""
        said = service.http.put("/v1/batch/discover", json={})
        assert (said.status_code, said.json()["code"]) == (405, "method_not_allowed")


class TestWhatArrives:
    def test_a_huge_body_is_not_read(self, service):
        """A length beyond the bound is refused before a byte of it; so is a body in pieces without a length."""
        head = "POST /v1/batch/discover HTTP/1.1"
        told = service.raw(request(head, "Content-Length: 1000000000000"))
        assert told.startswith(b"HTTP/1.1 413")
        pieces = b"".join(b"200\r\n" + b"x" * 512 + b"\r\n" for _ in range(4))
        told = service.raw(request(head, "Transfer-Encoding: chunked", body=pieces))
        assert told.startswith(b"HTTP/1.1 413")
        assert b"connection: close" in told.lower()

    @pytest.mark.parametrize("lengths", [("-1",), ("ten",), ("3", "4"), ("99999999999999999999",)])
    def test_a_length_that_is_none(self, service, lengths):
        """The request is refused, whoever finds it: nothing behind it is taken for another one."""
        told = service.raw(
            request("POST /v1/batch/discover HTTP/1.1", *[f"Content-Length: {n}" for n in lengths], body=b"{}")
        )
        assert told[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 413")
        assert told.count(b"HTTP/1.1") == 1

    @pytest.mark.parametrize(
        "sent",
        [
            *(b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: a\r\n"),
            request("POST /v1/batch/discover HTTP/1.1", "Content-Length: 20", body=b"{"),
        ],
    )
    def test_who_is_slow_is_sent_away(self, service, sent):
        """A connection without a request, half a head, half a body: 408 when the time is over, and closed."""
        began = time.monotonic()
        assert service.raw(sent).startswith(b"HTTP/1.1 408")
        assert 0.2 < time.monotonic() - began < 5

    def test_who_does_not_listen_is_left(self, finished):
        """A client that asks for megabytes and takes none of them loses its connection when the time is over."""
        body = json.dumps({"listeners": [10**9] * 50, "k": 200}).encode()
        head = f"Host: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        gone = select.poll()
        with served(finished.store, receive_s=0.3) as service, socket.socket() as deaf:
            assert wait_for(service.is_ready)
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.connect(("127.0.0.1", service.port))
            deaf.sendall((f"POST /v1/batch/discover HTTP/1.1\r\n{head}".encode() + body) * 6)
            gone.register(deaf, select.POLLHUP)
            assert wait_for(lambda: bool(gone.poll(0)), 30)

    def test_an_endless_head_is_cut_off(self, service):
        """More bytes of headers than the bound: 431."""
        told = service.raw(b"GET /healthz HTTP/1.1\r\n" + b"X-Long: " + b"x" * 40_000)
        assert told.startswith(b"HTTP/1.1 431")

    def test_what_is_no_http_is_refused(self, service):
        """400, as a problem."""
        told = service.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 3 + b"\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 400")
        assert PROBLEM.encode() in told

    def test_one_connection_too_many(self, service):
        """It is told to come again; when the others are gone, the service answers as before."""
        service.http.close()
        service.http = type(service.http)(base_url=service.http.base_url, headers=service.http.headers)
        held = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(8)]
        try:
            told = service.raw(request("GET /v1/listeners/5/discover HTTP/1.1"))
        finally:
            for each in held:
                each.close()
        assert told.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 1" in told
        assert wait_for(service.is_ready)
        assert "recsys_http_connections_refused_total 0.0" not in service.get("/metrics").text


class TestTurns:
    def test_a_full_queue_is_said_at_once(self):
        """Of more than may wait, the last are sent away; the others are answered in their order."""
        done = []

        async def ask():
            turns = Turns(3, 10, time.monotonic)
            asked = [asyncio.create_task(turns.take(lambda n=n: done.append(n))) for n in range(5)]
            return await asyncio.gather(*asked, return_exceptions=True)

        found = asyncio.run(ask())
        assert done == [0, 1, 2]
        assert [type(each) for each in found] == [type(None)] * 3 + [Problem] * 2
        assert found[-1].status == 503
        assert found[-1].headers == {"Retry-After": "1"}

    def test_who_waited_too_long_is_not_worked_for(self):
        """Their time is over when their turn comes: they are told, and nothing is made for them."""
        done, now = [], [0.0]

        async def ask():
            turns = Turns(9, 2, lambda: now[0])
            slow = asyncio.create_task(turns.take(lambda: now.__setitem__(0, 3.0)))
            late = asyncio.create_task(turns.take(lambda: done.append("late")))
            return await asyncio.gather(slow, late, return_exceptions=True)

        _, late = asyncio.run(ask())
        assert isinstance(late, Problem)
        assert done == []

    def test_questions_of_one_kind_are_answered_together(self):
        """Those that wait are asked about at once, others between them apart; where one is wrong, it alone fails."""
        calls = []

        def work(items):
            calls.append(items)
            if "wrong" in items:
                raise ValueError
            return [item.upper() for item in items]

        async def ask():
            turns = Turns(9, 2, time.monotonic)
            kinds = [("a", "x"), ("b", "y"), ("a", "wrong"), ("a", "z")]
            asked = [asyncio.create_task(turns.share(kind, item, work)) for kind, item in kinds]
            return await asyncio.gather(*asked, return_exceptions=True)

        x, y, wrong, z = asyncio.run(ask())
        assert (x, y, z) == ("X", "Y", "Z")
        assert isinstance(wrong, ValueError)
        assert calls == [["x", "wrong", "z"], ["x"], ["wrong"], ["z"], ["y"]]
