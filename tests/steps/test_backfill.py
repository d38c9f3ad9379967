"""Backfills and restatements: whatever order they come in, the store ends as if it had been right from the start."""

import multiprocessing
import shutil
from datetime import UTC, datetime
from itertools import count

import pytest
from backfilling import DAYS, at_work, backfill
from conftest import execute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from settings import artefacts_of
from source_tables import create_streams, insert

from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.matrix.split import split_key
from recsys_tasks.repositories.matrices import matrix_name
from recsys_tasks.repositories.splits import split_name
from recsys_tasks.steps import extract_streams, increment_matrix
from recsys_tasks.steps.matrix import chain_of

EVENTS = count(1_000)


def streams(day, pairs):
    """Rows of a date, one for each (user, track)."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return [(next(EVENTS), user, track, noon) for user, track in pairs]


@pytest.fixture
def service(source_dsn):
    """A source of five dates in which every date brings new listeners and new tracks, in no order of their ids."""
    create_streams(source_dsn)
    for n, day in enumerate(DAYS):
        insert(source_dsn, streams(day, [((7 * user + 3 * n) % 11, (5 * user + n) % 9) for user in range(4)]))
    return source_dsn


def as_it_is(at):
    """Digests of all partitions, and bytes of the matrices and splits that are made from them now."""
    chain = chain_of(at, DAYS[-1])
    stored = artefacts_of(at.store.root)
    folded = [(day, digest) for (day, _), digest in zip(chain, chain_digests(chain), strict=True)]
    names = [matrix_name(day, digest) for day, digest in folded]
    names += [split_name(day, split_key(day, digest, at.config.evaluation).digest) for day, digest in folded]
    return chain, {name: content for name, content in stored.items() if name.rsplit("/", 1)[0] in names}


class TestOrder:
    def test_every_order_of_five_backfills_ends_in_the_same_bytes(self, service, tmp_path):
        """All 120 orders, as a lattice: each of the 31 sets of dates has the same bytes whichever date came last."""
        states = {frozenset(): at_work(tmp_path / "nothing", service)}
        for size in range(1, len(DAYS) + 1):
            reached = {}
            for done, before in states.items():
                for day in set(DAYS) - done:
                    at = at_work(tmp_path / f"{size}-{len(reached)}-{day}", service)
                    if before.store.root.exists():
                        shutil.copytree(before.store.root, at.store.root, dirs_exist_ok=True)
                    backfill(at, day)
                    first = reached.setdefault(done | {day}, at)
                    assert artefacts_of(at.store.root) == artefacts_of(first.store.root), (sorted(done), day)
                    if first is not at:
                        shutil.rmtree(at.store.root)
            states = reached
        (whole,) = states.values()
        assert len(artefacts_of(whole.store.root)) == 5 * 2 + 5 * 6 + 5 * 6

    @settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(st.sampled_from(DAYS), st.integers(0, 8)), min_size=2, max_size=5), st.permutations(DAYS))
    def test_restatements_between_backfills_leave_no_trace(self, service, tmp_path, changes, order):
        """Streams come, go and change between the backfills; after them the store is that of a new one."""
        root = tmp_path / str(next(EVENTS))
        at = at_work(root / "lived", service)
        for day, seed in changes:
            execute(service, f"DELETE FROM streams WHERE event_id % 4 = {seed % 4} AND streamed_at::date = '{day}'")
            insert(service, streams(day, [(seed, 20 - seed), (seed + 30, seed)]))
            backfill(at, day)
        backfill(at, *order)
        new = at_work(root / "new", service)
        backfill(new, *DAYS)
        assert as_it_is(at) == as_it_is(new)

    def test_several_processes_at_once_end_in_the_same_bytes(self, service, tmp_path):
        """Forwards, backwards and criss-cross at the same time, on one store that begins empty."""
        alone = at_work(tmp_path / "alone", service)
        backfill(alone, *DAYS)
        together = at_work(tmp_path / "together", service)
        context = multiprocessing.get_context("spawn")
        orders = (DAYS, DAYS[::-1], [DAYS[n] for n in (2, 4, 0, 3, 1)])
        processes = [context.Process(target=backfill, args=(together, *order)) for order in orders]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        assert artefacts_of(together.store.root) == artefacts_of(alone.store.root)


class TestRestated:
    def test_a_backfill_of_an_unchanged_date_says_so(self, service, tmp_path):
        """The same streams again: nothing is stored, nothing is stale, and the summary says that it was a no-op."""
        at = at_work(tmp_path, service)
        backfill(at, *DAYS)
        before = artefacts_of(tmp_path)
        extracted, _ = backfill(at, DAYS[1])
        assert (extracted.unchanged, extracted.restated, extracted.stale) == (2, (), ())
        assert extracted.summary == "2024-02-28 unchanged"
        assert artefacts_of(tmp_path) == before

    def test_a_restated_date_names_the_later_matrices_that_are_stale(self, service, tmp_path):
        """Those that hold the old streams, later than the date, and no others; also when the retry finds no change."""
        at = at_work(tmp_path, service)
        backfill(at, *DAYS)
        insert(service, streams(DAYS[2], [(99, 99)]))
        extracted, folded = backfill(at, DAYS[2])
        assert (extracted.restated, extracted.stale, folded.rebuilt) == ((DAYS[2],), (DAYS[3], DAYS[4]), ())
        assert extracted.summary.startswith("2024-02-29 restated; stale matrices: 2024-03-01, 2024-03-02;")
        assert extract_streams(at, DAYS[2]).stale == (DAYS[3], DAYS[4])

    def test_late_streams_name_what_they_make_stale_before_the_runs_own_date(self, service, tmp_path):
        """A run that finds late streams in its window names the restated date and the matrices that held it."""
        at = at_work(tmp_path, service, late_window_days=3)
        backfill(at, *DAYS[:4])
        insert(service, streams(DAYS[2], [(99, 99)]))
        extracted, _ = backfill(at, DAYS[4])
        assert extracted.summary.startswith("2024-03-02 extracted; restated too: 2024-02-29; stale matrices: ")
        assert extracted.stale == (DAYS[2], DAYS[3])

    def test_the_next_run_folds_from_the_restated_date_by_itself(self, service, tmp_path):
        """Without a word to do so, the next date's matrix is the one of a store that was right from the start."""
        at, new = at_work(tmp_path / "lived", service), at_work(tmp_path / "new", service)
        backfill(at, *DAYS[:4])
        insert(service, streams(DAYS[1], [(99, 99)]))
        backfill(at, DAYS[1])
        assert backfill(at, DAYS[4])[1].matrix == backfill(new, DAYS[4])[1].matrix

    def test_rebuild_through_folds_the_later_matrices_at_once(self, service, tmp_path):
        """By name, the stale matrices are folded now, up to the newest; afterwards nothing is stale or left to do."""
        at, new = at_work(tmp_path / "lived", service), at_work(tmp_path / "new", service)
        backfill(at, *DAYS)
        insert(service, streams(DAYS[2], [(99, 99)]))
        _, folded = backfill(at, DAYS[2], rebuild_through=True)
        assert folded.rebuilt == (DAYS[3], DAYS[4])
        assert extract_streams(at, DAYS[2]).stale == ()
        assert increment_matrix(at, DAYS[2], rebuild_through=True).rebuilt == ()
        backfill(new, *DAYS)
        held, made = artefacts_of(at.store.root), artefacts_of(new.store.root)
        folded = [name for name in made if name.startswith(("partitions/", "matrices/"))]
        assert [name for name in folded if held[name] != made[name]] == []
        backfill(at, *DAYS[3:])
        assert as_it_is(at) == as_it_is(new), "a later date's split is made by its own run"

    def test_rebuild_through_folds_no_date_that_had_no_matrix(self, service, tmp_path):
        """A later date whose streams nobody has looked at yet is left to its own run."""
        at = at_work(tmp_path, service)
        extract_streams(at, DAYS[4])
        assert backfill(at, DAYS[1], rebuild_through=True)[1].rebuilt == ()

    def test_what_the_source_held_before_a_restatement_stays_known(self, service, tmp_path):
        """The figures of the replaced version are kept beside the newest, through a second one and the way back."""
        at = at_work(tmp_path, service)
        backfill(at, *DAYS)
        first = at.partitions.digest(DAYS[2])
        insert(service, streams(DAYS[2], [(99, 99)]))
        backfill(at, DAYS[2])
        second = at.partitions.digest(DAYS[2])
        assert at.partitions.replaced_versions(DAYS[2]) == [first]
        read = [at.partitions.version(DAYS[2], digest).figures.rows_read for digest in (first, second)]
        assert read == [4, 5]
        execute(service, "DELETE FROM streams WHERE user_id = 99")
        backfill(at, DAYS[2])
        assert at.partitions.digest(DAYS[2]) == first
        assert sorted(at.partitions.replaced_versions(DAYS[2])) == sorted([first, second])
        assert at.partitions.version(DAYS[2], "0" * 64) is None
