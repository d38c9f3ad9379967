"""The service follows the log: another release, a rollback, an erasure; damage changes nothing; it ends well."""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from processes import wait_for
from served import served
from settings import SIGNED, damage

from recsys_tasks.cli.main import main
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.partitions.suppression import ERASE
from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.serving.http.live import LiveRelease
from recsys_tasks.serving.http.shapes import Wanted
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import roll_back
from recsys_tasks.steps.erase import erase_people
from recsys_tasks.steps.suppress import ask_to_suppress

NOW = datetime(2026, 1, 17, tzinfo=UTC)


def release_of(service):
    """Number of the release that answers."""
    return service.get("/readyz").json().get("release")


def damaged(at, release, pattern="gated/index.ann"):
    """Flip a byte of a release."""
    entry = at.releases.log().release(release)
    for path in (at.store.root / bundle_name(entry.candidate)).glob(pattern):
        damage(path)


class TestSwitching:
    def test_it_follows_the_log_without_a_pause(self, copied):
        """A rollback, and later another one, are answered from soon; each answer before and after is whole, and a tag
        that was right before is no longer."""
        with served(copied.store) as service:
            assert wait_for(service.is_ready)
            first = service.get("/v1/listeners/5/discover")
            roll_back(copied, 1, SIGNED)
            assert wait_for(lambda: release_of(service) == 1)
            second = service.get("/v1/listeners/5/discover", headers={"If-None-Match": first.headers["etag"]})
            assert (second.status_code, second.json()["release"]) == (200, 1)
            assert [event for event, _ in service.told].count("switched") == 2
            assert "recsys_release_switches 2.0" in service.get("/metrics").text

    def test_a_damaged_release_is_not_switched_to(self, copied):
        """What is open goes on answering; that a newer one is kept away stands in /readyz and the metrics, the file in
        the log of events alone; the way back is followed."""
        damaged(copied, 1)
        with served(copied.store) as service:
            assert wait_for(service.is_ready)
            copied.releases.append(copied.releases.log().roll_back(1, "olga", "a test", NOW.isoformat()))
            assert wait_for(lambda: service.get("/readyz").json() == {"status": "ready", "release": 3, "kept": True})
            assert service.get("/v1/listeners/5/discover").json()["release"] == 3
            assert "recsys_release_kept 1.0" in service.get("/metrics").text
            assert any("index.ann" in text for event, text in service.told if event == "kept")
            roll_back(copied, 2, SIGNED)
            assert wait_for(lambda: service.get("/readyz").json() == {"status": "ready", "release": 2, "kept": False})

    def test_a_service_that_starts_on_damage_waits_for_a_sound_release(self, copied):
        """It is not ready, and nothing older is taken in its place, until the log names a sound one."""
        damaged(copied, 3)
        with served(copied.store) as service:
            assert wait_for(lambda: any(event == "kept" for event, _ in service.told))
            assert service.get("/readyz").status_code == 503
            roll_back(copied, 2, SIGNED)
            assert wait_for(lambda: release_of(service) == 2)

    def test_a_damaged_release_is_not_read_again_at_every_look(self, copied, monkeypatch):
        """Between two tries lies a rest that grows: each of them reads every file."""
        tried = []
        monkeypatch.setattr(Reader, "_open", lambda self, entry: tried.append(entry) or _refuse())
        with served(copied.store, refresh_s=0.005) as service:
            assert wait_for(lambda: len(tried) > 1)
            looks = len(tried)
            for _ in range(20):
                service.get("/healthz")
            assert len(tried) <= looks + 1

    def test_a_release_that_was_switched_from_leaves_memory_at_once(self, copied):
        """Nothing holds it in a circle, for which Python would look late: many releases do not fit."""
        live = LiveRelease(copied.store, ProductsConfig(), ServeConfig(), time.monotonic, lambda *_: None)
        live.look()
        live.current.answers.of_listeners("discover", [5, 7], Wanted(k=5))
        old = weakref.ref(live.current.answers), weakref.ref(live.current.answers._products.view.bundle)
        gc.disable()
        try:
            roll_back(copied, 1, SIGNED)
            live.look()
            assert [each() for each in old] == [None, None]
        finally:
            gc.enable()

    def test_all_is_in_memory_before_a_release_answers(self, copied):
        """What keeps the collector from it is called once for each switch, while the release before still answers."""
        answering = []
        live = LiveRelease(
            copied.store,
            ProductsConfig(),
            ServeConfig(),
            time.monotonic,
            lambda *_: None,
            lambda: answering.append(live.current and live.current.entry.release),
        )
        live.look()
        live.look()
        roll_back(copied, 1, SIGNED)
        live.look()
        assert answering == [None, 3]


