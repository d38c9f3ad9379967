"""Is what is live fresh and sound? Found out in time, told once, and told when it is over."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from settings import SIGNED, config, damage, run

from recsys_tasks.alerting.outbox import Outbox
from recsys_tasks.partitions.suppression import ERASE
from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace, freshness_alerts, live_sentence, look_at_live, retain, roll_back, set_pin
from recsys_tasks.steps.suppress import ask_to_suppress
from recsys_tasks.storage.posix import PosixStore

END = datetime(2026, 1, 16, tzinfo=UTC)  # of the data day of what is live
HOUR = timedelta(hours=1)


class Watch:
    """Looks at what is live, and keeps what it would tell."""

    def __init__(self, at):
        self.at, self.outbox, self.told = at, Outbox(at.store), []

    def look(self, now):
        """The subjects of what is told now."""
        alerts = freshness_alerts(self.outbox, look_at_live(self.at, now), "http://runs")
        new = [alert for alert in alerts if self.outbox.put(alert, ["mail"], now)]
        self.told += new
        return [alert.subject for alert in new]


@pytest.fixture
def watch(copied):
    """A watch on three days of releases, data of 13 to 15 January."""
    return Watch(copied)


def gated_file(at, release=None):
    """A file of a release that readers map."""
    log = at.releases.log()
    entry = log.release(release) if release else log.require_live()
    return (at.store.root / bundle_name(entry.candidate)) / "gated" / "ranked_norms.npy"


def roll_back_unseen(at, release):
    """A rollback by a program that does not look at the files first, as ours does."""
    at.releases.append(at.releases.log().roll_back(release, "olga", "a test", "2026-01-16T00:00:00+00:00"))


class TestAge:
    def test_it_is_counted_from_the_end_of_the_data_day(self, copied):
        """36 hours after the day's end it is fresh, a moment later stale."""
        assert look_at_live(copied, END + 36 * HOUR).stale is False
        seen = look_at_live(copied, END + 36 * HOUR + timedelta(seconds=1))
        assert (seen.stale, seen.damage, seen.bound_hours) == (True, "", 36)
        assert seen.live == "Release 3 (data of 2026-01-15, 36 hours old) is live."

    def test_it_is_told_when_it_begins_and_when_it_ends(self, watch):
        """Stale for days is one alert; the next release ends it with another; then it can begin again."""
        stale, fresh = "The live recommendations are stale", "The live recommendations are fresh again"
        assert watch.look(END + 30 * HOUR) == []
        assert watch.look(END + 37 * HOUR) == [stale]
        assert watch.look(END + 38 * HOUR) == watch.look(END + 80 * HOUR) == []
        run(watch.at, date(2026, 1, 16))
        assert watch.look(END + 40 * HOUR) == [fresh]
        assert watch.look(END + 41 * HOUR) == []
        assert watch.look(END + 70 * HOUR) == [stale]
        assert len({alert.key for alert in watch.told}) == 3

    def test_a_rollback_while_it_is_stale_is_no_second_alert(self, watch):
        """Another release is live, and the listeners' recommendations are as old as they were told to be."""
        watch.look(END + 37 * HOUR)
        roll_back(watch.at, 2, SIGNED)
        assert watch.look(END + 38 * HOUR) == []

    def test_a_pin_is_named_as_the_cause(self, watch):
        """Who is woken up by a pinned release's age reads who pinned it and why."""
        set_pin(watch.at, True, SIGNED)
        watch.look(END + 37 * HOUR)
        assert "pinned by olga: a test" in watch.told[0].text

    def test_nothing_published_yet_is_no_alarm(self, tmp_path):
        """Before the first release there is nothing that could be stale."""
        watch = Watch(Workplace(PosixStore(tmp_path), config()))
        assert watch.look(END) == []
        assert look_at_live(watch.at, END).live == ""
        assert live_sentence(watch.at.store, END) == "Nothing has been published yet."


