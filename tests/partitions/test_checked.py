"""What is kept of the checks of a version of a date: what was found, what was refused, and who let it pass."""

from dataclasses import asdict
from datetime import date

import pytest
from stored_objects import flip

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.partitions.checked import FOLDER, FOUND, REFUSED, Acceptance, CheckedDays, Word
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