def _refuse():
    raise ValueError("damaged")


class TestErasure:
    def test_a_forgotten_listener_is_unknown_without_a_restart(self, copied):
        """The erasure rewrites the user parts of the live release: the service opens them, under another tag of the
        same release, and what it remembered of the listener is gone."""
        user = Reader(copied.store).bundle.users.ids[20].as_py()
        with served(copied.store) as service:
            assert wait_for(service.is_ready)
            path = f"/v1/listeners/{user}/discover"
            before = service.get(path)
            assert before.json()["known"]
            ask_to_suppress(copied, str(user), ERASE, replace(SIGNED, at=NOW.isoformat()))
            erase_people(copied, NOW)
            held = {"If-None-Match": before.headers["etag"]}
            assert wait_for(lambda: service.get(path, headers=held).status_code == 200)
            after = service.get(path).json()
            assert (after["release"], after["known"], after["basis"]) == (before.json()["release"], False, "popular")


class TestProcess:
    @pytest.fixture
    def process(self, finished, tmp_path):
        """``recsys serve`` as a process of its own, and the port that its first line names; its last line counts the
        objects that the garbage collector passes over, and those that it looks at."""
        words = [sys.executable, "-m", "recsys_tasks", "serve", "--port", "0"]
        counts = "print(gc.get_freeze_count(), len(gc.get_objects()), file=sys.stderr)"
        (tmp_path / "sitecustomize.py").write_text(f"import atexit, gc, sys\natexit.register(lambda: {counts})\n")
        path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "RECSYS_ROOT": str(finished.store.root), "PYTHONPATH": path}
        found = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            line = json.loads(found.stderr.readline())
            assert line["event"] == "listening"
            yield found, int(line["text"].rpartition(":")[2])
        finally:
            found.kill()
            found.communicate()

    def test_it_drains_at_sigterm(self, process):
        """Whoever has begun to ask gets the answer, nobody else gets in, and the process ends well, with its log."""
        running, port = process
        assert json.loads(running.stderr.readline())["event"] == "switched"
        body = b'{"listeners":[5],"k":3}'
        headers = f"Host: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=20) as asking:
            asking.sendall(f"POST /v1/batch/discover HTTP/1.1\r\n{headers}".encode())
            asking.sendall(body[:5])
            wait_for(lambda: False, 0.3)  # the head has arrived: a request is under way
            running.send_signal(signal.SIGTERM)
            assert wait_for(lambda: not _accepts(port))
            asking.sendall(body[5:])
            answer = asking.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer.lower()
        said, told = running.communicate(timeout=20)
        assert running.returncode == 0
        assert json.loads(said.splitlines()[0])["status"] == 200
        assert b'"ended"' in told

    def test_full_collections_pass_over_what_stays(self, process):
        """Most objects of the process are out of the garbage collector's sight when a release answers: to look at them
        all would stop the answers."""
        running, _ = process
        assert json.loads(running.stderr.readline())["event"] == "switched"
        running.send_signal(signal.SIGTERM)
        _, told = running.communicate(timeout=20)
        frozen, seen = map(int, told.decode().splitlines()[-1].split())
        assert frozen > 5 * seen

    def test_without_tokens_it_does_not_listen_for_others(self, finished, capsys):
        """The command says which file it wants, and ends with 2 before it opens anything."""
        where = {"RECSYS_ROOT": str(finished.store.root), "USER": "olga"}
        assert main(["serve", "--port", "0", "--host", "0.0.0.0"], where) == 2  # noqa: S104
        assert "--tokens" in capsys.readouterr().err


def _accepts(port):
    """Whether anybody listens."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
