"""Somebody asks to be forgotten: nothing of them is left, in any file, whatever is rolled back or backfilled later."""

import shutil
import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from conftest import execute
from settings import SIGNED, config, run
from stored_objects import flip

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.mentions import MARK
from recsys_tasks.core.policy import PrivacyConfig
from recsys_tasks.demo.world import PRESETS, build_world, write_world
from recsys_tasks.evaluation.samples import sampled
from recsys_tasks.partitions.suppression import ERASE, EXCLUDE, SUPPRESSED
from recsys_tasks.release.log import ERASE as ERASED
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace, extract_streams, look_at_live, retain, roll_back, set_pin
from recsys_tasks.steps.suppress import ask_to_suppress, readmit, rewrite_partitions
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.search import Search, every_file

DAY, NEXT = date(2026, 1, 15), date(2026, 1, 16)
NOW = datetime(2026, 1, 17, tzinfo=UTC)
WRITES = ("put", "create", "replace", "remove")


def listener_of(at, place=20):
    """A listener of the live release, by row: the first ones came on the first dates."""
    return Reader(at.store).bundle.users.ids[place].as_py()


def ask(at, user_id, kind=ERASE, why="they wrote to us"):
    """Ask as olga, on the day of the tests."""
    return ask_to_suppress(at, str(user_id), kind, replace(SIGNED, why=why, at=NOW.isoformat()))


def left_of(at, *user_ids, vectors=()):
    """Files that hold these people, by id or by vector; the list of requests is none of them."""
    names = list(every_file(at.store, but=("suppressed",)))
    return [found.name for found in Search(pa.array(user_ids, pa.int64()), vectors).of(at.store, names)]


def vectors_of(at, user_id):
    """The vectors of a listener in all releases that know them."""
    users = [Reader(at.store, entry.release).bundle.users for entry in at.releases.log().releases]
    rows = [(each, each.ids.index(user_id).as_py()) for each in users]
    return [each.vectors[row].tobytes() for each, row in rows if row >= 0]


def person_in(at):
    """The one person on the list."""
    (person,) = at.suppressions.people()
    return person


