"""What was stored stays what it was when the past, the configuration or the store changes around it."""

import shutil
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from conftest import execute
from settings import SIGNED, TOML, artefacts_of, config, damage, run

from recsys_tasks.cli.main import main
from recsys_tasks.core.errors import ConfigError, CorruptArtefact, EmptyDay, GateRefused
from recsys_tasks.demo.world import PRESETS, build_world, write_world
from recsys_tasks.matrix.row_ranges import whole
from recsys_tasks.matrix.split import hold_out
from recsys_tasks.partitions.repository import partition_name
from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.release.log import PUBLISH, PUBLISH_OLDER
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
from recsys_tasks.steps.evaluate import NOT_COMPARABLE
from recsys_tasks.steps.stored_models import split_of
from recsys_tasks.storage.posix import PosixStore

D13, D14, D15, D16 = (date(2026, 1, n) for n in (13, 14, 15, 16))
INSERT = "INSERT INTO streams (event_id, user_id, track_id, streamed_at, ms_played, private_session) VALUES "


@pytest.fixture
def changing_dsn(source_dsn):
    """A source with the small world that a test may change."""
    write_world(source_dsn, build_world(PRESETS["small"]))
    return source_dsn


class TestHeldWhileThePastChanges:
    def test_a_held_candidate_is_finished_from_what_it_was_made_of(self, changing_dsn, tmp_path):
        """Its day was restated since, with a track and a listener unknown to it: it is released all the same."""
        at = Workplace(PosixStore(tmp_path), config(gate={"min_users": 5000}), changing_dsn)
        held = run(at, D13).candidate
        key = at.bundles.key(held)
        many = "generate_series(1, 300)"
        execute(
            changing_dsn,
            INSERT.removesuffix("VALUES ") + f"SELECT -g, 5, 10, '2026-01-13 12:00+00', 99000, false FROM {many} g",
            INSERT + "(-999, 777777, 888888, '2026-01-13 12:00+00', 99000, false)",
        )
        assert extract_streams(at, D14).restated == (D13,)
        matrix = at.matrices.load(D13, key.matrix)
        split = hold_out(matrix, split_of(at, at.models.key(D13, key.component), matrix))
        assert whole(split.training).data.max() <= matrix.counts.data.max()
        assert release_candidate(at, held, SIGNED).published
        assert len(Reader(at.store).recommend(5).tracks) == 10

    def test_a_candidate_keeps_its_split_and_its_parameters(self, finished, copied, tmp_path):
        """Another salt and other weights in the file hide nobody else of a stored model, nor fold anybody in anew."""
        other = config(evaluation={"salt": "another"}, als={"a": 30.0, "regularization": 0.5, "factors": 8})
        candidate = finished.releases.log().require_live().candidate
        key = finished.bundles.key(candidate)
        model, matrix = finished.models.key(D15, key.component), finished.matrices.load(D15, key.matrix)
        rows = [split_of(Workplace(finished.store, c), model, matrix).gate_rows for c in (finished.config, other)]
        np.testing.assert_array_equal(*rows)
        (copied.store.root / "releases" / "log" / "3.json").unlink()
        bundle = copied.store.root / bundle_name(candidate)
        (users,) = bundle.glob("users-*")
        before = (users / "user_vectors.npy").read_bytes()
        shutil.rmtree(users)
        assert publish(Workplace(copied.store, other, copied.dsn), D15, candidate, SIGNED).published
        assert (users / "user_vectors.npy").read_bytes() == before


class TestEmptyDays:
    def test_an_allowed_empty_day_does_not_stop_the_days_after_it(self, changing_dsn, tmp_path):
        """Allowed once by name, the empty date passes through the late window of the following runs."""
        execute(changing_dsn, "DELETE FROM streams WHERE streamed_at::date = '2026-01-13'")
        at = Workplace(PosixStore(tmp_path), config(), changing_dsn)
        with pytest.raises(EmptyDay, match="2026-01-13"):
            extract_streams(at, D13)
        extract_streams(at, D13, allow_empty=True)
        assert extract_streams(at, D14).figures.rows_kept > 0

    def test_allowing_one_empty_day_wipes_no_other(self, changing_dsn, tmp_path):
        """A day that was full and is empty now is refused, though the run allows its own date to be empty."""
        at = Workplace(PosixStore(tmp_path), config(), changing_dsn)
        extract_streams(at, D14)
        execute(changing_dsn, "DELETE FROM streams WHERE streamed_at::date = '2026-01-13'")
        before = at.partitions.digest(D13)
        with pytest.raises(EmptyDay, match=r"2026-01-13, where [\d,]+ were before"):
            extract_streams(at, D14, allow_empty=True)
        assert at.partitions.digest(D13) == before


