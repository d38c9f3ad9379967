"""Somebody asks to be forgotten: nothing of them is left, in any file, whatever is rolled back or backfilled later."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from settings import SIGNED, config, run

from recsys_tasks.core.errors import ConfigError, UnknownId
from recsys_tasks.partitions.suppression import ERASE, EXCLUDE, SUPPRESSED
from recsys_tasks.release.log import ERASE as ERASED
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace, retain, roll_back
from recsys_tasks.steps.suppress import ask_to_suppress, readmit
from recsys_tasks.storage.search import Search, every_file

NOW = datetime(2026, 1, 17, tzinfo=UTC)


def listener_of(at, place=7):
    """A listener of the live release."""
    return Reader(at.store).bundle.users.ids[place].as_py()


def left_of(at, *user_ids, vectors=()):
    """Files that hold these people, by id or by vector; the list of requests is none of them."""
    names = list(every_file(at.store, but=("suppressed",)))
    return [found.name for found in Search(pa.array(user_ids, pa.int64()), vectors).of(at.store, names)]


def vector_of(at, user_id):
    """The vector of a listener in the live release."""
    users = Reader(at.store).bundle.users
    return users.vectors[users.ids.index(user_id).as_py()].tobytes()


class TestErasure:
    def test_nothing_is_left_after_the_next_run(self, copied):
        """No id and no vector in any file, all releases answer still, the gate passes, and a second search confirms."""
        user, reader = listener_of(copied), Reader(copied.store)
        vector = vector_of(copied, user)
        assert left_of(copied, user, vectors=[vector])
        person = ask_to_suppress(copied, str(user), ERASE, SIGNED)
        done = run(copied, date(2026, 1, 16))
        assert done.verdict.outcome == "PASS"
        assert left_of(copied, user, vectors=[vector]) == []
        (person,) = copied.suppressions.people()
        assert (bool(person.removed), person.is_open) == (True, True)
        evidence = copied.erasures.evidence(person.evidence[-1])
        assert evidence.searched.left == ()
        assert evidence.searched.vectors > 1
        assert {act.name.split("/")[0] for act in evidence.acts} >= {"partitions", "matrices", "models", "bundles"}
        assert (copied.releases.log().live.kind, copied.releases.log().live.release) == (ERASED, 4)
        assert reader.refresh() is None
        for number in (1, 2, 3, 4):
            assert not Reader(copied.store, number).recommend(user).known
        retain(copied, NOW)
        (person,) = copied.suppressions.people()
        assert (person.is_open, bool(person.confirmed)) == (False, True)
