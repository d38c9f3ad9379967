"""Nothing that must be told is lost, and nothing is told twice: on the disk and in memory."""

import json
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from file_size_limits import largest_file

from recsys_tasks.alerting.alerts import Alert
from recsys_tasks.alerting.outbox import ALERT, LARGEST_LETTER, MARK, Delivery, Outbox
from recsys_tasks.core.errors import NotStored, StorageError
from recsys_tasks.storage.posix import PosixStore

NOW = datetime(2026, 1, 16, 3, tzinfo=UTC)
BOTH = ("mail", "hook")
NOTHING = Delivery((), ())


def alert(key="a1", subject="it failed"):
    """An alert."""
    return Alert(key, subject, ("line",))


class Channels:
    """Takes alerts, but not through connections that are down."""

    def __init__(self, *down):
        self.down, self.told = set(down), []

    def __call__(self, alert, names):
        """Send an alert through connections."""
        for name in names:
            self.told.append((alert.key, name))
            yield name, "down" if name in self.down else ""


def slow(started, release):
    """Channels that say that they were asked, and take an alert when they are let go."""

    def send(_alert, names):
        started.set()
        release.wait(20)
        return [(name, "") for name in names]

    return send


@pytest.fixture
def outbox(store):
    """An empty one, in a store of each kind."""
    return Outbox(store)


@pytest.fixture
def on_disk(tmp_path):
    """An empty one that processes share."""
    return Outbox(PosixStore(tmp_path))


class TestOnce:
    def test_the_first_one_stored_wins(self, outbox):
        """The same event again, in other words, changes nothing and sends nothing."""
        assert outbox.put(alert(), BOTH, NOW)
        assert not outbox.put(alert(subject="in other words"), BOTH, NOW)
        channels = Channels()
        delivery = outbox.deliver(BOTH, channels, NOW)
        assert delivery.taken == ("'it failed' to mail", "'it failed' to hook")
        assert outbox.deliver(BOTH, channels, NOW).taken == ()
        assert sorted(channels.told) == [("a1", "hook"), ("a1", "mail")]

    def test_a_channel_that_is_down_neither_silences_nor_repeats_the_others(self, outbox):
        """What was taken is not sent again; what was not is owed until it is taken."""
        outbox.put(alert(), BOTH, NOW)
        assert outbox.deliver(BOTH, Channels("mail"), NOW).refused == ("'it failed' to mail (down)",)
        later = Channels()
        assert outbox.deliver(BOTH, later, NOW).taken == ("'it failed' to mail",)
        assert later.told == [("a1", "mail")]

    def test_two_who_deliver_at_once_send_once(self, outbox, store):
        """A callback and a task meet: one waits for the other and finds it done, or leaves it to the other."""
        outbox.put(alert(), BOTH, NOW)
        started, release = threading.Event(), threading.Event()
        with ThreadPoolExecutor(1) as beside:
            first = beside.submit(outbox.deliver, BOTH, slow(started, release), NOW)
            assert started.wait(20)
            hasty = Channels()
            assert outbox.deliver(BOTH, hasty, NOW, wait=False) == NOTHING
            release.set()
            assert outbox.deliver(BOTH, hasty, NOW).taken == ()
            assert len(first.result(20).taken) == 2
        assert hasty.told == []
        assert len([name for name in store.names("alerts/a1") if name.endswith(MARK)]) == 2

    def test_two_processes_that_deliver_at_once_send_once(self, on_disk):
        """On the disk, the lock holds between processes too."""
        on_disk.put(alert(), BOTH, NOW)
        started, release = multiprocessing.Event(), multiprocessing.Event()
        first = multiprocessing.Process(target=on_disk.deliver, args=(BOTH, slow(started, release), NOW))
        first.start()
        assert started.wait(20)
        hasty = Channels()
        assert on_disk.deliver(BOTH, hasty, NOW, wait=False) == NOTHING
        release.set()
        assert on_disk.deliver(BOTH, hasty, NOW).taken == ()
        first.join(20)
        assert hasty.told == []

    def test_only_a_kill_between_sending_and_marking_repeats_it(self, on_disk):
        """Killed in the middle of a delivery, nothing is lost and nobody locked out: it goes out with the same key."""
        on_disk.put(alert(), BOTH[:1], NOW)
        sent, never = multiprocessing.Event(), multiprocessing.Event()
        process = multiprocessing.Process(target=on_disk.deliver, args=(BOTH, slow(sent, never), NOW))
        process.start()
        assert sent.wait(20)
        os.kill(process.pid, signal.SIGKILL)
        process.join(20)
        again = Channels()
        on_disk.deliver(BOTH, again, NOW)
        assert again.told == [("a1", "mail")]

    def test_a_disk_that_takes_no_note_sends_nothing(self, on_disk):
        """Otherwise a full disk would have the same mail sent at every attempt."""
        on_disk.put(alert(), BOTH, NOW)
        channels = Channels()
        with largest_file(0), pytest.raises(StorageError):
            on_disk.deliver(BOTH, channels, NOW)
        assert channels.told == []
        assert len(on_disk.deliver(BOTH, channels, NOW).taken) == 2


