"""The whole day on a real Postgres: what is stored, that it repeats itself, and what happens when things go wrong."""

from datetime import date

import numpy as np
import pytest
from conftest import execute
from settings import SIGNED, artefacts_of, config, run

from recsys_tasks.core.errors import GateRefused
from recsys_tasks.demo.world import PRESETS, build_world, write_world
from recsys_tasks.recommenders.als import Als
from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import (
    Workplace,
    build_index,
    evaluate,
    extract_streams,
    gate,
    increment_matrix,
    publish,
    release_candidate,
    roll_back,
    set_pin,
    train_als,
)
from recsys_tasks.steps.stored_models import open_model, split_of
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.temporary import TEMPORARY

DAY = date(2026, 1, 13)


class TestDay:
    def test_every_stream_is_accounted_for(self, finished):
        """Of each partition: rows read = kept + dropped; and the matrix holds exactly what was kept."""
        kept = 0
        for day in finished.partitions.days():
            newest = finished.partitions.newest(day)
            counts, figures = finished.partitions.load(day, newest.digest), newest.figures
            assert figures.rows_read == figures.rows_kept + sum(figures.dropped.values())
            assert figures.rows_kept == int(counts.plays.sum())
            kept += figures.rows_kept
        digest = increment_matrix(finished, date(2026, 1, 15)).matrix
        assert int(finished.matrices.load(date(2026, 1, 15), digest).counts.sum()) == kept

    def test_three_days_make_three_releases_better_than_popularity(self, finished):
        """Each day was judged against the one before, published, and clearly beats the popular tracks."""
        entries = finished.releases.log().entries
        assert [(e.release, e.day.day, e.verdict) for e in entries] == [
            (1, 13, "PASS"),
            (2, 14, "PASS"),
            (3, 15, "PASS"),
        ]
        assert all(e.figures["precision"] > 1.4 * e.figures["popularity"] for e in entries)
        assert [("pair" in e.figures) for e in entries] == [False, True, True]

    def test_a_recomputation_in_an_empty_root_gives_the_same_bytes(self, finished, tmp_path):
        """Partitions, matrices, factors, index, bundle and evaluation are byte for byte what they were."""
        again = Workplace(PosixStore(tmp_path), finished.config, finished.dsn)
        for n in (13, 14, 15):
            run(again, date(2026, 1, n))
        one, other = artefacts_of(finished.store.root), artefacts_of(tmp_path)
        assert one.keys() == other.keys()
        assert [name for name in one if one[name] != other[name]] == []
        assert any(name.endswith("index.ann") for name in one)

    def test_a_rerun_changes_nothing(self, copied):
        """The same day again stores no artefact, makes no release and says so."""
        before = artefacts_of(copied.store.root)
        outcome = run(copied, date(2026, 1, 15)).published
        assert (outcome.published, outcome.reason) == (False, "already published as release 3: nothing to do")
        assert artefacts_of(copied.store.root) == before
        assert len(copied.releases.log().entries) == 3

    def test_nothing_temporary_is_left(self, finished):
        """After a day no temporary remains."""
        assert list((finished.store.root / TEMPORARY).iterdir()) == []

    def test_the_days_after_the_first_start_warm(self, finished):
        """A day starts from yesterday's factors and needs fewer iterations; at times the calendar wants a cold one."""
        days = [date(2026, 1, n) for n in (13, 14, 15)]
        first, second, third = [finished.models.figures(day, finished.models.of(day)[0].digest) for day in days]
        assert (first.warm, second.warm) == (False, True)
        assert second.iterations < first.iterations
        assert third.warm is False, "15 January 2026 is a multiple of 28 days after 1970: cold by the calendar"

    def test_hidden_listeners_are_published_with_their_whole_history(self, finished):
        """While judged a hidden listener's day was unknown; the published vector solves for all of their plays."""
        live = finished.releases.log().require_live()
        key = finished.bundles.key(live.candidate)
        model, matrix = open_model(finished, live.day, key.component), finished.matrices.load(live.day, key.matrix)
        rows, factors = split_of(finished, model.key, matrix).gate_rows, model.component
        published = np.asarray(Reader(finished.store)._opened.bundle.users.vectors)
        expected = Als(finished.config.als).user_vectors(matrix.counts[rows], factors.item_factors)
        np.testing.assert_allclose(published[rows], expected, rtol=1e-4, atol=1e-6)
        assert not np.allclose(published[rows], factors.user_factors[rows], rtol=1e-2)
        others = np.setdiff1d(np.arange(len(published)), rows)
        np.testing.assert_array_equal(published[others], factors.user_factors[others])

    def test_no_secret_reaches_the_store(self, world_dsn, tmp_path):
        """The password of the source stands in no manifest, record or log entry."""
        secret = "canary-7391"  # noqa: S105 - the very thing that is looked for
        at = Workplace(PosixStore(tmp_path), config(), f"{world_dsn}&password={secret}")
        run(at, DAY)
        holding = [p for p in tmp_path.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
        assert holding == []


class TestOlderAndPinned:
    def test_an_older_date_does_not_go_live(self, copied):
        """A backfill of an earlier date is judged and kept, and the newer release stays live."""
        outcome = run(copied, date(2026, 1, 12))
        assert outcome.verdict.outcome in {"PASS", "HOLD"}
        assert copied.releases.log().require_live().release == 3
        assert (copied.store.root / bundle_name(outcome.candidate)).is_dir()

    def test_a_rollback_holds_against_the_next_day_until_unpinned(self, copied):
        """After a rollback the next day is kept back; after unpin it is published."""
        roll_back(copied, 1, SIGNED)
        assert "is pinned by olga" in run(copied, date(2026, 1, 16)).published.reason
        assert Reader(copied.store).entry.release == 1
        set_pin(copied, False, SIGNED)
        assert run(copied, date(2026, 1, 16)).published.published
        assert Reader(copied.store).entry.release == 5 + 1

    def test_a_late_stream_restates_its_day_and_the_release(self, copied, source_dsn):
        """A stream that arrives late changes its partition, the matrix from that day on, and the rerun republishes."""
        write_world(source_dsn, build_world(PRESETS["small"]))
        late = "INSERT INTO streams (event_id, user_id, track_id, streamed_at, ms_played, private_session) "
        execute(source_dsn, late + "VALUES (-1, 5, 10, '2026-01-14 12:00+00', 200000, false)")
        execute(source_dsn, late + "VALUES (-2, 5, 10, 'infinity', 200000, false)")
        at = Workplace(copied.store, copied.config, source_dsn)
        extracted = extract_streams(at, date(2026, 1, 15))
        assert (extracted.restated, extracted.unusable_instants) == ((date(2026, 1, 14),), 1)
        assert extracted.to_json()["tables"] == ["public.streams", "public.tracks"]
        outcome = run(at, date(2026, 1, 15))
        assert outcome.candidate != copied.releases.log().entries[2].candidate
        model = at.bundles.key(outcome.candidate).component
        assert at.models.figures(date(2026, 1, 15), model).warm is False


class TestGateSaysNo:
    def test_a_held_candidate_is_released_by_a_named_person(self, world_dsn, tmp_path):
        """Too few listeners: HOLD, nothing live; a named person releases it, and the log says who and why."""
        at = Workplace(PosixStore(tmp_path), config(gate={"min_users": 5000}), world_dsn)
        outcome = run(at, DAY)
        assert outcome.verdict.outcome == "HOLD"
        with pytest.raises(GateRefused, match="HOLD"):
            publish(at, DAY, outcome.candidate, SIGNED)
        assert release_candidate(at, outcome.candidate[:10], SIGNED).published
        live = at.releases.log().require_live()
        assert (live.by, live.why, live.verdict) == ("olga", "a test", "HOLD")

    def test_an_exact_check_cannot_be_overridden(self, world_dsn, tmp_path):
        """Recall below the bound: BLOCK, and nobody can release it."""
        at = Workplace(PosixStore(tmp_path), config(gate={"min_recall": 1.0}, index={"recall_target": 0.5}), world_dsn)
        outcome = run(at, DAY)
        assert (outcome.verdict.outcome, outcome.verdict.exact) == ("BLOCK", True)
        with pytest.raises(GateRefused, match="nobody can override"):
            release_candidate(at, outcome.candidate, SIGNED)
        assert at.releases.log().live is None

    def test_a_live_release_that_changed_is_judged_against_again(self, finished, tmp_path):
        """A candidate judged before another release went live is compared with that release before it is published."""
        at = Workplace(PosixStore(tmp_path), finished.config, finished.dsn)
        run(at, date(2026, 1, 13))
        later = date(2026, 1, 15)
        extract_streams(at, later)
        model = train_als(at, later, increment_matrix(at, later).split).model
        candidate = build_index(at, later, model).candidate
        assert gate(at, later, evaluate(at, later, candidate).judgement).outcome == "PASS"
        run(at, date(2026, 1, 14))
        assert publish(at, later, candidate, SIGNED).published
        against = {path.name.split("-")[1] for path in at.judgements.of(later, candidate)}
        assert against == {entry.candidate[:16] for entry in at.releases.log().entries[:2]}
