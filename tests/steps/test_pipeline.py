"""The whole day on a real Postgres: what is stored, that it repeats itself, and what happens when things go wrong."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from conftest import execute
from settings import SIGNED, TOML, artefacts_of, config, damage, run

from recsys_tasks.cli.main import main
from recsys_tasks.core.errors import CorruptArtefact, GateRefused, NotStored, RecsysError
from recsys_tasks.demo.world import PRESETS, build_world, write_world
from recsys_tasks.recommenders.als import fold_in_users
from recsys_tasks.release.releases import read_log
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
    source_is_complete,
    train_als,
)
from recsys_tasks.steps.train import holdout_of
from recsys_tasks.steps.workplace import recorded
from recsys_tasks.storage.files import TEMPORARY
from recsys_tasks.storage.store import Store

DAY = date(2026, 1, 13)


class TestDay:
    def test_every_stream_is_accounted_for(self, finished):
        """Of each partition: rows read = kept + dropped; and the matrix holds exactly what was kept."""
        kept = 0
        for day in finished.store.partition_days():
            manifest = finished.store.partition_manifest(day)
            counts, figures = finished.store.load_partition(day, manifest["digest"]), manifest["figures"]
            dropped = sum(value for name, value in figures.items() if name.startswith("dropped_"))
            assert figures["rows_read"] == figures["rows_kept"] + dropped
            assert figures["rows_kept"] == int(counts.plays.sum())
            kept += figures["rows_kept"]
        digest = increment_matrix(finished, date(2026, 1, 15))["matrix"]
        assert int(finished.store.load_matrix(date(2026, 1, 15), digest).counts.sum()) == kept

    def test_three_days_make_three_releases_better_than_popularity(self, finished):
        """Each day was judged against the one before, published, and clearly beats the popular tracks."""
        entries = read_log(finished.store).entries
        assert [(e.release, e.day.day, e.verdict) for e in entries] == [
            (1, 13, "PASS"),
            (2, 14, "PASS"),
            (3, 15, "PASS"),
        ]
        assert all(e.figures["precision"] > 1.4 * e.figures["popularity"] for e in entries)
        assert [("pair" in e.figures) for e in entries] == [False, True, True]

    def test_a_recomputation_in_an_empty_root_gives_the_same_bytes(self, finished, tmp_path):
        """Partitions, matrices, factors, index, bundle and evaluation are byte for byte what they were."""
        again = Workplace(Store(tmp_path), finished.config, finished.dsn)
        for n in (13, 14, 15):
            run(again, date(2026, 1, n))
        one, other = artefacts_of(finished.store.root), artefacts_of(tmp_path)
        assert one.keys() == other.keys()
        assert [name for name in one if one[name] != other[name]] == []
        assert any(name.endswith("index.ann") for name in one)

    def test_a_rerun_changes_nothing(self, copied):
        """The same day again stores no artefact, makes no release and says so."""
        before = artefacts_of(copied.store.root)
        outcome = run(copied, date(2026, 1, 15))["published"]
        assert (outcome["published"], outcome["reason"]) == (False, "already published as release 3: nothing to do")
        assert artefacts_of(copied.store.root) == before
        assert len(read_log(copied.store).entries) == 3

    def test_nothing_temporary_is_left(self, finished):
        """After a day no temporary remains."""
        assert list((finished.store.root / TEMPORARY).iterdir()) == []

    def test_the_days_after_the_first_start_warm(self, finished):
        """A day starts from yesterday's factors and needs fewer iterations; at times the calendar wants a cold one."""
        first, second, third = [finished.store.models_of(date(2026, 1, n))[0]["figures"] for n in (13, 14, 15)]
        assert (first["warm"], second["warm"]) == (False, True)
        assert second["iterations"] < first["iterations"]
        assert third["warm"] is False, "15 January 2026 is a multiple of 28 days after 1970: cold by the calendar"

    def test_hidden_listeners_are_published_with_their_whole_history(self, finished):
        """While judged a hidden listener's day was unknown; the published vector solves for all of their plays."""
        live = read_log(finished.store).require_live()
        key = finished.store.gated_part(live.candidate).manifest["key"]
        factors, model = finished.store.load_model(live.day, key["model"])
        matrix = finished.store.load_matrix(live.day, key["matrix"])
        rows = holdout_of(finished, model.manifest["key"], matrix).user_rows
        published = np.asarray(Reader(finished.store)._opened.bundle.users.vectors)
        expected = fold_in_users(matrix.counts[rows], factors.item_factors, finished.config.als)
        np.testing.assert_allclose(published[rows], expected, rtol=1e-4, atol=1e-6)
        assert not np.allclose(published[rows], factors.user_factors[rows], rtol=1e-2)
        others = np.setdiff1d(np.arange(len(published)), rows)
        np.testing.assert_array_equal(published[others], factors.user_factors[others])

    def test_no_secret_reaches_the_store(self, world_dsn, tmp_path):
        """The password of the source stands in no manifest, record or log entry."""
        secret = "canary-7391"  # noqa: S105 - the very thing that is looked for
        at = Workplace(Store(tmp_path), config(), f"{world_dsn}&password={secret}")
        run(at, DAY)
        holding = [p for p in tmp_path.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
        assert holding == []


class TestOlderAndPinned:
    def test_an_older_date_does_not_go_live(self, copied):
        """A backfill of an earlier date is judged and kept, and the newer release stays live."""
        outcome = run(copied, date(2026, 1, 12))
        assert outcome["verdict"]["outcome"] in {"PASS", "HOLD"}
        assert read_log(copied.store).require_live().release == 3
        assert copied.store.bundle_path(outcome["candidate"]).is_dir()

    def test_a_rollback_holds_against_the_next_day_until_unpinned(self, copied):
        """After a rollback the next day is kept back; after unpin it is published."""
        roll_back(copied, 1, SIGNED)
        assert "is pinned by olga" in run(copied, date(2026, 1, 16))["published"]["reason"]
        assert Reader(copied.store).entry.release == 1
        set_pin(copied, False, SIGNED)
        assert run(copied, date(2026, 1, 16))["published"]["published"]
        assert Reader(copied.store).entry.release == 5 + 1

    def test_a_late_stream_restates_its_day_and_the_release(self, copied, source_dsn):
        """A stream that arrives late changes its partition, the matrix from that day on, and the rerun republishes."""
        write_world(source_dsn, build_world(PRESETS["small"]))
        late = "INSERT INTO streams (event_id, user_id, track_id, streamed_at, ms_played, private_session) "
        execute(source_dsn, late + "VALUES (-1, 5, 10, '2026-01-14 12:00+00', 200000, false)")
        execute(source_dsn, late + "VALUES (-2, 5, 10, 'infinity', 200000, false)")
        at = Workplace(copied.store, copied.config, source_dsn)
        extracted = extract_streams(at, date(2026, 1, 15))
        assert (extracted["restated"], extracted["unusable_instants"]) == (["2026-01-14"], 1)
        outcome = run(at, date(2026, 1, 15))
        assert outcome["candidate"] != read_log(copied.store).entries[2].candidate
        model = at.store.find_candidate(outcome["candidate"])["key"]["model"]
        assert at.store.load_model(date(2026, 1, 15), model)[1].figures["warm"] is False


class TestGateSaysNo:
    def test_a_held_candidate_is_released_by_a_named_person(self, world_dsn, tmp_path):
        """Too few listeners: HOLD, nothing live; a named person releases it, and the log says who and why."""
        at = Workplace(Store(tmp_path), config(gate={"min_users": 5000}), world_dsn)
        outcome = run(at, DAY)
        assert outcome["verdict"]["outcome"] == "HOLD"
        with pytest.raises(GateRefused, match="HOLD"):
            publish(at, DAY, outcome["candidate"], SIGNED)
        assert release_candidate(at, outcome["candidate"][:10], SIGNED)["published"]
        live = read_log(at.store).require_live()
        assert (live.by, live.why, live.verdict) == ("olga", "a test", "HOLD")

    def test_an_exact_check_cannot_be_overridden(self, world_dsn, tmp_path):
        """Recall below the bound: BLOCK, and nobody can release it."""
        at = Workplace(Store(tmp_path), config(gate={"min_recall": 1.0}, index={"recall_target": 0.5}), world_dsn)
        outcome = run(at, DAY)
        assert (outcome["verdict"]["outcome"], outcome["verdict"]["exact"]) == ("BLOCK", True)
        with pytest.raises(GateRefused, match="nobody can override"):
            release_candidate(at, outcome["candidate"], SIGNED)
        assert read_log(at.store).live is None

    def test_a_live_release_that_changed_is_judged_against_again(self, finished, tmp_path):
        """A candidate judged before another release went live is compared with that release before it is published."""
        at = Workplace(Store(tmp_path), finished.config, finished.dsn)
        run(at, date(2026, 1, 13))
        later = date(2026, 1, 15)
        extract_streams(at, later)
        model = train_als(at, later, increment_matrix(at, later)["matrix"])["model"]
        candidate = build_index(at, later, model)["candidate"]
        assert gate(at, later, evaluate(at, later, candidate)["judgement"])["outcome"] == "PASS"
        run(at, date(2026, 1, 14))
        assert publish(at, later, candidate, SIGNED)["published"]
        against = {path.name.split("-")[1] for path in at.store.evaluations_of(later, candidate)}
        assert against == {entry.candidate[:16] for entry in read_log(at.store).entries[:2]}


class TestReader:
    def test_nobody_is_shown_what_they_played(self, finished):
        """The lists of many listeners hold none of their tracks, ten each, best first."""
        reader = Reader(finished.store)
        users = reader._opened.bundle.users
        tracks = reader._opened.bundle.gated.tracks.ids
        for row in range(0, len(users.ids), 97):
            answer = reader.recommend(users.ids[row].as_py())
            played = {tracks[int(c)].as_py() for c in users.cols[users.indptr[row] : users.indptr[row + 1]]}
            assert not played & {track.track_id for track in answer.tracks}
            assert len(answer.tracks) == 10
            assert sorted((t.score for t in answer.tracks), reverse=True) == [t.score for t in answer.tracks]

    def test_an_unknown_listener_gets_the_popular_tracks_and_is_told(self, finished):
        """A listener whom the release does not know is shown what most others played."""
        answer = Reader(finished.store).recommend(10**9)
        assert not answer.known
        assert answer.tracks[0].score >= answer.tracks[-1].score > 1
        assert answer.tracks[0].title

    def test_it_switches_to_a_newer_release(self, copied):
        """A reader that is open moves to the next release, and keeps its own when the next is damaged."""
        reader = Reader(copied.store, 2)
        assert reader.refresh() is None
        assert reader.entry.release == 3
        run(copied, date(2026, 1, 16))
        bundle = copied.store.bundle_path(read_log(copied.store).require_live().candidate)
        damage(bundle / "gated" / "index.ann")
        assert "release 3 is kept" in reader.refresh()
        assert len(reader.recommend(5).tracks) == 10
        with pytest.raises(CorruptArtefact, match=r"index\.ann"):
            Reader(copied.store)


class TestDamage:
    @pytest.mark.parametrize(
        "pattern",
        ["bundles/*/gated/index.ann", "bundles/*/gated/*.npy", "bundles/*/names/*", "bundles/*/users-*/*.npy"],
    )
    def test_a_damaged_bundle_is_never_answered_from(self, copied, pattern):
        """One flipped byte in any part of the live bundle: readers refuse, and name the file."""
        live = copied.store.bundle_path(read_log(copied.store).require_live().candidate)
        for path in live.glob(pattern.removeprefix("bundles/*/")):
            damage(path)
        with pytest.raises(CorruptArtefact, match=live.name):
            Reader(copied.store)

    @pytest.mark.parametrize("kind", ["partitions", "matrices", "models"])
    def test_a_damaged_input_stops_the_next_day(self, copied, kind):
        """A flipped byte in what the next day builds on is seen before it is used, and nothing is published."""
        for path in (copied.store.root / kind).glob("2026-01-15*/*"):
            if path.name != "manifest.json":
                damage(path)

        def use():
            """A partition is asked for itself: the next run would extract it again."""
            if kind == "partitions":
                return copied.store.load_partition(date(2026, 1, 15), copied.store.partition_digest(date(2026, 1, 15)))
            return run(copied, date(2026, 1, 16))

        with pytest.raises(CorruptArtefact, match="differs from"):
            use()
        assert read_log(copied.store).require_live().release == 3

    def test_a_missing_partition_is_named(self, copied):
        """A matrix is never folded over a hole."""
        shutil.rmtree(copied.store.partition_path(date(2026, 1, 9)))
        with pytest.raises(NotStored, match="2026-01-09"):
            increment_matrix(copied, date(2026, 1, 15))


class TestWaiting:
    def test_a_day_is_complete_when_time_and_streams_say_so(self, finished):
        """Not within the grace period; after it, once a later stream is there; at the latest after the longest wait."""
        last = date(2026, 1, 16)
        clock = {h: datetime(2026, 1, 17, h, tzinfo=UTC) for h in (0, 2, 7)}
        assert not source_is_complete(finished, last, clock[0])
        assert not source_is_complete(finished, last, clock[2])
        assert source_is_complete(finished, last, clock[7])
        assert source_is_complete(finished, date(2026, 1, 15), datetime(2026, 1, 16, 2, tzinfo=UTC))


def command(root, dsn, *words, toml=TOML):
    """A command line in a process of its own, as a user types it."""
    root.mkdir(exist_ok=True)
    (root / "config.toml").write_text(toml)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    environment |= {"RECSYS_ROOT": str(root / "store"), "RECSYS_CONFIG": str(root / "config.toml")}
    environment |= {"RECSYS_SOURCE_DSN": dsn} if dsn else {}
    return subprocess.run(
        [sys.executable, "-m", "recsys_tasks", *words], env=environment, capture_output=True, text=True, check=False
    )


REFUSALS = {
    "a wrong column": (TOML.replace("[source]", '[source]\nms_played = "milliseconds"'), (), "milliseconds"),
    "a missing table": (TOML.replace("[source]", '[source]\nstreams_table = "plays"'), (), "plays"),
    "a field that is unknown": (TOML + "\n[gates]\nfloor = 1\n", (), "gates"),
    "a field out of bounds": (TOML.replace("margin = 0.5", "margin = 5"), (), "gate.margin"),
    "an empty day": (TOML, ("--date", "2026-02-01"), "allow-empty-day"),
    "a day before the history": (TOML, ("--date", "2025-12-31"), "history_start"),
    "no date": (TOML, ("--date", "yesterday"), "YYYY-MM-DD"),
}


class TestCommandLine:
    @pytest.mark.parametrize(("toml", "words", "said"), REFUSALS.values(), ids=REFUSALS.keys())
    def test_a_refusal_is_one_line_that_says_what_to_do(self, world_dsn, tmp_path, toml, words, said):
        """Wrong configuration and impossible days: one line on standard error, exit code not 0, nothing judged."""
        found = command(tmp_path, world_dsn, "run", *(words or ("--date", "2026-01-06")), toml=toml)
        refusal = found.stderr.strip().splitlines()[-1]
        assert found.returncode in {1, 2}
        assert said in refusal
        assert "Traceback" not in found.stderr
        assert not (tmp_path / "store" / "matrices").exists()

    def test_an_unreachable_source_is_said_without_its_password(self, tmp_path):
        """Nobody listens there: one line with host and database, never the password."""
        found = command(tmp_path, "postgresql://u:hush-5521@127.0.0.1:1/music", "run", "--date", "2026-01-06")
        assert found.returncode == 1
        assert found.stderr.startswith("SourceUnavailable: ")
        assert "127.0.0.1" in found.stderr
        assert "hush-5521" not in found.stderr + found.stdout

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("similar", "99999999"), "UnknownId"),
            (("recommend", "not-a-number"), "UnknownId"),
            (("rollback", "77", "--by", "o", "--why", "w"), "no release 77"),
            (("release", "ffff", "--by", "o", "--why", "w"), "0 candidates"),
            (("recommend", "5", "-k", "0"), "ConfigError"),
            (("similar", "99999999999999999999"), "UnknownId"),
            (("recommend", "123456789"), "UnknownId"),
            (("run", "--date", "2999-01-01"), "DayIncomplete"),
            (("world", "make", "--start", "foo"), "YYYY-MM-DD"),
        ],
    )
    def test_unknown_things_are_named(self, copied, capsys, tmp_path, words, said):
        """A track, listener, release or candidate that does not exist is an error with its name."""
        (tmp_path / "config.toml").write_text(TOML)
        environment = {
            "RECSYS_ROOT": str(copied.store.root),
            "RECSYS_CONFIG": str(tmp_path / "config.toml"),
            "USER": "o",
        }
        assert main(words, environment) != 0
        assert said in capsys.readouterr().err

    def test_what_it_answers_can_be_read_by_machines(self, copied, capsys):
        """recommend, similar, verify and status print JSON on request."""
        environment = {"RECSYS_ROOT": str(copied.store.root), "USER": "o"}
        answers = {}
        for words in (("recommend", "5"), ("similar", "10"), ("verify",), ("status",)):
            assert main([*words, "--json"], environment) == 0
            answers[words[0]] = json.loads(capsys.readouterr().out)
        assert len(answers["recommend"]["tracks"]) == len(answers["similar"]["tracks"]) == 10
        assert answers["verify"]["release"] == answers["status"]["live"]["release"] == 3
        assert [day["outcome"] for day in answers["status"]["days"]] == ["PASS"] * 3
        steps = answers["status"]["steps"]
        assert [step["step"] for step in steps][:3] == ["extract_streams", "check_data", "increment_matrix"]
        assert all(step["seconds"] >= 0 and step["peak_megabytes"] > 10 and step["outcome"] == "ok" for step in steps)
        assert len({step["run_id"] for step in steps}) == 1

    def test_a_step_is_charged_with_its_own_memory(self, tmp_path):
        """What an earlier step held and gave back is not in the peak of a later one."""
        store = Store(tmp_path)
        for step, megabytes in (("large", 400), ("small", 1)):
            with recorded(store, "run", step, "olga", lambda: datetime.now(UTC)):
                assert np.ones(megabytes << 17).sum() > 0
        large, small = (store.read_run("run", step)["peak_megabytes"] for step in ("large", "small"))
        assert large - small > 300

    def test_before_the_first_release_it_says_so(self, tmp_path, capsys):
        """An empty store is no error for status, and a plain one for recommend."""
        environment = {"RECSYS_ROOT": str(tmp_path), "USER": "o"}
        assert main(["status"], environment) == 0
        assert "Nothing has been published yet" in capsys.readouterr().out
        assert main(["recommend", "5"], environment) == 1
        assert "NoRelease" in capsys.readouterr().err


def test_every_error_is_of_the_one_root():
    """Whatever the library refuses with can be caught as RecsysError."""
    import recsys_tasks.core.errors as errors

    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(one, RecsysError) for one in classes)
