"""A service that recommends tracks that nobody has played, by what the catalogue says of them."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from settings import artefacts_of, config, run

from recsys_tasks.core.config import parse_config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.gate.exact_checks import cold_check
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.cold_tracks import LEAST_SCALE, fit_cold_tracks
from recsys_tasks.recommenders.explanations import reasons
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace, train_components
from recsys_tasks.steps.cold_tracks import _plays, stored_cold_tracks
from recsys_tasks.steps.opened_candidate import open_candidate
from recsys_tasks.steps.train_components import train_beside, train_on_als
from recsys_tasks.steps.training_day import TrainingDay
from recsys_tasks.storage.posix import PosixStore

D14, D15 = (date(2026, 1, n) for n in (14, 15))
FEATURES = {"genre": "genre", "tags": "tags", "tempo": "tempo"}
COLD = {
    "catalogue": {"artist_id": "artist_id", "features": FEATURES},
    "blend": {"components": ["als", "recent", "content"]},
    "content": {"cold_tracks": True},
    "evaluation": {"blend_share": 0.2},
}


@pytest.fixture(scope="module")
def cold(world_dsn, tmp_path_factory):
    """Two days of the small world whose candidates hold tracks without plays."""
    at = Workplace(PosixStore(tmp_path_factory.mktemp("cold")), config(**COLD), world_dsn)
    for day in (D14, D15):
        assert run(at, day).verdict.outcome == "PASS"
    return at


@pytest.fixture(scope="module")
def bundle(cold):
    """The released one."""
    return Reader(cold.store).bundle


def unplayed(bundle):
    """Columns of the items that nobody has played."""
    return np.flatnonzero(bundle.names.listeners == 0)


def figures_of(at, day):
    """What was found of the candidate of a day."""
    return at.judgements.load(at.judgements.of(day)[0]).figures


class TestReleased:
    def test_the_items_are_the_tracks_of_the_matrix_then_those_without_plays_by_id(self, cold, bundle):
        """Columns of the matrix keep their numbers; behind them stand the catalogue's other tracks, rising by id."""
        key = bundle.gated.key
        matrix, ids = cold.matrices.load(D15, key.matrix), bundle.gated.tracks.ids.to_pylist()
        n_tracks = len(matrix.tracks)
        assert ids[:n_tracks] == matrix.tracks.ids.to_pylist()
        assert ids[n_tracks:] == sorted(ids[n_tracks:])
        assert unplayed(bundle).tolist() == list(range(n_tracks, len(ids)))
        assert len(ids) > n_tracks
        assert len(bundle.names.table) == len(ids)

    def test_a_track_without_plays_is_like_others_and_stands_on_lists(self, cold, bundle):
        """It is found as a similar track, and a listener who is to hear such tracks alone gets a list of them."""
        ranked = bundle.gated.search.tracks
        track = next(col for col in unplayed(bundle) if ranked.col_ranks[col] >= 0)
        found = Reader(cold.store).similar(bundle.gated.tracks.ids[int(track)].as_py(), 5)
        assert len(found.tracks) == 5
        allowed = np.zeros(len(bundle.gated.tracks), dtype=bool)
        allowed[unplayed(bundle)] = True
        asking = bundle.users.asking
        lists = bundle.gated.retriever(asking, 5).candidates(
            np.array([3]), asking.played.rows(np.array([3])), 5, allowed
        )
        assert (lists.cols >= 0).all()
        assert allowed[lists.cols].all()

    def test_a_recommended_track_without_plays_has_a_reason(self, bundle):
        """Some listener's own track is named for it, and one that they played."""
        content = bundle.gated.content
        track = next(col for col in unplayed(bundle) if content.matrix[:, [col]].nnz)
        source = content.matrix[:, [track]].tocoo().row[0]
        found = reasons([content], Played(np.array([0, 1]), np.array([source])), np.array([[track]]))
        assert found.tolist() == [[source]]

    def test_most_tracks_are_not_scored_and_the_factors_are_brute_forces(self, cold, bundle):
        """The scale is chosen on lists by falling norm: the same bytes as if every track had been scored."""
        key = bundle.gated.key
        of, made_from = (
            TrainingDay(cold, cold.models.key(D15, key.component)),
            cold.models.key(D15, key.cold).parameters,
        )
        als, asked = Als(cold.config.als), (of.factors(key.component), of.similar(made_from["content"]), _plays(of))
        expected = fit_cold_tracks(als, *asked, made_from["few_listeners"], made_from["k"])
        stored = stored_cold_tracks(cold, D15, key.cold)
        assert stored.scale == expected.scale > LEAST_SCALE
        np.testing.assert_array_equal(stored.factors, expected.factors)

    def test_a_rerun_makes_nothing_new(self, cold):
        """Content, the factors by content, the weights and the candidate are found again."""
        before = artefacts_of(cold.store.root)
        run(cold, D15)
        assert artefacts_of(cold.store.root) == before