class TestOwed:
    def test_a_connection_configured_later_is_owed_nothing_older(self, outbox):
        """Weeks later a channel is added: it is not flooded with what was."""
        outbox.put(alert(), ["mail"], NOW)
        outbox.deliver(["mail"], Channels(), NOW)
        assert outbox.deliver(["mail", "new"], Channels(), NOW) == NOTHING
        assert outbox.deliver(["new"], Channels(), NOW) == NOTHING

    def test_what_was_owed_to_nobody_is_not_stored(self, outbox):
        """Without a connection there is nothing to keep; once there is one, a rerun tells it."""
        assert not outbox.put(alert(), [], NOW)
        assert not outbox.holds("a1")
        assert outbox.put(alert(), ["mail"], NOW)

    def test_an_alert_that_reached_nobody_stays_visible(self, outbox, store):
        """Its only connection was renamed: it is a complaint each time, not a silence, and says what to do."""
        outbox.put(alert(), ["mail"], NOW)
        (complaint,) = outbox.deliver(["post"], Channels(), NOW).refused
        assert store.where("alerts/a1") in complaint
        assert outbox.deliver(["mail"], Channels(), NOW).taken

    def test_a_connection_that_is_taken_out_is_owed_nothing_more(self, outbox):
        """Another one had the alert: taking out the dead one ends the complaint."""
        outbox.put(alert(), BOTH, NOW)
        assert outbox.deliver(BOTH, Channels("hook"), NOW).refused
        assert outbox.deliver(["mail"], Channels(), NOW) == NOTHING

    def test_what_is_owed_can_be_asked_without_sending(self, outbox):
        """Owed until every connection that is configured now has it; only of the alerts that are asked about."""
        outbox.put(alert(), BOTH, NOW)
        outbox.put(alert("b2", "another"), ["mail"], NOW)
        assert outbox.owed(BOTH) == ["it failed", "another"]
        assert outbox.owed(BOTH, {"b2"}) == ["another"]
        outbox.deliver(BOTH, Channels("hook"), NOW)
        assert outbox.owed(BOTH) == ["it failed"]
        assert outbox.owed(["mail", "new"]) == []

    def test_the_oldest_goes_first_and_old_age_drops_nothing(self, outbox):
        """After a month without mail, what happened is told in the order in which it happened."""
        outbox.put(alert("b2", "then"), ["mail"], NOW)
        outbox.put(alert("c3", "first"), ["mail"], NOW - timedelta(days=30))
        outbox.put(alert("a1", "last"), ["mail"], NOW + timedelta(days=1))
        assert [line.split("'")[1] for line in outbox.deliver(["mail"], Channels(), NOW).taken] == [
            "first",
            "then",
            "last",
        ]

    def test_a_callback_delivers_its_own_alone(self, outbox):
        """It has seconds; the rest is the tasks' work."""
        for key in ("a1", "b2"):
            outbox.put(alert(key), ["mail"], NOW)
        channels = Channels()
        outbox.deliver(["mail"], channels, NOW, keys={"b2"})
        assert channels.told == [("b2", "mail")]

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "{}",
            "[1]",
            '{"alert": {"key": "d4"}}',
            '{"alert": {"key": "zz", "subject": "", "lines": []}, "connections": [], "written": ""}',
            "\udcff",
            "[" * 100_000,
            " " * (LARGEST_LETTER + 1),
        ],
    )
    def test_a_damaged_letter_is_a_complaint_and_holds_up_no_other(self, outbox, store, content):
        """It cannot be sent and must not be lost from sight; the others go out."""
        outbox.put(alert(), ["mail"], NOW)
        damaged = f"alerts/d4/{ALERT}"
        store.create(damaged, content.encode(errors="surrogateescape"))
        delivery = outbox.deliver(["mail"], Channels(), NOW)
        assert delivery.taken == ("'it failed' to mail",)
        assert delivery.refused == (f"{store.where(damaged)} cannot be read; remove its directory",)

    def test_bytes_that_are_no_text_keep_nothing_from_being_told(self, outbox):
        """An error may quote the name of a file in any encoding: the alert goes out, with a mark in its place."""
        outbox.put(Alert("a1", "caf\udce9 failed", ("line",)), ["mail"], NOW)
        told = []
        outbox.deliver(["mail"], lambda alert, names: told.append(alert.subject) or [(name, "") for name in names], NOW)
        assert told == ["caf? failed"]

    def test_a_letter_that_somebody_removes_holds_up_no_other(self, outbox, store, monkeypatch):
        """Named when the folder was listed and gone when it is read: a complaint, and the others go out."""
        for key in ("a1", "b2"):
            outbox.put(alert(key), ["mail"], NOW)
        read = store.read

        def reading(name, most=None):
            if "b2" in name:
                raise NotStored(name)
            return read(name, most)

        monkeypatch.setattr(store, "read", reading)
        delivery = outbox.deliver(["mail"], Channels(), NOW)
        assert (len(delivery.taken), len(delivery.refused)) == (1, 1)

    def test_what_is_stored_holds_the_alert_and_whom_it_is_owed_to(self, outbox, store):
        """An operator can read it; who is named twice is told once."""
        outbox.put(alert(), ["mail", "hook", "mail"], NOW)
        stored = json.loads(store.read(f"alerts/a1/{ALERT}"))
        assert stored["connections"] == list(BOTH)
        assert stored["alert"] == {"key": "a1", "subject": "it failed", "lines": ["line"]}
