"""A day whose ids moved: what was made before it finds nothing on it. It is held, and later days do without it."""

import shutil
from dataclasses import replace
from datetime import date

import pytest
from conftest import execute
from settings import config, run

from recsys_tasks.core.errors import DataRefused
from recsys_tasks.demo.world import PRESETS, build_world, write_world
from recsys_tasks.gate import collapse
from recsys_tasks.gate.rules import COLLAPSE
from recsys_tasks.release.judgements import Judgement
from recsys_tasks.steps.verdict import recomputed
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.stored_forms import NO_PLAYS

D13, D14, D15, D16, D17 = (date(2026, 1, n) for n in (13, 14, 15, 16, 17))
PERMUTED = f"""
    WITH ids AS (SELECT DISTINCT track_id FROM streams), moved AS (
        SELECT track_id, coalesce(lead(track_id, 371) OVER (ORDER BY track_id), 1000000 - track_id) AS other FROM ids
    )
    UPDATE streams SET track_id = moved.other FROM moved WHERE streams.track_id = moved.track_id
    AND streamed_at >= '{D16} 00:00+00' AND streamed_at < '{D17} 00:00+00'
"""
UNSEEN = {"shape_warn": 300, "shape_stop": 300, "stop_tracks": (0.0, 1e9), "warn_tracks": (0.0, 1e9)}
"""Data checks that let such a day through, so that the gate is its first witness."""


@pytest.fixture(scope="module")
def judged(postgres, tmp_path_factory):
    """A service whose source holds two days more than the three that are judged; the ids of the first are permuted."""
    execute(postgres.get_uri(), "CREATE DATABASE moved")
    dsn = postgres.get_uri(database="moved")
    write_world(dsn, build_world(replace(PRESETS["small"], days=13)))
    execute(dsn, PERMUTED)
    at = Workplace(PosixStore(tmp_path_factory.mktemp("judged")), config(), dsn)
    for day in (D13, D14, D15):
        assert run(at, day).verdict.outcome == "PASS"
    yield at
    execute(postgres.get_uri(), "DROP DATABASE moved WITH (FORCE)")


@pytest.fixture
def service(judged, tmp_path, monkeypatch):
    """A store of the test's own, on which two days of a live release are history enough."""
    monkeypatch.setattr(collapse, "LEAST_DAYS", 2)
    shutil.copytree(judged.store.root, tmp_path / "store", symlinks=True)
    return Workplace(PosixStore(tmp_path / "store"), config(quality=UNSEEN), judged.dsn)


class TestPermutedDay:
    def test_the_data_checks_stop_it_before_anything_is_trained(self, service):
        """A week of history is enough to see that the popular tracks are others than yesterday's."""
        with pytest.raises(DataRefused, match="popularity of tracks"):
            run(replace(service, config=config()), D16)
        assert service.quarantine.find(D16) is not None

    def test_what_they_let_through_collapses_and_does_not_spoil_the_next_day(self, service):
        """HOLD with the days that it is compared with; the day after is made without it and goes live."""
        at = service
        held = run(at, D16)
        assert (held.verdict.outcome, held.verdict.figures["rule"]) == ("HOLD", COLLAPSE)
        assert "judged days from 2026-01-1" in held.verdict.reasons[0]
        assert held.live == 3
        next_day = run(at, D17)
        assert next_day.verdict.outcome == "PASS"
        assert next_day.live == 4
        matrix = at.bundles.key(next_day.candidate).matrix
        assert dict(at.matrices.chain(D17, matrix))[D16] == NO_PLAYS
        with pytest.raises(DataRefused, match="quarantined"):
            run(at, D16)

    def test_a_person_who_accepts_it_has_it_judged_once_more(self, service):
        """The same figures without the rule that the person has answered; both verdicts stay, and can be recomputed."""
        at = service
        held = run(at, D16)
        again = run(at, D16, accept_data="the ids were renumbered")
        assert again.candidate == held.candidate
        judgement = Judgement(D16, again.verdict.judgement)
        first, second = at.judgements.verdicts(judgement)
        assert first.verdict.figures["rule"] == COLLAPSE
        assert second.verdict.figures["rule"] != COLLAPSE
        assert second.again is not None
        assert second.again.why == "the ids were renumbered"
        stored, recomputed_now = recomputed(at.judgements, judgement)
        assert stored == recomputed_now
        assert at.quarantine.find(D16) is None
