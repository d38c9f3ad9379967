"""A quarantined day is an empty link of the chain, until it is mended or accepted: then the later dates fold again."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from checked_days import DAY, START, at_thirty_days, check, clear, fill, tenfold, thirty_days
from conftest import copy_of
from settings import SIGNED, TOML, artefacts_of, config, run

from recsys_tasks.cli.main import main
from recsys_tasks.core.errors import DataRefused
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.partitions.checked import COLLAPSE
from recsys_tasks.release.lineage import LEFT_OUT, SINCE_QUARANTINED, lineage
from recsys_tasks.reporting.overview import overview, status_text
from recsys_tasks.steps import (
    Workplace,
    check_data,
    extract_streams,
    increment_matrix,
    release_candidate,
    retain,
    write_report,
)
from recsys_tasks.steps.matrix import chain_of, stale_from
from recsys_tasks.steps.opened_candidate import conservation_of
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.stored_forms import NO_PLAYS

AFTER, LATER = DAY + timedelta(days=1), DAY + timedelta(days=2)
D13, D14, D15, D16 = (date(2026, 1, n) for n in (13, 14, 15, 16))
FOUND = "0.0007 for the candidate, 0.0048 on the 28 days before"


@pytest.fixture
def service(source_dsn, tmp_path):
    """Thirty ordinary days."""
    return thirty_days(source_dsn, tmp_path / "store")


def fold(at, day):
    """Extract, check and fold a day; its matrix."""
    check(at, day)
    return at.matrices.load(day, increment_matrix(at, day).matrix)


def refuse(at, day):
    """Load a day ten times, and run its check."""
    tenfold(at.dsn, day)
    with pytest.raises(DataRefused):
        check(at, day)


def mend(at, day):
    """Load a day as it ought to be, and check it in the run of a later one."""
    clear(at.dsn, day)
    fill(at.dsn, day)


def collapse(at, day):
    """Quarantine a date as the gate does when the precision of its candidate collapsed."""
    at.checked.save_collapse(day, at.partitions.digest(day), FOUND)


@pytest.fixture(scope="module")
def stepped_over(finished, tmp_path_factory):
    """The finished store with the 15th quarantined and the 16th run behind it; copied by tests, changed by none."""
    at = copy_of(finished, tmp_path_factory.mktemp("quarantine") / "store")
    collapse(at, D15)
    assert run(at, D16).published.published
    return at


@pytest.fixture
def behind(stepped_over, tmp_path):
    """A copy of it that a test may break."""
    return copy_of(stepped_over, tmp_path / "store")


def matrices_and_splits(at):
    """The stored files of all matrices and splits: name -> bytes."""
    files = artefacts_of(at.store.root)
    return {name: content for name, content in files.items() if name.startswith(("matrices", "splits"))}


class TestChain:
    def test_the_day_after_is_folded_over_an_empty_link(self, source_dsn, store):
        """In a store of each kind: 1,000 plays from each of the other days, and the numbers add up."""
        thirty_days(source_dsn, "/nowhere")
        at = at_thirty_days(source_dsn, store)
        refuse(at, DAY)
        matrix = fold(at, AFTER)
        assert dict(matrix.chain)[DAY] == NO_PLAYS
        assert [digest for _, digest in matrix.chain].count(NO_PLAYS) == 1
        assert matrix.plays == 15 * 1000
        conservation = conservation_of(at, matrix.chain)
        assert (conservation.read, conservation.kept) == (15_000, 15_000)

    def test_mended_it_folds_to_the_very_bytes_of_a_store_that_never_had_it(self, service, tmp_path):
        """Every matrix and split from the mended day on, in the chain of the next run and of those that are rebuilt."""
        refuse(service, DAY)
        for day in (AFTER, LATER):
            fold(service, day)
        mend(service, DAY)
        outcome = extract_streams(service, LATER)
        assert (outcome.restated, outcome.stale) == ((DAY,), (AFTER,))
        assert check_data(service, LATER, SIGNED).quarantined == ()
        assert increment_matrix(service, LATER).figures.plays == 17 * 1000
        increment_matrix(service, AFTER, rebuild_through=True)
        never = at_thirty_days(service.dsn, PosixStore(tmp_path / "never"))
        for day in (AFTER, LATER):
            fold(never, day)
        found = matrices_and_splits(service)
        assert {name: found.get(name) for name in matrices_and_splits(never)} == matrices_and_splits(never)

    def test_accepted_it_is_folded_as_it_is(self, service):
        """The matrix of the next day, folded without it, is stale, and the run of the accepted day says so."""
        refuse(service, DAY)
        fold(service, AFTER)
        told = []
        outcome = check(replace(service, progress=told.append), DAY, "a festival")
        assert (outcome.quarantined, outcome.stale) == ((), (AFTER,))
        assert [line for line in told if line.startswith("stale matrices: 2026-01-16; the next run folds them again")]
        assert fold(service, AFTER).plays == 25 * 1000

    def test_a_date_found_bad_after_it_was_folded_leaves_the_chain(self, service):
        """Its own matrix and the next one were folded with it: only the next one is named, and folds without it."""
        for day in (DAY, AFTER):
            fold(service, day)
        tenfold(service.dsn, DAY)
        outcome = check(service, LATER)
        assert (outcome.quarantined, outcome.stale) == ((DAY,), (AFTER,))
        assert increment_matrix(service, LATER).figures.plays == 16 * 1000
        with pytest.raises(DataRefused, match="2026-01-15 is quarantined"):
            check(service, DAY)

    def test_a_collapse_takes_the_day_out_of_the_next_run(self, service):
        """The matrix of the held candidate is no prefix any more; the day's own run is refused until it is accepted."""
        held = fold(service, DAY)
        collapse(service, DAY)
        matrix = fold(service, AFTER)
        assert matrix.chain[:-2] == held.chain[:-1]
        assert (dict(matrix.chain)[DAY], matrix.plays) == (NO_PLAYS, 15 * 1000)
        assert stale_from(service, DAY) == (), "what was folded without the day is as it ought to be"
        with pytest.raises(DataRefused, match=f"2026-01-15 is quarantined, .*: {COLLAPSE}: {FOUND}"):
            check(service, DAY)
        (word,) = check(service, DAY, "a new catalogue").accepted
        assert word.checks == (COLLAPSE,)
        assert increment_matrix(service, DAY).matrix == chain_digests(held.chain)[-1]
        assert fold(service, AFTER).plays == 16 * 1000

    def test_the_first_dates_may_all_be_quarantined(self, service):
        """The fold begins with an empty matrix of the types of their ids."""
        for day in (START, START + timedelta(days=1)):
            extract_streams(service, day)
            collapse(service, day)
        matrix = fold(service, START + timedelta(days=2))
        assert (matrix.plays, [digest for _, digest in matrix.chain[:2]]) == (1000, [NO_PLAYS] * 2)

    def test_a_quarantined_day_has_no_matrix_of_its_own(self, service):
        """Whoever clears its run from the fold on, past the check, gets no candidate of an empty day."""
        refuse(service, DAY)
        with pytest.raises(DataRefused, match="2026-01-15 is quarantined"):
            increment_matrix(service, DAY)
        assert service.matrices.days() == []

    def test_an_ordinary_store_keeps_its_digests(self, finished):
        """Without a quarantined day the chain names the newest partitions, and nothing is kept of a quarantine."""
        chain = chain_of(finished, D15)
        assert chain == tuple((day, finished.partitions.digest(day)) for day in finished.partitions.days())
        assert finished.matrices.holds(D15, chain_digests(chain)[-1])
        judgements = finished.judgements.of()
        assert all("quarantined" not in finished.judgements.load(each).figures for each in judgements)