class TestJudged:
    def test_the_exact_checks_look_at_what_content_gave(self, cold, bundle):
        """The factors of tracks without plays follow from the others; a changed one is seen."""
        passed = {check["name"]: check["passed"] for check in figures_of(cold, D15)["checks"]}
        assert passed["factors of cold tracks"]
        assert passed["candidate holds the content"]
        with ThreadPoolExecutor(1) as beside:
            opened = open_candidate(cold, bundle.gated.artefact, beside)
        stored, factors = opened.extras.cold, opened.extras.cold.factors.copy()
        factors[0, 0] += 1e-3
        asked = opened.model.component, opened.content_means, opened.asked.listeners, 5
        assert cold_check(stored, *asked).passed
        assert not cold_check(replace(stored, factors=factors), *asked).passed

    def test_tracks_without_plays_are_judged_as_themselves(self, cold):
        """The figures and the report compare content with three ways that know no taste, on the same listeners."""
        rows = {row["lists"]: row for row in figures_of(cold, D15)["cold_tracks"]}
        assert list(rows) == [
            "content, both ways",
            "factors by content",
            "similar to their tracks",
            "popularity of the artist",
            "newest first",
            "at random",
        ]
        assert len({row["listeners"] for row in rows.values()}) == 1
        assert rows["content, both ways"]["recall"] > 3 * rows["at random"]["recall"]
        page = next(cold.store.root.glob("evaluations/2026-01-15/*/*.html")).read_text()
        assert "<h2>Tracks that nobody had played</h2>" in page
        assert all(f'<td class="name">{name}</td>' in page for name in rows)

    def test_the_models_of_content_are_kept_with_a_release(self, bundle):
        """What retention and erasure go by names the factors by content beside the components."""
        key = bundle.gated.key
        assert key.models == (*key.components, key.cold)
        assert type(key).from_json(key.to_json()) == key
        assert "cold" not in replace(key, cold=None).to_json()


class TestBesideTrees:
    def test_tracks_without_plays_are_listed_by_their_chance(self, world_dsn, tmp_path):
        """Beside trees, which would put them last, they stand where their chance belongs: on lists, and of equal ones
        what comes out with the lists before what has been out for long. Each has a total, and nothing else has."""
        pytest.importorskip("lightgbm")
        tables = {**COLD, "blend": COLD["blend"] | {"joined_by": "ranker"}, "evaluation": {"blend_share": 0.5}}
        at = Workplace(PosixStore(tmp_path / "store"), config(**tables), world_dsn)
        assert run(at, D14).verdict.outcome == "PASS"
        bundle = Reader(at.store).bundle
        asking, ranker, everybody = bundle.users.asking, bundle.gated.ranker, np.arange(len(bundle.users.ids))
        assert (np.isfinite(ranker.cold.bases) == (ranker.facts.listeners == 0)).all()
        by_chance, by_trees = (
            each.over(bundle.gated.components(asking), asking.played, bundle.gated.key.blend.depth)
            .candidates(everybody, asking.played, 10)
            .cols
            for each in (ranker, replace(ranker, cold=None))
        )
        listed, before = (np.isin(cols, unplayed(bundle)).mean() for cols in (by_chance, by_trees))
        assert listed > 0.01 > before
        released = bundle.names.table["released_on"].to_pylist()
        bases = {released[col]: ranker.cold.bases[col] for col in unplayed(bundle)}
        assert max(bases, key=bases.__getitem__) == D15


def test_content_without_a_catalogue_is_refused():
    """Nothing can be said of tracks where no table of them is named."""
    with pytest.raises(ConfigError, match="there is no catalogue"):
        parse_config({"source": {"history_start": D14}, "content": {"cold_tracks": True}})


class TestTrained:
    @pytest.mark.parametrize("lost", ["cold", "blend"])
    def test_whichever_model_is_missing_is_made(self, cold, bundle, tmp_path, lost):
        """A step that broke off between the factors of cold tracks and the weights, or lost either, is mended by the
        next attempt."""
        at = Workplace(PosixStore(shutil.copytree(cold.store.root, tmp_path / "store")), cold.config)
        (gone,) = (each.digest for each in at.models.of(D15) if each.key.recommender == lost)
        (folder,) = (at.store.root / "models").glob(f"{D15}-{gone[:8]}*")
        shutil.rmtree(folder)
        assert not at.models.holds(D15, gone)
        als = bundle.gated.key.component
        train_on_als(TrainingDay(at, at.models.key(D15, als)), als)
        assert at.models.holds(D15, gone)

    def test_content_is_trained_once_for_both_of_its_uses(self, cold, bundle, tmp_path, monkeypatch):
        """As a component of the blend and for the factors of cold tracks it is one model."""
        made, nothing = [], {"of": np.zeros(1)}
        monkeypatch.setattr(train_components, "_trained", lambda _at, each, *_: made.append(each.label) or nothing)
        root = shutil.copytree(cold.store.root, tmp_path / "store")
        at = Workplace(PosixStore(root), config(**COLD | {"content": {"cold_tracks": True, "nearest": 7}}))
        train_beside(TrainingDay(at, at.models.key(D15, bundle.gated.key.component)))
        assert made == ["content"]