class TestPartitions:
    def test_a_writer_that_died_between_its_two_files_is_no_obstacle(self, finished, copied):
        """Counts without a manifest are no partition: the next run extracts the day again."""
        ((copied.store.root / partition_name(date(2026, 1, 9))) / "manifest.json").unlink()
        assert copied.partitions.digest(date(2026, 1, 9)) is None
        assert extract_streams(copied, D15).first_extracted == 1
        name = "partitions/2026-01-09/manifest.json"
        assert artefacts_of(copied.store.root)[name] == artefacts_of(finished.store.root)[name]

    def test_another_rule_extracts_every_day_again(self, copied):
        """A rule that lets more streams qualify reaches the whole history, not only the late window."""
        longer = Workplace(copied.store, config(source={"min_ms_played": 1000}), copied.dsn)
        assert len(extract_streams(longer, D15).restated) == 11
        assert extract_streams(longer, D15).restated == ()


class TestPublishOlder:
    def test_older_data_go_live_on_a_named_persons_word_and_stay(self, copied):
        """Kept without it; with it an entry says who and why, and holds against the next day until it is unpinned."""
        outcome = run(copied, D14, cold_start=True)
        candidate, why = outcome.candidate, "the newer day holds a bot"
        assert outcome.published.reason.endswith("those of live release 3 end 2026-01-15: kept, not published")
        with pytest.raises(ConfigError, match="Say who you are"):
            publish(copied, D14, candidate, replace(SIGNED, by=" "), publish_older=why)
        for _try in range(2):  # the second: killed before it could say so, and retried
            assert publish(copied, D14, candidate, SIGNED, publish_older=why).published
        live = copied.releases.log().require_live()
        assert (live.number, live.release, live.kind, live.day) == (4, 4, PUBLISH_OLDER, D14)
        assert (live.by, live.why, live.pinned) == ("olga", why, True)
        assert Reader(copied.store).entry == live
        assert f"release 4 is pinned by olga ({why})" in run(copied, D16).published.reason
        set_pin(copied, False, SIGNED)
        assert run(copied, D16).published.published

    @pytest.mark.parametrize(
        ("policy", "outcome", "said"),
        [
            ({"gate": {"min_users": 5000}}, "HOLD", "The gate said HOLD"),
            ({"gate": {"min_recall": 1.0}, "index": {"recall_target": 0.5}}, "BLOCK", "nobody can override"),
        ],
    )
    def test_what_the_gate_refused_does_not_go_live_as_older_data(self, copied, policy, outcome, said):
        """The word is about the age of the data alone: a held candidate is not released by it, nor a broken one."""
        strict = Workplace(copied.store, config(**policy), copied.dsn)
        found = run(strict, D14, cold_start=True, publish_older="why not")
        assert found.verdict.outcome == outcome
        with pytest.raises(GateRefused, match=said):
            publish(strict, D14, found.candidate, SIGNED, publish_older="why not")
        assert len(copied.releases.log().entries) == 3

    def test_a_held_older_candidate_goes_live_when_a_person_says_both(self, copied):
        """Held and older: `release` alone keeps it; with ``older_too`` it goes live, pinned, with its reason."""
        strict = Workplace(copied.store, config(gate={"min_users": 5000}), copied.dsn)
        held = run(strict, D14, cold_start=True).candidate
        assert not release_candidate(strict, held, SIGNED).published
        assert release_candidate(strict, held, SIGNED, older_too=True).published
        live = copied.releases.log().require_live()
        assert (live.kind, live.day, live.pinned) == (PUBLISH_OLDER, D14, True)
        assert (live.by, live.why, live.verdict) == (SIGNED.by, SIGNED.why, "HOLD")

    def test_the_word_changes_nothing_where_no_newer_data_are_live(self, finished, tmp_path):
        """An ordinary publish stays one: not pinned, and for its own reason."""
        at = Workplace(PosixStore(tmp_path), finished.config, finished.dsn)
        run(at, D13, publish_older="just in case")
        live = at.releases.log().require_live()
        assert (live.kind, live.pinned, live.why) == (PUBLISH, False, SIGNED.why)