class TestErasure:
    def test_nothing_is_left_after_the_next_run(self, copied):
        """No id and no vector in any file, open readers switch, all releases answer, the gate passes; a second search
        confirms, and only then is the id forgotten."""
        user, reader = listener_of(copied), Reader(copied.store)
        vectors = vectors_of(copied, user)
        assert len(left_of(copied, user, vectors=vectors)) > 10
        ask(copied, user)
        assert run(copied, NEXT).verdict.outcome == "PASS"
        assert left_of(copied, user, vectors=vectors) == []
        person, log = person_in(copied), copied.releases.log()
        assert (bool(person.removed), person.is_open, log.live.kind, log.live.release) == (True, True, ERASED, 4)
        evidence = copied.erasures.evidence(person.evidence[-1])
        assert (evidence.searched.left, evidence.searched.vectors >= len(set(vectors))) == ((), True)
        assert {act.name.split("/")[0] for act in evidence.acts} >= {"partitions", "matrices", "models", "bundles"}
        assert (reader.recommend(user).known, reader.refresh(), reader.recommend(user).known) == (True, None, False)
        assert not any(Reader(copied.store, entry.release).recommend(user).known for entry in log.releases)
        assert retain(copied, NOW).erased.confirmed == 1
        person = person_in(copied)
        assert (person.user_id, bool(person.confirmed), left_of(copied, user)) == (None, True, [])

    def test_neither_a_rollback_nor_a_backfill_brings_them_back(self, copied):
        """An older release goes live without them; a date whose partition was lost is extracted without them, and the
        source still has them."""
        user = listener_of(copied)
        vectors = vectors_of(copied, user)
        ask(copied, user)
        extract_streams(copied, DAY)
        retain(copied, NOW)
        roll_back(copied, 1, SIGNED)
        assert not Reader(copied.store).recommend(user).known
        set_pin(copied, False, SIGNED)
        retain(copied, NOW)
        assert person_in(copied).user_id is None
        lost = next(iter(copied.partitions.days()))
        copied.store.remove(f"partitions/{lost}")
        run(copied, DAY)
        newest = copied.partitions.newest(lost)
        assert newest.figures.dropped[SUPPRESSED] > 0
        assert left_of(copied, user, vectors=vectors) == []

    def test_rewriting_gives_what_extracting_gives(self, copied, tmp_path):
        """A store that never knew the person holds the same partitions, figures, checks and matrices to the byte."""
        user = listener_of(copied)
        ask(copied, user)
        extract_streams(copied, DAY)
        other = Workplace(PosixStore(tmp_path / "other"), copied.config, copied.dsn)
        shutil.copytree(copied.store.root / "suppressed", other.store.root / "suppressed")
        shutil.copytree(copied.store.root / "secrets", other.store.root / "secrets")
        extract_streams(other, DAY)
        for day in copied.partitions.days():
            assert copied.partitions.newest(day) == other.partitions.newest(day)

    def test_a_day_without_requests_reads_and_writes_nothing_more(self, copied):
        """No key, no list, no evidence, and no entry in the log."""
        before = len(copied.releases.log().entries)
        erased = retain(copied, NOW).erased
        assert (erased.evidence, len(copied.releases.log().entries)) == (0, before)
        assert not any(copied.store.holds(name) for name in ("suppressed", "erasures", "secrets/suppression_key.json"))

    def test_who_was_never_there_is_done_at_once(self, copied):
        """The search says so, and no artefact is touched."""
        ask(copied, 10**15)
        before = len(copied.releases.log().entries)
        erased = retain(copied, NOW).erased
        evidence = copied.erasures.evidence(erased.evidence)
        assert (erased.removed, erased.left, evidence.acts) == (1, (), ())
        assert len(copied.releases.log().entries) == before

    def test_a_pin_outlives_an_erasure(self, copied):
        """It is still told who pinned and why, and scheduled runs stay where they are."""
        set_pin(copied, True, replace(SIGNED, why="it is the best"))
        ask(copied, listener_of(copied))
        retain(copied, NOW)
        live = copied.releases.log().live
        assert (live.kind, live.pinned, live.by, live.why.startswith("it is the best (1 person")) == (
            ERASED,
            True,
            "olga",
            True,
        )
        assert "pinned by olga (it is the best" in copied.releases.log().decide("new", NEXT).reason

    def test_what_is_damaged_is_told_and_nobody_is_called_removed(self, copied):
        """A table that cannot be read may hold the person: the evidence names it, and the next run looks again."""
        ask(copied, listener_of(copied))
        name = f"partitions/{DAY}/plays-{copied.partitions.digest(DAY)[:16]}.parquet"
        flip(copied.store, name)
        erased = retain(copied, NOW).erased
        assert (erased.removed, erased.left, person_in(copied).removed) == (0, (name,), "")
        extract_streams(copied, DAY)  # mends it
        assert retain(copied, NOW).erased.left == ()


class TestKilled:
    def test_killed_at_any_write_it_converges(self, copied, tmp_path):
        """Stopped before one write after another, and begun again: nothing is left, every release is whole, and the
        evidence has every line."""
        user, writes = listener_of(copied), 0
        ask(copied, user)
        vectors, whole = vectors_of(copied, user), None
        while True:
            root = tmp_path / f"killed-{writes}"
            shutil.copytree(copied.store.root, root)
            at = Workplace(Dying(root, writes), copied.config, copied.dsn)
            died = False
            try:
                retain(at, NOW)
            except Killed:
                died = True
            again = Workplace(PosixStore(root), copied.config, copied.dsn)
            retain(again, NOW)
            assert left_of(again, user, vectors=vectors) == []
            person = person_in(again)
            acts = Counter(
                act.name for number in again.erasures.numbers() for act in again.erasures.evidence(number).acts
            )
            whole = whole or acts.keys()
            assert (bool(person.removed), acts.keys() >= whole or not died) == (True, True)
            for entry in again.releases.log().releases:
                assert not Reader(again.store, entry.release).recommend(user).known
            shutil.rmtree(root)
            if not died:
                break
            writes += 1 if writes < 3 else 23
        assert writes > 20


