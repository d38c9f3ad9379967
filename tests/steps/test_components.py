"""A service that joins several components: trained, stored, judged, released and served like one of ALS alone."""

import shutil
from dataclasses import replace
from datetime import date
from itertools import permutations

import numpy as np
import pytest
from settings import artefacts_of, config, run

from recsys_tasks.cli.main import main
from recsys_tasks.core.errors import ConfigError, NotStored, TrainerUnavailable
from recsys_tasks.matrix.row_ranges import whole
from recsys_tasks.matrix.split import hold_out
from recsys_tasks.release.components import beside_factors
from recsys_tasks.release.lineage import lineage
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace, build_index, train, train_als, train_components
from recsys_tasks.steps.beside import beside_als
from recsys_tasks.steps.stored_models import split_of
from recsys_tasks.steps.train_components import train_beside, train_on_als
from recsys_tasks.steps.training_day import TrainingDay
from recsys_tasks.storage.posix import PosixStore

D13, D14, D15 = (date(2026, 1, n) for n in (13, 14, 15))
JOINED = {
    "blend": {"components": ["als", "recent", "neighbours"], "depth": 50},
    "recent": {"half_life_days": [3, 20]},
    "neighbours": {"renewed_every_days": 2},
    "evaluation": {"blend_share": 0.2},
}
RETRAINED = ("recent", "neighbours", "blend")
NAMES = ("als", "recent", "recent", "neighbours")


@pytest.fixture(scope="module")
def joined(world_dsn, tmp_path_factory):
    """Three days of the small world, made of four components."""
    at = Workplace(PosixStore(tmp_path_factory.mktemp("joined")), config(**JOINED), world_dsn)
    for day in (D13, D14, D15):
        assert run(at, day).verdict.outcome == "PASS"
    return at


def key_of(at, day):
    """What the candidate of a day was made from."""
    return at.bundles.key(next(entry.candidate for entry in at.releases.log().entries if entry.day == day))


def recommender_of(at, path):
    """Which recommender made a stored model."""
    day, short = date.fromisoformat(path.name[:10]), path.name[11:]
    return next(each.key.recommender for each in at.models.of(day) if each.digest.startswith(short))


def sums_of(at, day, place=1):
    """Both sums of a stored component of recent plays."""
    files = arrays_of(at.models.load(day, key_of(at, day).components[place]))
    return np.asarray(files["sums"]), np.asarray(files["older"])


