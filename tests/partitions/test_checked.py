"""What is kept of the checks of a version of a date: what was found, what was refused, and who let it pass."""

from dataclasses import asdict
from datetime import date

import pytest
from stored_objects import flip

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.partitions.checked import COLLAPSE, FOLDER, FOUND, REFUSED, Acceptance, CheckedDays, Word
from recsys_tasks.partitions.data_quality import OK, STOP, DataCheck
from recsys_tasks.storage.manifest import MANIFEST

DAY, OTHER = date(2026, 1, 15), date(2026, 1, 12)
VERSION, RESTATED = digest_of("a version"), digest_of("another version")
VOLUME = DataCheck("volume", STOP, "10,000 streams", "0.5 to 2 times")
BOT = DataCheck("most plays by one user", STOP, "200,000", "at most 3,000")
SCHEMA = DataCheck("schema", OK, "tables and columns", "the configuration's")
OLGA = Word("olga", "a festival", "2026-01-16T08:00:00+00:00", "run 1")


@pytest.fixture
def checked(store):
    """The checked days of an empty store."""
    return CheckedDays(store)


def kept(store, kind):
    """Names of what is kept of a kind for the day."""
    return [name for name in store.names(f"{FOLDER}/{DAY}") if name.startswith(kind)]


class TestFound:
    def test_nobody_looked(self, checked):
        """A version that was never checked is told from one in which nothing was found."""
        assert checked.found(DAY, VERSION) is None
        checked.save_found(DAY, VERSION, [])
        assert checked.found(DAY, VERSION) == []

    def test_every_check_comes_back(self, checked):
        """Name, outcome, what was found and what was asked, in their order, those that passed too."""
        checked.save_found(DAY, VERSION, [SCHEMA, VOLUME])
        assert checked.found(DAY, VERSION) == [SCHEMA, VOLUME]
        assert checked.found(DAY, RESTATED) is None
        assert checked.found(OTHER, VERSION) is None

    def test_the_newest_look_counts(self, checked, store):
        """The policy may change between two looks at one version: only the second is kept."""
        checked.save_found(DAY, VERSION, [VOLUME])
        checked.save_found(DAY, VERSION, [SCHEMA])
        assert checked.found(DAY, VERSION) == [SCHEMA]
        assert len(kept(store, FOUND)) == 1

    def test_a_damaged_result_is_refused(self, checked, store):
        """A flipped byte is no finding: the candidate's figures would repeat it."""
        checked.save_found(DAY, VERSION, [VOLUME])
        (name,) = kept(store, FOUND)
        flip(store, f"{FOLDER}/{DAY}/{name}/{MANIFEST}")
        with pytest.raises(CorruptArtefact):
            checked.found(DAY, VERSION)


class TestRefused:
    def test_a_refused_date_is_remembered_for_ever(self, checked):
        """Dates of which a version was ever refused, rising, each once; a look or a word alone makes none of them."""
        checked.save_found(OTHER, VERSION, [VOLUME])
        checked.save_accepted(OTHER, VERSION, [VOLUME], OLGA)
        assert checked.refused_days() == []
        for day in (DAY, OTHER, DAY):
            checked.save_refused(day, VERSION, [VOLUME])
        checked.save_refused(DAY, RESTATED, [BOT])
        assert checked.refused_days() == [OTHER, DAY]

    def test_a_rerun_keeps_nothing_more(self, checked, store):
        """The same checks on the same version are one record; other checks, or another version, are their own."""
        for _ in range(2):
            checked.save_refused(DAY, VERSION, [VOLUME])
        assert len(kept(store, REFUSED)) == 1
        checked.save_refused(DAY, VERSION, [VOLUME, BOT])
        checked.save_refused(DAY, RESTATED, [VOLUME])
        assert len(kept(store, REFUSED)) == 3


