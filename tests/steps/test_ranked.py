"""A service whose candidates trees put in order: trained, stored, judged, released and served, the same bytes again."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from settings import SIGNED, artefacts_of, config, run

from recsys_tasks.core.domain import Vocabulary, day_number
from recsys_tasks.evaluation.cold_teaching import LONG_OUT
from recsys_tasks.matrix.split import hold_out
from recsys_tasks.pages.lineage import lineage
from recsys_tasks.pages.site import render
from recsys_tasks.recommenders.ranker import FILES, lightgbm
from recsys_tasks.release.series import series
from recsys_tasks.reporting.quality_plots import joined_over_days
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace, retain
from recsys_tasks.steps.ranked import _out_days, artists_of
from recsys_tasks.steps.stored_models import split_of
from recsys_tasks.steps.suppress import ask_to_suppress
from recsys_tasks.steps.verdict import verdict_on
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.search import Search, every_file

pytest.importorskip("lightgbm")
D13 = date(2026, 1, 13)
RANKED = {
    "blend": {"components": ["als", "recent", "neighbours"], "depth": 50, "joined_by": "ranker"},
    "evaluation": {"blend_share": 0.4},
}


@pytest.fixture(scope="module")
def at(world_dsn, tmp_path_factory):
    """A judged and published day of the small world."""
    at = Workplace(PosixStore(tmp_path_factory.mktemp("ranked")), config(**RANKED), world_dsn)
    assert run(at, D13).verdict.outcome == "PASS"
    return at


def test_artists_are_told_apart_by_id_and_by_name_where_the_catalogue_has_none():
    """Two of one name are two artists by their ids; a track that the catalogue does not name has none."""
    items = Vocabulary(pa.array([3, 1, 2, 9]), np.zeros(4, np.int32))
    names = {"track_id": pa.array([1, 2, 3]), "artist": pa.array(["x", "x", "y"])}
    by_id, by_name = (
        artists_of(pa.table(names | {"artist_id": pa.array(ids, pa.string())}), items).tolist()
        for ids in (["a", "b", "b"], [None] * 3)
    )
    assert by_id[0] == by_id[2] != by_id[1] >= 0
    assert by_name[1] == by_name[2] != by_name[0] >= 0
    assert by_id[3] == by_name[3] == -1
    assert artists_of(None, items).tolist() == [-1] * 4


def test_a_track_of_whose_release_nothing_is_said_has_long_been_out():
    """Neither the catalogue's silence nor a track that it does not name makes a new release; one to come is below 0."""
    items = Vocabulary(pa.array([3, 1, 2, 9]), np.zeros(4, np.int32))
    released = pa.array([D13 - timedelta(days=5), None, D13 + timedelta(days=1)], pa.date32())
    catalogue = pa.table({"track_id": pa.array([1, 2, 3]), "released_on": released})
    assert _out_days(catalogue, items, day_number(D13)).tolist() == [-1, 5, LONG_OUT, LONG_OUT]


class TestRanked:
    def test_the_reader_answers_as_the_trees_do(self, at):
        """A list of the release is in the order of the stored trees, which is not that of the weights."""
        reader, row = Reader(at.store), np.arange(40)
        gated, asking = reader.bundle.gated, reader.bundle.users.asking
        by_trees = gated.ranker.over(gated.components(asking, 10), asking.played, gated.key.blend.depth)
        ours, weighed = (
            each.candidates(row, asking.played.rows(row), 10).cols
            for each in (by_trees, gated.key.blend.of(gated.components(asking, 10)))
        )
        found = reader.recommend(reader.bundle.users.ids[5].as_py(), 10)
        ids = gated.tracks.ids
        assert [track.track_id for track in found.tracks] == [ids[int(col)].as_py() for col in ours[5]]
        assert (ours != weighed).any(axis=1).mean() > 0.5

    def test_trees_know_the_age_of_a_track_and_who_played_it_in_the_training(self, at):
        """Days from the first play to the day, of a track of the day itself none; hidden listeners do not count."""
        gated = Reader(at.store).bundle.gated
        facts, first_days = gated.ranker.facts, gated.tracks.first_days
        np.testing.assert_array_equal(facts.ages, day_number(D13) - first_days)
        assert facts.ages.min() == 0
        als = at.models.key(D13, gated.key.component)
        matrix = at.matrices.load(D13, als.matrix)
        np.testing.assert_array_equal(facts.listeners, hold_out(matrix, split_of(at, als, matrix)).listeners)

    def test_the_trees_are_text_and_arrays_in_the_gated_part(self, at):
        """Nothing is pickled, and an exact check has compared them with the model."""
        candidate = at.releases.log().entries[-1].candidate
        artefact = at.bundles.gated(candidate)
        assert {f"{name}.npy" for name in FILES} <= set(artefact.manifest.files)
        assert artefact.array(FILES[0]).tobytes().startswith(b"tree\nversion")
        figures = at.judgements.load(at.judgements.of(D13)[0]).figures
        assert {"candidate holds the trees": True}.items() <= {
            check["name"]: check["passed"] for check in figures["checks"]
        }.items()

    def test_the_report_says_what_they_look_at_and_what_the_weights_would_have_scored(self, at):
        """Importances add up to one; the weights stand beside the whole, on the same listeners."""
        figures = at.judgements.load(at.judgements.of(D13)[0]).figures
        rows = {row["lists"]: row["precision"] for row in figures["components"]}
        assert rows["all components"] == pytest.approx(figures["candidate_precision"]["mean"])
        assert rows["all by weights"] > 0
        assert sum(figures["importances"].values()) == pytest.approx(1)
        (page,) = (path.read_text() for path in at.store.root.glob("evaluations/2026-01-13/*/*.html"))
        assert "Trees put the candidates of all components in order" in page
        assert next(iter(figures["importances"])) in page
        beside = {row["lists"]: row["beside"] for row in figures["components"]}
        assert beside["without neighbours"] == "all by weights"

    def test_the_way_back_names_the_trees(self, at):
        """With their model, on the page of the release too."""
        key = at.bundles.key(at.releases.log().live.candidate)
        shown = lineage(at.store, "1")
        beside = shown["found"]["beside"]
        assert (beside["joined_by"], beside["trees"]["digest"]) == ("trees", key.blend.trees)
        page = render("lineage", "candidates", home="", airflow="", **shown)
        assert key.blend.trees in page
        assert "<h2>Components</h2>" in page

    def test_another_store_has_the_same_bytes(self, at, tmp_path):
        """The same day, run again from nothing."""
        other = Workplace(PosixStore(tmp_path / "store"), at.config, at.dsn)
        run(other, D13)
        one, two = artefacts_of(at.store.root), artefacts_of(other.store.root)
        trees = [name for name in one if "ranker" in name]
        assert trees
        assert all(one[name] == two[name] for name in trees)

    def test_without_lightgbm_it_is_said_what_to_install(self, monkeypatch):
        """The library is asked for by name, and the weights need nothing."""
        monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
        with pytest.raises(Exception, match=r"recsys-pipeline\[ranker\]"):
            lightgbm()