class TestReleased:
    def test_a_release_names_its_components_and_their_weights(self, joined):
        """Each component has a model of its own, and the weights stand in the identity of the candidate."""
        keys = {day: key_of(joined, day) for day in (D13, D14, D15)}
        for day, key in keys.items():
            assert key.blend.names == NAMES
            assert len(key.components) == len(key.blend.weights) == 4
            assert [joined.models.key(day, each).recommender for each in key.components] == list(NAMES)
        # the blend's listeners of a day found a use for one of them; those of a small day may find none
        assert any(weight for key in keys.values() for weight in key.blend.weights[1:])

    def test_the_reader_answers_as_the_blend_does(self, joined):
        """A list of the released blend is that of its parts, joined from the user part that was published with it."""
        reader = Reader(joined.store)
        bundle = reader.bundle
        user = bundle.users.ids[5].as_py()
        found = reader.recommend(user, 10)
        blend, asking = bundle.gated.key.blend, bundle.users.asking
        expected = blend.of(bundle.gated.components(asking, 10)).candidates(
            np.array([5]), asking.played.rows(np.array([5])), 10
        )
        ids = bundle.gated.tracks.ids
        assert [track.track_id for track in found.tracks] == [ids[int(col)].as_py() for col in expected.cols[0]]
        assert len(found.tracks) == 10
        assert not set(expected.cols[0].tolist()) & set(asking.played.of(5).tolist())

    def test_what_is_published_knows_the_day_that_it_was_not_judged_by(self, joined):
        """The recent plays of the release hold its own day; its candidate was judged by those of the days before."""
        published = Reader(joined.store).bundle.users.recent
        sums, older = sums_of(joined, D15)
        np.testing.assert_array_equal(published[0].sums, sums)
        assert (older < sums).any()
        np.testing.assert_array_equal(older[: len(sums_of(joined, D14)[0])], sums_of(joined, D14)[0] * 0.5 ** (1 / 3))

    def test_the_report_says_what_each_component_is_worth(self, joined):
        """The whole is what the gate judged; each component stands alone and, where it has a weight, is left out."""
        judgement = joined.judgements.of(D15)[0]
        figures = joined.judgements.load(judgement).figures
        rows = {row["lists"]: row for row in figures["components"]}
        labels, weights = (
            ("als", "recent (3-day half-life)", "recent (20-day half-life)", "neighbours"),
            key_of(joined, D15).blend.weights,
        )
        assert rows["all components"]["precision"] == pytest.approx(figures["candidate_precision"]["mean"])
        assert set(rows) == {"all components", *(f"{label} alone" for label in labels)} | {
            f"without {label}" for label, weight in zip(labels, weights, strict=True) if weight
        }
        pages = [path.read_text() for path in joined.store.root.glob("evaluations/2026-01-15/*/*.html")]
        assert len(pages) == 1
        assert "<h2>The components</h2>" in pages[0]
        assert all(f'<td class="name">{label}</td>' in pages[0] for label in rows)

    def test_the_way_back_names_the_components(self, joined, capsys):
        """Each with its weight, model and parameters; one that is not stored any more is said to be gone."""
        key = key_of(joined, D15)
        found = lineage(joined.store, joined.releases.log().live.candidate)["beside"]
        each = found["components"]
        assert [one["digest"] for one in each] == list(key.components[1:])
        assert [one["weight"] for one in each] == list(key.blend.weights[1:])
        assert [one["parameters"].get("half_life_days") for one in each] == [3.0, 20.0, None]
        assert (found["joined_by"], found["trees"], found["cold"]) == ("weights", None, None)
        lost = beside_factors(joined.models, replace(key, components=(*key.components[:3], "f" * 64)))
        assert [one["stored"] for one in lost["components"]] == [True, True, False]
        assert main(["lineage", "1"], {"RECSYS_ROOT": str(joined.store.root), "USER": "o"}) == 0
        assert "half_life_days 3.0" in capsys.readouterr().out

    def test_a_rerun_makes_nothing_new(self, joined, monkeypatch):
        """Every component, the weights, and the candidate are found again: nothing is trained to be thrown away."""
        before = artefacts_of(joined.store.root)
        for name in ("_trained", "_fit_weights"):
            monkeypatch.setattr(train_components, name, broken)
        run(joined, D15)
        assert artefacts_of(joined.store.root) == before

    def test_the_same_bytes_come_from_an_empty_store(self, joined, world_dsn, tmp_path):
        """The last day alone, in a store that knows no day before: equal recent plays, neighbours and split."""
        salt = joined.splits.salt(fresh="")
        at = Workplace(
            PosixStore(tmp_path), config(**JOINED | {"evaluation": {"blend_share": 0.2, "salt": salt}}), world_dsn
        )
        run(at, D15)
        for one, other in zip(sums_of(at, D15), sums_of(joined, D15), strict=True):
            assert one.tobytes() == other.tobytes()

    def test_nobody_who_is_scored_is_trained_on(self, joined):
        """No track that a listener of the gate or the blend discovered that day stands in the neighbours' training."""
        key = key_of(joined, D15)
        matrix = joined.matrices.load(D15, key.matrix)
        split = split_of(joined, joined.models.key(D15, key.component), matrix)
        assert len(split.blend_rows)
        assert not set(split.blend_rows.tolist()) & set(split.gate_rows.tolist())
        both = [hold_out(matrix, split, rows) for rows in (split.gate_rows, split.blend_rows)]
        assert all(each.training[each.user_rows].multiply(each.hidden).nnz == 0 for each in both)


class TestConfigured:
    def test_nothing_but_als_is_trained_by_default(self, finished):
        """Without a blend, a day stores one model, and its candidate is named as ever."""
        assert len(finished.models.of(D15)) == 1
        assert key_of(finished, D15).to_json()["blend"] == {"weights": [1.0]}
        assert "components" not in finished.judgements.load(finished.judgements.of(D15)[0]).figures

    def test_a_blend_without_listeners_is_refused(self):
        """Weights have to be fitted on somebody."""
        with pytest.raises(ConfigError, match=r"nobody to fit their weights on: set \[evaluation\] blend_share"):
            config(blend={"components": ["als", "recent"]})

    @pytest.mark.parametrize("components", [[], ["recent", "als"], ["als", "als"], ["als", "deep"]])
    def test_components_that_make_no_candidate_are_refused(self, components):
        """ALS comes first, each once, and there are no others."""
        with pytest.raises(ConfigError, match="blend"):
            config(blend={"components": components}, evaluation={"blend_share": 0.2})

    def test_components_that_were_not_trained_are_named(self, copied):
        """The configuration changed between two tasks: the index is not built from half a candidate."""
        at = Workplace(copied.store, config(**JOINED), copied.dsn)
        with pytest.raises(NotStored, match="Run train_als"):
            build_index(at, D15, key_of(copied, D15).component)


def trained_bytes(at, day):
    """What is stored of the recent plays and of the neighbours of a day."""
    parts = key_of(at, day).components[1:]
    files = [arrays_of(at.models.load(day, each)) for each in parts]
    return [(name, np.asarray(values).tobytes()) for of in files for name, values in sorted(of.items())]