class Killed(BaseException):
    """The process ends here."""


class Dying(PosixStore):
    """A store whose user is killed before its n-th write."""

    def __init__(self, root, writes):
        super().__init__(root)
        self.left = writes

    def __getattribute__(self, name):
        if name in WRITES:
            if self.left == 0:
                raise Killed
            self.left -= 1
        return super().__getattribute__(name)


class TestTraces:
    def test_names_in_what_others_wrote_are_marked(self, copied):
        """A reason in the log, a record of a run: the mention goes, the entry stays sound and live as before."""
        user = listener_of(copied)
        set_pin(copied, True, replace(SIGNED, why=f"listener {user} complains"))
        copied.runs.save("by hand", "publish", {"why": f"for user {user}", "result": {}})
        person = ask(copied, user, why=f"user {user} asked")
        assert person.why == f"user {MARK} asked"
        retain(copied, NOW)
        assert copied.releases.entry(4).why == f"listener {MARK} complains"
        assert copied.runs.last("by hand", "publish")["why"] == f"for user {MARK}"
        assert left_of(copied, user) == []

    def test_a_report_that_shows_their_tracks_loses_its_samples(self, copied):
        """The five listeners of a report have no ids, but their tracks are theirs; other reports keep their samples."""
        judgements = copied.judgements.of()
        shown = copied.judgements.load(judgements[-1])
        row = int(shown.per_user["user_row"][sampled(shown.per_user["activity"])[2]])
        key = copied.bundles.key(shown.key.candidate)
        users, _ = copied.matrices.vocabularies(key.day, key.matrix)
        ask(copied, users.ids[row].as_py())
        retain(copied, NOW)
        after = [len(copied.judgements.load(each).samples) for each in judgements]
        assert (after[-1], max(after) > 0) == (0, True)
        assert b"<html" in copied.judgements.report(judgements[-1])
        assert run(copied, NEXT).verdict.outcome == "PASS"

    def test_a_quarantine_holds_for_the_rewritten_day(self, copied):
        """What was found in the streams was found in what is left of them, and an acceptance stays one."""
        strict = Workplace(
            copied.store, config(quality={"stop_plays_by_one_user": 1, "warn_plays_by_one_user": 1}), copied.dsn
        )
        with pytest.raises(Exception, match="quarantined"):
            run(strict, NEXT)
        assert copied.quarantine.find(NEXT)
        counts = copied.partitions.load(NEXT, copied.partitions.digest(NEXT))
        ask(copied, counts.user_ids[0].as_py())
        assert NEXT in rewrite_partitions(copied)
        assert copied.quarantine.find(NEXT)


