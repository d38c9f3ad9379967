"""The suppression list: it recognises people without naming them, and keeps what was asked of it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from recsys_tasks.core.errors import CorruptArtefact, UnknownId
from recsys_tasks.partitions.suppression import ERASE, EXCLUDE, KEY, Suppressions, known_id, person_name

AT, FRESH = "2026-01-05T00:00:00+00:00", "ab" * 32
DAY = date(2026, 1, 5)


def asked(store, user_id, kind=ERASE, by="olga"):
    """Somebody on the list."""
    return Suppressions(store).ask(user_id, kind, by, "a reason", AT, FRESH)


class TestList:
    def test_who_is_on_it_is_left_out_whenever_the_source_is_read(self, store):
        """By the keyed hash alone: the record may have forgotten the id long ago."""
        person = asked(store, 7)
        suppressions = Suppressions(store)
        suppressions.save(replace(person, user_id=None))
        rows = pa.chunked_array([[5, 7, 7, 8]])
        assert suppressions.now().left_out(rows, DAY).tolist() == [False, True, True, False]
        assert suppressions.now().left_out(pa.chunked_array([[5, 8]]), DAY) is None
        assert b"7" not in store.read(person_name(person.reference)).replace(person.reference.encode(), b"")

    def test_who_was_readmitted_counts_from_that_date_on(self, store):
        """Earlier dates leave them out, whenever they are extracted anew."""
        suppressions = Suppressions(store)
        suppressions.save(replace(asked(store, 7), readmitted="2026-01-06"))
        rows = pa.chunked_array([[7, 8]])
        assert suppressions.now().left_out(rows, DAY).tolist() == [True, False]
        assert suppressions.now().left_out(rows, DAY + timedelta(days=1)) is None

    def test_another_store_has_other_references(self, store, tmp_path):
        """The list of one says nothing to who has another one's key."""
        other = Suppressions(store).ask(8, ERASE, "olga", "a reason", AT, FRESH)
        assert asked(store, 8).reference == other.reference != asked(store, 9).reference

    def test_asking_twice_changes_nothing(self, store):
        """The first request stays, with its deadline; an exclusion becomes an erasure, never the other way round."""
        first = asked(store, 7)
        assert asked(store, 7, EXCLUDE, by="ada") == asked(store, 7, by="ada") == first
        assert asked(store, 8, EXCLUDE).kind == EXCLUDE
        assert asked(store, 8, by="ada").kind == asked(store, 8, EXCLUDE).kind == ERASE

    def test_who_is_gone_is_looked_for_again(self, store):
        """After a backup was restored, say: the request is open anew, still an erasure, and keeps its evidence."""
        gone = Suppressions(store).save(replace(asked(store, 7), user_id=None, confirmed=AT, evidence=(1,)))
        again = asked(store, 7, EXCLUDE, by="ada")
        assert (again.is_open, again.kind, again.confirmed, again.evidence) == (True, ERASE, "", gone.evidence)

    def test_an_exclusion_has_no_deadline(self, store):
        """Nobody has a right to it by a date."""
        assert asked(store, 7).deadline(30) == datetime(2026, 2, 4, tzinfo=UTC)
        assert asked(store, 8, EXCLUDE).deadline(30) is None

    def test_without_its_key_the_list_is_refused(self, store):
        """Somebody who was erased would be back without a word."""
        asked(store, 7)
        store.remove(KEY)
        with pytest.raises(CorruptArtefact, match="Restore it"):
            Suppressions(store).now()

    def test_a_damaged_record_is_refused(self, store):
        """It may be of anybody."""
        store.replace(person_name(asked(store, 7).reference), b"{}")
        with pytest.raises(CorruptArtefact, match="suppression list"):
            Suppressions(store).now()

    def test_an_empty_list_leaves_nobody_out(self, store):
        """A store of before has none, and no key is made for it."""
        assert Suppressions(store).now().left_out(pa.chunked_array([[5]]), DAY) is None
        assert not store.holds(KEY)


@pytest.mark.parametrize(
    ("text", "kind", "known"),
    [
        ("7", "bigint", 7),
        (" -7", "bigint", -7),
        ("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "uuid", None),
        ("ü", "text", "ü"),
    ],
)
def test_an_id_as_partitions_hold_it(text, kind, known):
    """Whole numbers as numbers, uuids as Postgres writes them, texts as they are."""
    assert known_id(text, kind) == (known if known is not None else text.lower())


@pytest.mark.parametrize(("text", "kind"), [("x", "bigint"), ("9" * 30, "bigint"), ("1.5", "bigint"), ("7", "uuid")])
def test_what_is_no_id_is_refused_without_repeating_it(text, kind):
    """It may name somebody, and the message stands in logs."""
    with pytest.raises(UnknownId) as refusal:
        known_id(text, kind)
    assert text not in str(refusal.value).split()