class TestBeside:
    def test_what_is_trained_beside_als_is_kept_when_that_fails(self, joined, tmp_path, monkeypatch):
        """A trainer that breaks off fails the step with its own error; the components are stored as they would be, and
        the next attempt trains ALS alone."""
        key, split = key_of(joined, D15), joined.models.key(D15, key_of(joined, D15).component).split
        root = shutil.copytree(joined.store.root, tmp_path / "store")
        for path in (root / "models").iterdir():
            if path.name.startswith(D15.isoformat()):
                shutil.rmtree(path)
        at = Workplace(PosixStore(root), joined.config)
        with monkeypatch.context() as patched:
            patched.setattr(train.Als, "fit", broken)
            with pytest.raises(TrainerUnavailable, match="broke off"):
                train_als(at, D15, split)
        assert [at.models.holds(D15, each) for each in key.components] == [False, True, True, True]
        assert train_als(at, D15, split).model == key.component
        assert trained_bytes(at, D15) == trained_bytes(joined, D15)

    def test_components_know_nothing_of_the_hidden_day_and_fail_with_the_step(self, joined, monkeypatch):
        """What they are trained on is what the day is judged by, without it of any hidden listener; and what breaks
        off in a thread of its own is told."""
        als, seen = joined.models.key(D15, key_of(joined, D15).component), []
        monkeypatch.setattr(train_components, "_trained", lambda *given: seen.append(given[-1]) or broken())
        other = Workplace(joined.store, config(**JOINED | {"neighbours": {"nearest": 5}}))
        with pytest.raises(TrainerUnavailable, match="broke off"):
            train_beside(TrainingDay(other, als))
        matrix = joined.matrices.load(D15, als.matrix)
        (training,), holdout = seen, hold_out(matrix, split_of(joined, als, matrix))
        assert training.sum() < matrix.counts.sum()
        assert (training != whole(holdout.training)).nnz == 0

    def test_recent_plays_alone_copy_no_pairs(self, joined, tmp_path, monkeypatch):
        """They are sums over dates: a history of more pairs than memory holds is no reason to train none."""
        root = shutil.copytree(joined.store.root, tmp_path / "store")
        at = Workplace(PosixStore(root), config(**JOINED | {"recent": {"half_life_days": [5]}}))
        als = joined.models.key(D15, key_of(joined, D15).component)
        monkeypatch.setattr(TrainingDay, "whole_training", broken)
        train_beside(TrainingDay(at, als))
        recent, _ = beside_als(at, als)
        assert at.models.holds(D15, recent.key.digest)


def broken(*_):
    """A trainer that is gone."""
    raise TrainerUnavailable("The Spark that trains broke off. Run the step again.")


class TestGoingOn:
    def test_any_order_of_backfills_gives_the_same_bytes(self, joined, tmp_path):
        """Whichever dates were trained before, and in whatever order: faded plays, and neighbours, which are
        renewed on the thirteenth and on the fifteenth."""
        days = (D13, D14, D15)
        keys = {day: key_of(joined, day) for day in days}
        stored = [
            path for path in (joined.store.root / "models").iterdir() if recommender_of(joined, path) in RETRAINED
        ]
        expected = {day: trained_bytes(joined, day) for day in days}
        for n, order in enumerate(permutations(days)):
            root = tmp_path / str(n)
            shutil.copytree(
                joined.store.root,
                root,
                ignore=lambda folder, _: [path.name for path in stored if path.parent.samefile(folder)],
            )
            at = Workplace(PosixStore(root), joined.config)
            for day in order:
                of = TrainingDay(at, at.models.key(day, keys[day].component))
                train_beside(of)
                train_on_als(of, keys[day].component)
            assert {day: trained_bytes(at, day) for day in days} == expected

    def test_discoveries_are_those_of_all_dates_wherever_they_go_on_from(self, joined, tmp_path):
        """Whichever dates were counted before; and they are fewer than the listeners of whom many come back."""
        days, counts = (D13, D14, D15), {"half_life_days": [3], "counts": "discoveries"}
        found, als = [], {day: joined.models.key(day, key_of(joined, day).component) for day in days}
        for n, order in enumerate([(D15,), (D13, D15), days]):
            root = shutil.copytree(joined.store.root, tmp_path / str(n))
            at = Workplace(PosixStore(root), config(**JOINED | {"recent": counts}))
            for day in order:
                train_beside(TrainingDay(at, als[day]))
            (beside, _) = beside_als(at, als[D15])
            assert beside.label == "recent (3-day half-life, discoveries)"
            found.append(arrays_of(at.models.load(D15, beside.key.digest)))
        assert len({np.asarray(each["sums"]).tobytes() for each in found}) == 1
        assert len({np.asarray(each["older"]).tobytes() for each in found}) == 1
        assert found[0]["sums"].sum() < sums_of(joined, D15)[0].sum()


class TestEase:
    def test_a_day_with_neighbours_by_ease_is_judged_and_served(self, world_dsn, tmp_path):
        """Its exact checks hold, its key names no renewal, and the release holds weights below zero."""
        by_ease = {"similarity": "ease", "ease_tracks": 200, "ease_regularization": 20}
        at = Workplace(PosixStore(tmp_path), config(**JOINED | {"neighbours": by_ease}), world_dsn)
        assert run(at, D15).verdict.outcome == "PASS"
        parameters = at.models.key(D15, key_of(at, D15).components[-1]).parameters
        assert parameters == by_ease | {"nearest": 50}
        reader = Reader(at.store)
        weights = reader.bundle.gated.similar.matrix
        assert 0 < np.count_nonzero(np.diff(weights.indptr)) <= 200
        assert weights.data.min() < 0 < weights.data.max()
        assert len(reader.recommend(reader.bundle.users.ids[5].as_py(), 10).tracks) == 10
