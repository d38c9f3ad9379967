"""The salt of a store through all steps of a day: drawn once, kept for good, written in its own object alone."""

import json
import logging
import re
from datetime import UTC, date, datetime
from itertools import chain

import pytest
from settings import config, run

from recsys_tasks.core.digests import digest_of
from recsys_tasks.matrix.split import key_of_format_1
from recsys_tasks.release.lineage import lineage
from recsys_tasks.repositories.splits import SALT
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.matrix import increment_matrix
from recsys_tasks.steps.retain import retain
from recsys_tasks.steps.stored_models import open_model
from recsys_tasks.storage.posix import PosixStore

DAY = date(2026, 1, 13)


@pytest.fixture(scope="module")
def salted(world_dsn, tmp_path_factory):
    """A store whose configuration names no salt, after one day; its salt, and all that was said meanwhile."""
    said = []
    at = Workplace(
        PosixStore(tmp_path_factory.mktemp("salted")), config(evaluation={"salt": ""}), world_dsn, said.append
    )
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger().addHandler(handler)
    try:
        said.append(repr(run(at, DAY)))
    finally:
        logging.getLogger().removeHandler(handler)
    return at, json.loads(at.store.read(SALT))["salt"], said


class TestSalt:
    def test_it_is_drawn_where_none_is_named(self, salted):
        """128 random bits, and other ones than any store before; with a named salt nothing is drawn or kept."""
        _, salt, _ = salted
        assert re.fullmatch("[0-9a-f]{32}", salt)

    def test_a_named_salt_is_not_kept(self, finished):
        """The store of a configuration that names one holds no secret, and the log of the day says what that costs."""
        said = []
        assert not finished.store.holds(SALT)
        increment_matrix(Workplace(finished.store, finished.config, finished.dsn, said.append), DAY)
        assert any("whoever reads it can make accounts" in line for line in said)

    def test_it_stands_in_no_other_file(self, salted):
        """Neither artefacts nor manifests, records of runs with what goes through XCom, letters or reports hold it."""
        at, salt, said = salted
        holders = [
            str(path.relative_to(at.store.root))
            for path in at.store.root.rglob("*")
            if path.is_file() and salt.encode() in path.read_bytes()
        ]
        assert holders == [SALT]
        assert not [line for line in said if salt in line]
        assert list(at.store.root.rglob("report.html")), "the report was looked through"
        assert list(chain.from_iterable(map(at.runs.of_step, ["increment_matrix"]))), "so were the records"

    def test_it_is_shown_by_its_digest_alone(self, salted):
        """The way back tells whether two splits have the same salt, and not which."""
        at, salt, _ = salted
        found = lineage(at.store, at.releases.log().require_live().candidate)
        hidden = found["factors"]["hidden"]
        assert len(hidden["salt_digest"]) == 64
        assert hidden["min_history"] == 5
        assert salt not in str(found)

    def test_a_judgement_keeps_who_was_scored_and_who_had_no_history(self, salted):
        """The settings of the split without the salt, and the share of known listeners of under five tracks."""
        at, salt, _ = salted
        (judgement,) = at.judgements.of(DAY)
        key, figures = at.judgements.key(judgement), at.judgements.load(judgement).figures
        assert (key.k, key.evaluation["min_history"]) == (10, 5)
        assert key.evaluation["salt_digest"] == digest_of("salt", salt)
        assert 0.05 < figures["thin_share"] < 0.3

    def test_a_rerun_hides_the_same_listeners(self, salted):
        """The salt is found, and with it the split, its model and everything after."""
        at, _, _ = salted
        live = at.releases.log().require_live()
        assert (
            increment_matrix(at, DAY).split == open_model(at, DAY, at.bundles.key(live.candidate).component).key.split
        )

    def test_the_split_of_a_day_before_it_stays(self, copied):
        """What was hidden from a day's training before salts were drawn is hidden from it when the day is run again."""
        made = increment_matrix(copied, DAY)
        at = Workplace(copied.store, config(evaluation={"salt": ""}), copied.dsn)
        former = key_of_format_1(DAY, made.matrix, at.config.evaluation)
        at.splits.save(former, at.splits.load(DAY, made.split))
        assert increment_matrix(at, DAY).split == former.digest
        other = Workplace(copied.store, config(evaluation={"salt": "another"}), copied.dsn)
        assert increment_matrix(other, DAY).split not in (former.digest, made.split)

    def test_retention_never_removes_it(self, salted):
        """Ten years later, when everything else that may go has gone."""
        at, salt, _ = salted
        retain(at, datetime(2036, 1, 1, tzinfo=UTC))
        assert json.loads(at.store.read(SALT))["salt"] == salt
