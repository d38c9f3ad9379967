"""Nothing that must be told is lost, and nothing is told twice."""

import json
import multiprocessing
import os
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
from limits import largest_file

from recsys_tasks.alerting.alerts import Alert
from recsys_tasks.alerting.outbox import ALERT, MARK, Delivery, Outbox
from recsys_tasks.core.errors import StorageError

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


@pytest.fixture
def outbox(tmp_path):
    """An empty one."""
    return Outbox(tmp_path)


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

    def test_two_who_deliver_at_once_send_once(self, outbox, tmp_path):
        """A callback and a task meet: one waits for the other and finds it done, or leaves it to the other."""
        outbox.put(alert(), BOTH, NOW)
        started, release = multiprocessing.Event(), multiprocessing.Event()

        def slow(_alert, names):
            started.set()
            release.wait(20)
            return [(name, "") for name in names]

        first = multiprocessing.Process(target=outbox.deliver, args=(BOTH, slow, NOW))
        first.start()
        assert started.wait(20)
        hasty = Channels()
        assert outbox.deliver(BOTH, hasty, NOW, wait=False) == NOTHING
        release.set()
        assert outbox.deliver(BOTH, hasty, NOW).taken == ()
        first.join(20)
        assert hasty.told == []
        assert len(list(tmp_path.glob(f"alerts/a1/*{MARK}"))) == 2

    def test_only_a_kill_between_sending_and_marking_repeats_it(self, outbox, tmp_path):
        """Killed in the middle of a delivery, nothing is lost and nobody locked out: it goes out with the same key."""
        outbox.put(alert(), BOTH[:1], NOW)
        sent = multiprocessing.Event()

        def killed(_alert, names):
            sent.set()
            time.sleep(20)
            return [(name, "") for name in names]

        process = multiprocessing.Process(target=outbox.deliver, args=(BOTH, killed, NOW))
        process.start()
        assert sent.wait(20)
        os.kill(process.pid, signal.SIGKILL)
        process.join(20)
        again = Channels()
        outbox.deliver(BOTH, again, NOW)
        assert again.told == [("a1", "mail")]

    def test_a_disk_that_takes_no_note_sends_nothing(self, outbox):
        """Otherwise a full disk would have the same mail sent at every attempt."""
        outbox.put(alert(), BOTH, NOW)
        channels = Channels()
        with largest_file(0), pytest.raises(StorageError):
            outbox.deliver(BOTH, channels, NOW)
        assert channels.told == []
        assert len(outbox.deliver(BOTH, channels, NOW).taken) == 2


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

    def test_an_alert_that_reached_nobody_stays_visible(self, outbox, tmp_path):
        """Its only connection was renamed: it is a complaint each time, not a silence, and says what to do."""
        outbox.put(alert(), ["mail"], NOW)
        (complaint,) = outbox.deliver(["post"], Channels(), NOW).refused
        assert str(tmp_path / "alerts" / "a1") in complaint
        assert outbox.deliver(["mail"], Channels(), NOW).taken

    def test_a_connection_that_is_taken_out_is_owed_nothing_more(self, outbox):
        """Another one had the alert: taking out the dead one ends the complaint."""
        outbox.put(alert(), BOTH, NOW)
        assert outbox.deliver(BOTH, Channels("hook"), NOW).refused
        assert outbox.deliver(["mail"], Channels(), NOW) == NOTHING

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
        ],
    )
    def test_a_damaged_letter_is_a_complaint_and_holds_up_no_other(self, outbox, tmp_path, content):
        """It cannot be sent and must not be lost from sight; the others go out."""
        outbox.put(alert(), ["mail"], NOW)
        damaged = tmp_path / "alerts" / "d4" / ALERT
        damaged.parent.mkdir()
        damaged.write_bytes(content.encode(errors="surrogateescape"))
        delivery = outbox.deliver(["mail"], Channels(), NOW)
        assert delivery.taken == ("'it failed' to mail",)
        assert delivery.refused == (f"{damaged} cannot be read; remove its directory",)

    def test_what_is_stored_holds_the_alert_and_whom_it_is_owed_to(self, outbox, tmp_path):
        """An operator can read it; who is named twice is told once."""
        outbox.put(alert(), ["mail", "hook", "mail"], NOW)
        stored = json.loads((tmp_path / "alerts" / "a1" / ALERT).read_text())
        assert stored["connections"] == list(BOTH)
        assert stored["alert"] == {"key": "a1", "subject": "it failed", "lines": ["line"]}
