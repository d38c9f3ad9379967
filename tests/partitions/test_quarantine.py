"""Which dates are quarantined, why, and what each date is folded from."""

from datetime import date

import pytest
from strategies import play_counts

from recsys_tasks.partitions.checked import CheckedDays, Word
from recsys_tasks.partitions.data_quality import STOP, DataCheck
from recsys_tasks.partitions.figures import PartitionFigures
from recsys_tasks.partitions.quarantine import Quarantine, QuarantinedDay
from recsys_tasks.partitions.repository import Partitions, StoredPartition
from recsys_tasks.storage.stored_forms import NO_PLAYS, counts_digest

DAYS = [date(2026, 1, n) for n in (14, 15, 16)]
ONE, OTHER = play_counts({(1, 10): 2}), play_counts({(1, 10): 3})
VOLUME = DataCheck("volume", STOP, "10,000 streams", "0.5 to 2 times")
OLGA = Word("olga", "a festival", "2026-01-16T08:00:00+00:00", "run 1")


def save(partitions, day, counts):
    """Store the play counts of a date."""
    stored = StoredPartition(day, counts_digest(counts), "rule", None, PartitionFigures(1, 1, {}))
    partitions.save(stored, counts)
    return stored.digest


@pytest.fixture
def service(store):
    """Three dates with plays, of which the second was stopped: partitions, results of the checks, quarantine."""
    partitions, checked = Partitions(store), CheckedDays(store)
    digest, *_ = [save(partitions, day, ONE) for day in DAYS]
    checked.save_refused(DAYS[1], digest, [VOLUME])
    checked.save_found(DAYS[1], digest, [VOLUME])
    return partitions, checked, Quarantine(partitions, checked)


def test_a_quarantined_date_is_folded_as_an_empty_one(service):
    """Every other is folded from its newest version; a date that was never extracted is a hole, as before."""
    partitions, _, quarantine = service
    whole, empty, other = map(quarantine.folded_digest, DAYS)
    assert (whole, empty, other) == (partitions.digest(DAYS[0]), NO_PLAYS, partitions.digest(DAYS[2]))
    assert quarantine.folded_digest(date(2026, 1, 17)) is None


def test_the_reasons_are_told(service):
    """By date, in one sentence for pages, status and log."""
    *_, quarantine = service
    assert quarantine.days() == [quarantine.find(DAYS[1])] == [QuarantinedDay(DAYS[1], (VOLUME,))]
    assert quarantine.find(DAYS[0]) is None
    assert str(quarantine.find(DAYS[1])) == (
        "2026-01-15 is quarantined, and no play of it is used: volume: 10,000 streams, asked: 0.5 to 2 times"
    )


def test_a_person_lifts_it(service):
    """The accepted version is folded as it is."""
    partitions, checked, quarantine = service
    checked.save_accepted(DAYS[1], partitions.digest(DAYS[1]), [VOLUME], OLGA)
    assert (quarantine.days(), quarantine.folded_digest(DAYS[1])) == ([], partitions.digest(DAYS[1]))


def test_a_restatement_lifts_it(service):
    """Nobody has said anything against the streams that are there now; the bad ones, come back, are stopped again."""
    partitions, _, quarantine = service
    restated = save(partitions, DAYS[1], OTHER)
    assert (quarantine.days(), quarantine.folded_digest(DAYS[1])) == ([], restated)
    save(partitions, DAYS[1], ONE)
    assert quarantine.folded_digest(DAYS[1]) == NO_PLAYS