class TestRuns:
    def test_the_day_after_starts_warm_from_the_day_before(self, behind):
        """The model of the 15th has seen what is quarantined; that of the 14th has not, and is the parent."""
        (stored,) = behind.models.of(D16)
        (parent,) = behind.models.of(D14)
        assert stored.key.parent == parent.digest
        assert behind.models.figures(D16, stored.digest).warm
        (row,) = lineage(behind.store, "4")["factors"]["parents"][:1]
        assert (row["digest"], row["day"], row["stored"]) == (parent.digest, "2026-01-14", True)

    def test_an_accepted_day_is_nobody_s_to_step_over(self, copied):
        """Without a model of yesterday the start is cold, unless a quarantine is why there is none."""
        collapse(copied, D15)
        stop = copied.checked.stops(D15, copied.partitions.digest(D15))
        check(copied, D15, "fine")
        assert len(stop) == 1
        (yesterday,) = copied.models.of(D15)
        copied.store.remove(f"models/{D15}-{yesterday.digest[:16]}")
        run(copied, D16)
        assert copied.models.of(D16)[0].key.parent is None

    def test_a_lost_parent_is_named_with_its_date(self, behind):
        """Retention took the model of the 14th: the way back does not say that it was of the quarantined day."""
        (parent,) = behind.models.of(D14)
        behind.store.remove(f"models/{D14}-{parent.digest[:16]}")
        (row,) = lineage(behind.store, "4")["factors"]["parents"]
        assert (row["day"], row["stored"]) == ("2026-01-14", False)

    def test_a_release_says_what_it_was_made_without(self, behind, capsys):
        """Lineage, report, status: each by date and in words; the counts that nobody folded are not called lost."""
        sentence = f"2026-01-15 is quarantined, and no play of it is used: {COLLAPSE}: {FOUND}"
        rows = {row["day"]: row for row in lineage(behind.store, "4")["partitions"]}
        assert rows["2026-01-15"]["quarantine"] == LEFT_OUT
        assert rows["2026-01-15"]["replaced_by"] is None
        assert {row["quarantine"] for day, row in rows.items() if day != "2026-01-15"} == {""}
        assert lineage(behind.store, "4")["lost"] == []
        assert main(["lineage", "4"], {"RECSYS_ROOT": str(behind.store.root)}) == 0
        assert f"2026-01-15: {LEFT_OUT}" in capsys.readouterr().out
        (judgement,) = behind.judgements.of(D16)
        report = write_report(behind, D16, judgement.name).report
        assert sentence in behind.store.read(report).decode()
        status = overview(behind.store, datetime.now(UTC))
        assert f"{sentence}, asked" in status_text(status).splitlines()[1]

    def test_a_range_of_days_goes_on_behind_a_quarantined_one(self, copied, tmp_path, capsys):
        """On the command line: the day is told, the later one has its row, and the end is no success."""
        collapse(copied, D15)
        (tmp_path / "config.toml").write_text(TOML)
        environment = {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(tmp_path / "config.toml")}
        words = ["run", "--date", "2026-01-15", "--to", "2026-01-16"]
        assert main(words, environment | {"RECSYS_SOURCE_DSN": copied.dsn, "USER": "olga"}) == 1
        said = capsys.readouterr()
        assert "DataRefused: 2026-01-15 is quarantined" in said.err
        assert "2026-01-16" in said.out
        assert copied.releases.log().require_live().day == D16

    def test_an_older_release_says_that_its_day_was_quarantined_since(self, copied):
        """Release 3 holds plays of the day: it goes on being what it was made of."""
        collapse(copied, D15)
        *_, row = lineage(copied.store, "3")["partitions"]
        assert (row["quarantine"], row["replaced_by"]) == (SINCE_QUARANTINED, None)

    def test_a_way_back_is_proven_though_the_matrix_is_gone(self, behind):
        """Folded without the day, or with it before it was quarantined: the partitions prove either chain."""
        chains = {name: lineage(behind.store, name)["partitions"] for name in ("3", "4")}
        behind.store.remove("matrices")
        for name, chain in chains.items():
            assert lineage(behind.store, name)["partitions"] == chain
            assert len(chain) > 10

    def test_a_person_who_releases_the_candidate_accepts_its_day(self, copied):
        """Held for its precision alone, and released by name: the next day is folded with what is live."""
        strict = Workplace(copied.store, config(gate={"min_users": 5000}), copied.dsn)
        held = run(strict, D16)
        assert held.verdict.outcome == "HOLD"
        collapse(strict, D16)
        assert [found.day for found in copied.quarantine.days()] == [D16]
        release_candidate(strict, held.candidate, replace(SIGNED, why="a new catalogue"))
        assert copied.quarantine.days() == []
        (word,) = copied.checked.accepted(D16, copied.partitions.digest(D16))
        assert (word.by, word.why, word.checks) == ("olga", "a new catalogue", (COLLAPSE,))

    def test_a_release_accepts_no_streams_that_a_check_stopped(self, copied):
        """The person vouched for a candidate, and was not asked about a volume that was found since."""
        strict = Workplace(copied.store, config(gate={"min_users": 5000}), copied.dsn)
        held = run(strict, D16).candidate
        narrow = Workplace(
            copied.store, config(quality={name: [0.999, 1.001] for name in ("stop_volume", "warn_volume")}), copied.dsn
        )
        with pytest.raises(DataRefused):
            check(narrow, D16)
        release_candidate(strict, held, SIGNED)
        assert D16 in [found.day for found in copied.quarantine.days()]


class TestRetention:
    def test_what_the_next_run_begins_with_outlives_a_long_quarantine(self, copied):
        """Two quarantined dates are none of the two newest that are kept: the matrix and the model before them stay."""
        few = config(retention={"keep_days": 2}, source={"late_window_days": 1}, drift={"reference_release": 0})
        at = Workplace(copied.store, few, copied.dsn)
        for day in (D14, D15):
            collapse(at, day)
        run(at, D16)
        retain(at, datetime.now(UTC) + timedelta(days=3))
        assert at.matrices.days() == [D13, D14, D15, D16]
        (parent,) = at.models.of(D13)
        assert at.models.of(D16)[0].key.parent == parent.digest

    def test_the_streams_of_a_quarantined_date_stay(self, behind):
        """They are accepted as they are, or name the types of the ids of their empty link: no count file goes."""
        files = behind.partitions.count_files(D15)
        retain(behind, datetime.now(UTC) + timedelta(days=300))
        assert behind.partitions.count_files(D15) == files
        assert len(behind.partitions.load(D15, NO_PLAYS)) == 0