class TestComingBack:
    @pytest.fixture(scope="class")
    def lone(self, postgres, tmp_path_factory):
        """A store of one day, and the name of its source's database, with a listener who is the only one of a track;
        every component answers. Both are copied, and changed by no test."""
        execute(postgres.get_uri(), "CREATE DATABASE lone_listener")
        dsn = postgres.get_uri(database="lone_listener")
        write_world(dsn, build_world(PRESETS["small"]))
        execute(dsn, *(_stream(f"2026-01-13 {hour}:00+00", hour) for hour in (11, 12)))
        blend = {"components": ["als", "recent", "neighbours"]}
        settings = config(blend=blend, evaluation={"blend_share": 0.2})
        at = Workplace(PosixStore(tmp_path_factory.mktemp("lone")), settings, dsn)
        run(at, date(2026, 1, 13))
        yield at
        execute(postgres.get_uri(), "DROP DATABASE lone_listener WITH (FORCE)")

    @pytest.fixture
    def own(self, lone, postgres, tmp_path):
        """A copy of both that a test may change."""
        name = f"test_{uuid.uuid4().hex}"
        execute(postgres.get_uri(), f"CREATE DATABASE {name} TEMPLATE lone_listener")
        shutil.copytree(lone.store.root, tmp_path / "store", symlinks=True)
        yield Workplace(PosixStore(tmp_path / "store"), lone.config, postgres.get_uri(database=name))
        execute(postgres.get_uri(), f"DROP DATABASE {name} WITH (FORCE)")

    def test_the_only_listener_of_a_track_takes_it_along(self, own):
        """The next matrix has no column for it; releases that had it answer still."""
        assert 777_777 in Reader(own.store).bundle.gated.tracks.ids.to_pylist()
        ask(own, 888_888)
        done = run(own, date(2026, 1, 14))
        _, tracks = own.matrices.vocabularies(done.day, own.bundles.key(done.candidate).matrix)
        assert 777_777 not in tracks.ids.to_pylist()
        rewritten = Reader(own.store, 1)
        assert rewritten.similar(rewritten.bundle.gated.tracks.ids[0].as_py(), 3).tracks
        assert rewritten.recommend(rewritten.bundle.users.ids[0].as_py(), 3).known

    def test_who_comes_back_stays_away_until_readmitted(self, own):
        """New streams of the same id do not count; readmitted, those from that date on do, and no earlier one."""
        ask(own, 888_888)
        with pytest.raises(ConfigError, match="not gone yet"):
            readmit(own, "888888", SIGNED, NEXT)
        run(own, date(2026, 1, 14))
        retain(own, NOW)
        execute(own.dsn, *(_stream(f"2026-01-{day} 12:00+00", day) for day in (14, 15)))
        extract_streams(own, DAY)
        assert left_of(own, 888_888) == []
        readmit(own, "888888", SIGNED, DAY)
        run(own, DAY, accept_data="a small world")
        assert 888_888 not in _users_on(own, date(2026, 1, 14))
        own.store.remove(f"partitions/{DAY}")
        extract_streams(own, DAY)
        assert 888_888 in _users_on(own, DAY)
        assert 888_888 not in _users_on(own, date(2026, 1, 13))

    def test_the_source_may_name_who_is_to_be_erased(self, own):
        """A table of the source is read first by each run; who leaves it again stays erased."""
        execute(own.dsn, "CREATE TABLE gdpr (who bigint)", "INSERT INTO gdpr VALUES (888888), (888888), (NULL)")
        named = PrivacyConfig(erased_users_table="gdpr", erased_user_id="who")
        at = Workplace(own.store, own.config.model_copy(update={"privacy": named}), own.dsn)
        run(at, date(2026, 1, 14))
        assert (person_in(at).by, person_in(at).why, bool(person_in(at).removed)) == (
            "the source",
            "named in gdpr",
            True,
        )
        execute(own.dsn, "TRUNCATE gdpr")
        run(at, DAY)
        assert (len(at.suppressions.people()), left_of(at, 888_888)) == (1, [])

    def test_an_excluded_bot_takes_the_same_path(self, own):
        """It is in no file after the next run, and no deadline presses."""
        ask(own, 888_888, EXCLUDE)
        run(own, date(2026, 1, 14))
        assert left_of(own, 888_888) == []
        assert person_in(own).deadline(30) is None


class TestDeadline:
    @pytest.mark.parametrize(("days", "late"), [(22, False), (23, True), (31, True)])
    def test_an_alert_comes_before_the_deadline(self, copied, days, late):
        """A week before the thirty days are over, if nothing was done; an exclusion has none."""
        ask(copied, listener_of(copied), EXCLUDE)
        assert not look_at_live(copied, NOW + timedelta(days=days)).late_erasures
        ask(copied, listener_of(copied, 3))
        seen = look_at_live(copied, NOW + timedelta(days=days)).late_erasures
        assert bool(seen) is late
        assert not late or "1 erasures are not done, the first of them due by 2026-02-16" in seen


def _users_on(at, day):
    counts = at.partitions.load(day, at.partitions.digest(day))
    return set(counts.user_ids.to_pylist())


def _stream(at, number):
    return f"INSERT INTO streams VALUES ({9_000_000 + number}, 888888, 777777, '{at}', 40000, false)"