def joining_is_told_a_day_later(at, day):
    """What the live release is worth beside its ALS alone stands in the report; where that is less, the gate warns."""
    judgement = at.judgements.of(day)[0]
    judged = at.judgements.load(judgement)
    later = judged.figures["joined_later"]
    assert later["joined"] == pytest.approx(judged.figures["incumbent_precision"]["mean"])
    assert 0 < later["first"] != later["joined"]
    (page,) = (path.read_text() for path in at.store.root.glob(f"evaluations/{day}/*/*.html"))
    assert "What joining is worth a day later" in page
    assert "What joining components is worth a day later: precision@10 of the live release" in page
    row = next(row for row in series(at.store) if row["day"] == day.isoformat())
    assert [line.values[-1] for line in joined_over_days([row], 10).lines] == [later["joined"], later["first"]]
    worse = {**later, "difference": -0.02, "low": -0.03, "high": -0.01}
    for stored, warned in ((later, later["high"] < 0), (worse, True)):
        again = verdict_on(replace(judged, figures=judged.figures | {"joined_later": stored}), at.config.gate)
        assert any("what joins its components" in each for each in again.figures["warnings"]) == warned
        assert again.outcome == "PASS"


class TestKept:
    def test_retention_an_erasure_and_drift_know_all_that_a_candidate_is_made_of(self, world_dsn, tmp_path):
        """With trees and tracks without plays, content not being in the blend: old dates go, and the reference of drift
        stays comparable; a person is erased from every file, and the next day passes."""
        tables = RANKED | {
            "catalogue": {"artist_id": "artist_id", "features": {"genre": "genre", "tags": "tags"}},
            "content": {"cold_tracks": True},
            "source": {"late_window_days": 0},
            "retention": {"keep_days": 2, "keep_written_days": 2, "keep_releases": 1},
            "index": {"calibration_queries": 500},  # of 100 one build in 700 misses its recall by chance
        }
        at = Workplace(PosixStore(tmp_path / "store"), config(**tables), world_dsn)
        for n in (13, 14, 15):
            assert run(at, date(2026, 1, n)).verdict.outcome == "PASS"
        joining_is_told_a_day_later(at, date(2026, 1, 14))
        first = at.bundles.key(at.releases.log().entries[0].candidate)
        assert first.cold
        assert first.blend.trees
        gone = retain(at, datetime(2027, 1, 1, tzinfo=UTC))
        assert any("matrices/2026-01-13" in item.name for item in gone.items)
        assert all(at.models.holds(first.day, digest) for digest in first.models)
        user = Reader(at.store).bundle.users.ids[20].as_py()
        ask_to_suppress(at, str(user), "erase", SIGNED)
        done = run(at, date(2026, 1, 16))
        assert done.verdict.outcome == "PASS"
        assert done.verdict.figures["reference"]["users"] > 0
        names = list(every_file(at.store, but=("suppressed",)))
        assert not list(Search(pa.array([user], pa.int64()), ()).of(at.store, names))
        assert not Reader(at.store).recommend(user).known
        assert len(Reader(at.store).recommend(Reader(at.store).bundle.users.ids[30].as_py(), 10).tracks) == 10