class TestCommandLine:
    @pytest.fixture
    def environment(self, copied, tmp_path):
        """What a shell would give the command."""
        (tmp_path / "config.toml").write_text(TOML)
        paths = {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(tmp_path / "config.toml")}
        return paths | {"RECSYS_SOURCE_DSN": copied.dsn, "USER": "olga"}

    def test_a_rerun_tells_what_became_of_the_partition(self, environment, capsys):
        """Below the table: the date is unchanged; no matrix was stale, so none is folded again."""
        assert main(["run", "--date", "2026-01-15", "--rebuild-through"], environment) == 0
        assert capsys.readouterr().out.splitlines()[-1] == "2026-01-15 unchanged"

    @pytest.mark.parametrize("word", ["--publish-older", "--accept-data"])
    def test_a_word_for_one_run_is_refused_for_a_range(self, environment, capsys, word):
        """Nobody has looked at all of these days."""
        assert main(["run", "--date", "2026-01-13", "--to", "2026-01-14", word, "a bot"], environment) == 2
        assert f"{word} speaks for one run" in capsys.readouterr().err

    def test_a_dry_run_of_retention_is_a_table(self, environment, capsys):
        """Each artefact with its size; fresh ones are none."""
        assert main(["retention", "--dry-run"], environment) == 0
        assert capsys.readouterr().out == "0 removed, 0 bytes (dry run: nothing was).\n"


class TestReruns:
    def test_another_model_of_yesterday_makes_no_second_release_of_today(self, copied):
        """Yesterday was trained again from a cold start; today's rerun finds its own model and changes nothing."""
        run(copied, D14, cold_start=True)
        before = len(copied.releases.log().entries)
        assert "already published" in run(copied, D15).published.reason
        assert len(copied.releases.log().entries) == before

    def test_a_publisher_that_was_killed_before_it_could_say_so_says_so_when_retried(self, copied):
        """The same run asks again: what is live is its own work, so the asset's event is not lost; another's is not."""
        live = copied.releases.log().require_live()
        assert publish(copied, D15, live.candidate, replace(SIGNED, run_id=live.run_id)).published
        assert not publish(copied, D15, live.candidate, replace(SIGNED, run_id="another")).published
        assert len(copied.releases.log().entries) == 3

    @pytest.mark.parametrize("live", [2, 3])
    def test_a_rerun_is_never_compared_with_what_has_seen_its_hidden_plays(self, copied, live):
        """Release 2 was trained on this very day, release 3 on it as a day of its history: release 1 is asked."""
        for number in range(live + 1, 4):
            (copied.store.root / "releases" / "log" / f"{number}.json").unlink()
        candidate = run(copied, D14, cold_start=True).candidate
        (judgement,) = copied.judgements.of(D14, candidate)
        assert copied.judgements.key(judgement).incumbent_release == 1

    def test_a_release_that_is_gone_is_nobodys_incumbent(self, copied):
        """A backfilled day whose earlier releases retention removed says NOT COMPARABLE instead of failing."""
        for entry in copied.releases.log().entries[:2]:
            shutil.rmtree(copied.store.root / bundle_name(entry.candidate))
        outcome = run(copied, D14, cold_start=True)
        assert NOT_COMPARABLE in outcome.verdict.reasons

    def test_a_release_that_was_rolled_back_is_nobodys_incumbent(self, copied):
        """A restated day is compared with the newest release before it that nobody took back."""
        roll_back(copied, 1, SIGNED)
        set_pin(copied, False, SIGNED)
        assert [e.release for e in copied.releases.log().before(D16)] == [2, 1]

    def test_a_damaged_part_is_never_published(self, finished, tmp_path):
        """One flipped byte in the names: publish refuses before the log is touched."""
        at = Workplace(PosixStore(tmp_path), finished.config, finished.dsn)
        extract_streams(at, D13)
        model = train_als(at, D13, increment_matrix(at, D13).split).model
        candidate = build_index(at, D13, model).candidate
        gate(at, D13, evaluate(at, D13, candidate).judgement)
        damage((at.store.root / bundle_name(candidate)) / "names" / "names.parquet")
        with pytest.raises(CorruptArtefact, match=r"names\.parquet"):
            publish(at, D13, candidate, SIGNED)
        assert at.releases.log().live is None