class TestAccepted:
    def test_a_word_says_who_why_and_for_what(self, checked):
        """The whole acceptance comes back, with the checks by name and what they found in words."""
        checked.save_accepted(DAY, VERSION, [VOLUME, BOT], OLGA)
        found = (str(VOLUME), str(BOT))
        expected = Acceptance(DAY, VERSION, ("volume", "most plays by one user"), found, **asdict(OLGA))
        assert checked.accepted(DAY, VERSION) == [expected]

    def test_a_word_holds_for_its_version_alone(self, checked):
        """A restated date, a date that was never extracted and another date have nobody's word."""
        checked.save_accepted(DAY, VERSION, [VOLUME], OLGA)
        for day, version in ((DAY, RESTATED), (DAY, None), (OTHER, VERSION)):
            assert checked.accepted(day, version) == []

    def test_the_first_word_stays(self, checked):
        """A second person who accepts the same takes nobody's place; who accepts more has an own record."""
        checked.save_accepted(DAY, VERSION, [VOLUME], OLGA)
        checked.save_accepted(DAY, VERSION, [VOLUME], Word("paul", "me too", "2026-01-17T08:00:00+00:00"))
        assert [each.by for each in checked.accepted(DAY, VERSION)] == ["olga"]
        checked.save_accepted(DAY, VERSION, [BOT], Word("paul", "a known bot", "2026-01-17T08:00:00+00:00"))
        assert {each.by: each.checks for each in checked.accepted(DAY, VERSION)} == {
            "olga": ("volume",),
            "paul": ("most plays by one user",),
        }


class TestStops:
    def stop(self, checked, *checks, day=DAY, version=VERSION):
        """Refuse a version, as check_data does."""
        checked.save_refused(day, version, checks)
        checked.save_found(day, version, [*checks, SCHEMA])

    def test_a_refused_version_is_stopped_and_no_other_is(self, checked):
        """Every check that says stop, and none that passed; a restated date has to be looked at first."""
        self.stop(checked, VOLUME, BOT)
        assert checked.stops(DAY, VERSION) == (VOLUME, BOT)
        assert checked.is_quarantined(DAY, VERSION)
        for day, version in ((DAY, RESTATED), (OTHER, VERSION)):
            assert checked.stops(day, version) == ()
            assert not checked.is_quarantined(day, version)

    def test_nobody_has_looked(self, checked):
        """History is not quarantined: nothing was ever checked of it, or found without being refused."""
        assert checked.stops(DAY, VERSION) == ()
        checked.save_found(DAY, VERSION, [VOLUME])
        assert checked.stops(DAY, VERSION) == ()

    def test_the_newest_look_counts(self, checked):
        """Wider bounds: what was refused once stops it no more, and does again under the old ones."""
        self.stop(checked, VOLUME)
        checked.save_found(DAY, VERSION, [SCHEMA])
        assert checked.stops(DAY, VERSION) == ()
        self.stop(checked, VOLUME)
        assert checked.stops(DAY, VERSION) == (VOLUME,)

    def test_a_person_lifts_what_he_names_and_nothing_else(self, checked):
        """The rest still stops the version; a word for another version stops nothing of this one."""
        self.stop(checked, VOLUME, BOT)
        checked.save_accepted(DAY, RESTATED, [BOT], OLGA)
        checked.save_accepted(DAY, VERSION, [VOLUME], OLGA)
        assert checked.stops(DAY, VERSION) == (BOT,)
        checked.save_accepted(DAY, VERSION, [BOT], OLGA)
        assert not checked.is_quarantined(DAY, VERSION)

    def test_a_collapse_stops_its_version_until_a_person_accepts_it(self, checked):
        """No look at the streams lifts it; the first finding stays, and the date is looked at from then on."""
        for found in ("0.0007, 0.0048 on the 28 days before", "another finding"):
            checked.save_collapse(DAY, VERSION, found)
        checked.save_found(DAY, VERSION, [SCHEMA])
        (stop,) = checked.stops(DAY, VERSION)
        assert (stop.name, stop.outcome, stop.found) == (COLLAPSE, STOP, "0.0007, 0.0048 on the 28 days before")
        assert (checked.stops(DAY, RESTATED), checked.refused_days()) == ((), [DAY])
        checked.save_accepted(DAY, VERSION, [stop], OLGA)
        assert not checked.is_quarantined(DAY, VERSION)

    def test_a_collapse_stands_beside_the_data_checks(self, checked):
        """Both are told, and both have to be accepted."""
        self.stop(checked, VOLUME)
        checked.save_collapse(DAY, VERSION, "0.0007")
        assert [stop.name for stop in checked.stops(DAY, VERSION)] == ["volume", COLLAPSE]