class TestSoundness:
    def test_a_damaged_file_is_told_once_and_its_repair_too(self, watch):
        """The alert names the file; while it lasts every look finds it again, in silence."""
        sound = gated_file(watch.at).read_bytes()
        damage(gated_file(watch.at))
        assert watch.look(END + HOUR) == ["What is live is damaged"]
        assert str(gated_file(watch.at)) in watch.told[0].text
        assert look_at_live(watch.at, END + 2 * HOUR).damage
        assert watch.look(END + 2 * HOUR) == []
        gated_file(watch.at).write_bytes(sound)
        assert watch.look(END + 3 * HOUR) == ["What is live is sound again"]
        assert watch.look(END + 4 * HOUR) == []

    def test_a_rollback_ends_it(self, watch):
        """Another release is live, whose files are read before it is called sound."""
        damage(gated_file(watch.at))
        watch.look(END + HOUR)
        roll_back(watch.at, 2, SIGNED)
        assert watch.look(END + 2 * HOUR) == ["What is live is sound again"]
        damage(gated_file(watch.at, 2))
        assert watch.look(END + 3 * HOUR) == [], "it was read an hour ago"
        assert "What is live is damaged" in watch.look(END + 27 * HOUR)

    def test_another_release_is_read_at_once(self, copied):
        """That the one before it was found sound an hour ago says nothing about it."""
        damage(gated_file(copied, 2))
        assert look_at_live(copied, END).damage == ""
        roll_back_unseen(copied, 2)
        assert look_at_live(copied, END + HOUR).damage

    def test_all_files_are_read_once_in_so_many_hours(self, copied):
        """Hourly looks read them once a day: a file that rots is found by the next reading, a new release at once."""
        said = []
        at = Workplace(copied.store, config(freshness={"verify_every_hours": 5}), progress=said.append)
        for hour in range(12):
            look_at_live(at, END + hour * HOUR)
        assert len([line for line in said if "checksum" in line]) == 3
        damage(gated_file(at))
        assert look_at_live(at, END + 14 * HOUR).damage == ""
        assert look_at_live(at, END + 15 * HOUR).damage

    @pytest.mark.parametrize("content", [b"", b"[]", b'{"at": "soon"}', b'{"at": null, "parts": {}}', b"[" * 99_999])
    def test_a_lost_note_of_the_last_reading_means_read_again(self, copied, content):
        """What is not known is found out."""
        note = copied.store.root / "releases" / "verified.json"
        note.write_bytes(content)
        damage(gated_file(copied))
        assert look_at_live(copied, END).damage

    def test_an_instant_without_a_zone_is_none(self, copied):
        """A note of what is live that cannot be compared with now: the files are read, and the look goes on."""
        note = {"parts": copied.releases.log().require_live().parts, "at": "2026-01-15T00:00:00"}
        (copied.store.root / "releases" / "verified.json").write_text(json.dumps(note))
        damage(gated_file(copied))
        assert look_at_live(copied, END).damage

    def test_a_clock_that_was_ahead_does_not_put_off_the_reading(self, copied):
        """A note from the future is none."""
        look_at_live(copied, END + 1000 * HOUR)
        damage(gated_file(copied))
        assert look_at_live(copied, END).damage

    def test_a_damaged_log_is_told_although_nobody_can_say_what_is_live(self, watch):
        """Neither fresh nor stale is claimed; a stale alarm that was open stays open."""
        watch.look(END + 37 * HOUR)
        entry = watch.at.store.root / "releases" / "log" / "3.json"
        sound = entry.read_bytes()
        damage(entry)
        assert watch.look(END + 38 * HOUR) == ["What is live is damaged"]
        assert look_at_live(watch.at, END).stale is None
        assert "cannot be said" in live_sentence(watch.at.store, END)
        entry.write_bytes(sound)
        assert watch.look(END + 39 * HOUR) == ["What is live is sound again"]

    def test_a_bundle_that_is_gone_is_damage(self, watch):
        """A removed directory is no reason to say that all is well, nor to fail without a word."""
        shutil.rmtree(gated_file(watch.at).parent)
        assert watch.look(END + HOUR) == ["What is live is damaged"]


def test_erasures_near_their_deadline_are_told_once_and_when_they_are_done(watch):
    """One alert a week before the thirty days are over, naming nobody, and one when nobody waits any more."""
    listener = Reader(watch.at.store).bundle.users.ids[3].as_py()
    ask_to_suppress(watch.at, str(listener), ERASE, replace(SIGNED, at=END.isoformat()))
    assert watch.look(END + 22 * 24 * HOUR) == ["The live recommendations are stale"]
    assert watch.look(END + 24 * 24 * HOUR) == ["Erasures are near their deadline and not done"]
    assert "due by 2026-02-15" in watch.told[-1].text
    assert watch.look(END + 25 * 24 * HOUR) == []
    retain(watch.at, END + 26 * 24 * HOUR)
    assert watch.look(END + 26 * 24 * HOUR) == ["No erasure is late any more"]


def test_a_damaged_list_of_erasures_hides_nothing_else(watch):
    """Nobody can say who is late, which is told; what is live is looked at as ever."""
    (watch.at.store.root / "suppressed").mkdir(exist_ok=True)
    (watch.at.store.root / "suppressed" / f"{'0' * 64}.json").write_bytes(b"{")
    told = watch.look(END + 36 * HOUR)
    assert "Erasures are near their deadline and not done" in told
    assert "Whose erasure is due cannot be said" in watch.told[-1].text
    assert look_at_live(watch.at, END + 36 * HOUR).live
