"""The exact checks: each planted fault is seen by the check that is there for it, and a sound store passes all."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from annoy import AnnoyIndex
from scipy import sparse

from recsys_tasks.core.domain import Factors, PlayMatrix, Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.gate import exact_checks as checks
from recsys_tasks.gate.exact_checks import exact_checks, measured_recall
from recsys_tasks.gate.matrix_checks import day_check, matrix_checks, split_check
from recsys_tasks.index.annoy_index import build_index, open_index
from recsys_tasks.index.annoy_trees import node_type, room_of
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import Effort, TwoTierSearch
from recsys_tasks.matrix.holdout import Holdout, hold_out
from recsys_tasks.matrix.play_matrix import canonical, day_counts
from recsys_tasks.recommenders import als
from recsys_tasks.recommenders.als import train, training_loss
from recsys_tasks.release.bundle import GATED, open_gated
from recsys_tasks.release.releases import read_log
from recsys_tasks.steps import evaluate, gate
from recsys_tasks.steps.evaluate import evaluate_against
from recsys_tasks.steps.index import calibrated_on
from recsys_tasks.steps.matrix import matrix_of
from recsys_tasks.steps.train import holdout_of
from recsys_tasks.storage.artefacts import MANIFEST, Artefact, open_artefact, read_manifest, sealed_manifest
from recsys_tasks.storage.files import sha256_of
from recsys_tasks.storage.store import Store

YESTERDAY, DAY = date(2026, 1, 14), date(2026, 1, 15)
NAMES = [
    "finite factors",
    "order of ids",
    "streams conserved",
    "the day's plays in the matrix",
    "hidden plays absent",
    "recorded loss",
    "track vocabulary",
    "index size",
    "index holds the model",
    "norm order",
    "Annoy file holds the tracks",
    "recall of user-track search",
    "recall of track-track search",
    "share of listeners with a vector",
]


def parts_of(at, day=DAY):
    """Everything that the checks of a stored candidate look at."""
    candidate = next(entry.candidate for entry in read_log(at.store).entries if entry.day == day)
    gated = open_gated(at.store.gated_part(candidate))
    key = gated.artefact.manifest["key"]
    matrix = matrix_of(at, key)
    factors, model = at.store.load_model(day, key["model"])
    holdout = holdout_of(at, model.manifest["key"], matrix)
    return SimpleNamespace(
        at=at, day=day, gated=gated, matrix=matrix, factors=factors, holdout=holdout, model=model, candidate=candidate
    )


def checked(parts):
    """All the checks of these parts."""
    queries = parts.at.config.gate.recall_queries
    asked = (parts.day, parts.gated, parts.factors, parts.holdout.training, queries)
    with ThreadPoolExecutor(1) as beside:
        recall = beside.submit(measured_recall, *asked)
        names = ("at", "gated", "matrix", "factors", "holdout", "model")
        return exact_checks(*(vars(parts)[name] for name in names), recall, beside)


def failing(parts):
    """Names of the checks that do not pass."""
    return {check.name for check in checked(parts) if not check.passed}


@pytest.fixture(scope="module")
def sound(finished):
    """The newest candidate of the finished store: read by all tests, changed by none."""
    return parts_of(finished)


def changed(parts, **other):
    """The same parts, some of them replaced."""
    return SimpleNamespace(**vars(parts) | other)


FILES = count(1)


def indexed(parts, folder, factors, ranked=None, vectors=None, astray=False):
    """The candidate of other factors, or one whose order, or whose Annoy file, is another than theirs."""
    ranked = ranked or rank_tracks(factors.item_factors)
    path = folder / f"{next(FILES)}.ann"
    build_index(ranked.ranked_factors if vectors is None else vectors, path, 20, 1)
    if astray:  # every branch leads to the same few tracks: the leaf that Annoy makes first
        nodes = np.memmap(path, node_type(ranked.ranked_factors.shape[1]), mode="r+")[len(ranked) :]
        nodes["children"][nodes["descendants"] > room_of(nodes.dtype)] = len(ranked)
    index = open_index(path, len(ranked), ranked.ranked_factors.shape[1])
    search = TwoTierSearch(ranked, parts.gated.search.effort, index)
    return changed(parts, factors=factors, gated=replace(parts.gated, search=search, index_file=path))


class TestSound:
    def test_a_sound_store_passes_every_check(self, sound):
        """Nothing fails that nothing is wrong with, and each check has its name."""
        found = checked(sound)
        assert [check.name for check in found] == NAMES
        assert [str(check) for check in found if not check.passed] == []

    def test_every_day_of_the_store_passes(self, finished):
        """Cold starts and warm ones, with an incumbent and without."""
        assert failing(parts_of(finished, YESTERDAY)) == failing(parts_of(finished, date(2026, 1, 13))) == set()


def thinned(plays, share):
    """Play counts without some of their cells."""
    cells = plays.tocoo()
    kept = np.random.default_rng(4).random(cells.nnz) >= share
    return canonical(sparse.csr_matrix((cells.data[kept], (cells.row[kept], cells.col[kept])), shape=plays.shape))


def others_day(parts):
    """The day's plays of everybody who is not hidden."""
    day = day_counts(parts.at.store.load_partition(*parts.matrix.chain[-1]), parts.matrix.users, parts.matrix.tracks)
    others = np.ones((day.shape[0], 1), dtype=np.uint32)
    others[parts.holdout.user_rows] = 0
    return canonical(day.multiply(others).tocsr())


SOLVED = {
    "one cell in a hundred is lost": lambda parts: thinned(parts.holdout.training, 0.01),
    "the hidden plays are there": lambda parts: parts.matrix.counts,
    "the day is there twice": lambda parts: canonical((parts.holdout.training + others_day(parts)).astype(np.uint32)),
}


def rolled(factors, n):
    """The same factors, those of n tracks under one another's ids."""
    cols = np.sort(np.random.default_rng(5).choice(len(factors.item_factors), n, replace=False))
    items = factors.item_factors.copy()
    items[cols] = items[np.roll(cols, 1)]
    return Factors(factors.user_factors, items)


def yesterdays(parts):
    """Yesterday's factors in today's rows, new rows zero."""
    old, shapes = parts_of(parts.at, YESTERDAY).factors, parts.matrix.counts.shape
    padded = [
        np.concatenate([values, np.zeros((n - len(values), values.shape[1]), np.float32)])
        for values, n in zip((old.user_factors, old.item_factors), shapes, strict=True)
    ]
    return Factors(*padded)


class TestRecordedLoss:
    @pytest.mark.parametrize("plays", SOLVED.values(), ids=SOLVED.keys())
    def test_other_plays_in_the_solver_are_seen(self, sound, tmp_path, plays):
        """A model of other plays than those to train on is sound in itself; only its loss gives it away."""
        trained = train(plays(sound), sound.factors, True, sound.at.config.als)
        figures = sound.model.manifest["figures"] | {"losses": trained.losses}
        model = Artefact(sound.model.path, sound.model.manifest | {"figures": figures})
        assert failing(changed(indexed(sound, tmp_path, trained.factors), model=model)) == {"recorded loss"}

    @pytest.mark.parametrize(("version", "seen"), [(2, set()), (als.VERSION, {"recorded loss"})])
    def test_a_loss_of_everybody_is_held_against_one_of_everybody(self, sound, monkeypatch, version, seen):
        """A model of before recorded the loss of all listeners, and it is no fault that this is not that of some."""
        monkeypatch.setattr(checks, "LOSS_OF", 50)
        key = sound.model.manifest["key"] | {"training": version}
        model = Artefact(sound.model.path, sound.model.manifest | {"key": key})
        assert failing(changed(sound, model=model)) == seen

    @pytest.mark.parametrize("n", [2, 20])
    def test_factors_under_other_ids_are_seen(self, sound, tmp_path, n):
        """Two tracks that changed places, or one in a hundred."""
        assert failing(indexed(sound, tmp_path, rolled(sound.factors, n))) == {"recorded loss"}

    def test_factors_of_yesterday_are_seen(self, sound, tmp_path):
        """They fit, they are finite, they recommend well, and they are not today's."""
        assert "recorded loss" in failing(indexed(sound, tmp_path, yesterdays(sound)))

    def test_factors_of_another_size_are_refused(self, sound):
        """The library would read beyond the ends of the shorter ones."""
        short = Factors(sound.factors.user_factors[:-1], sound.factors.item_factors)
        with pytest.raises(BadData, match="do not fit plays"):
            training_loss(sound.holdout.training, short, sound.at.config.als)


class TestMatrix:
    def failing(self, sound, matrix, holdout=None):
        """Names of the matrix's checks that do not pass, the split made anew unless it is the fault."""
        counts = sound.at.store.load_partition(*matrix.chain[-1])
        holdout = holdout or hold_out(matrix, counts, DAY, sound.at.config.evaluation)
        return {check.name for check in matrix_checks(sound.at, matrix, holdout) if not check.passed}

    def test_a_day_counted_twice_is_seen(self, sound):
        """Each stream is in the matrix once."""
        doubled = canonical((sound.matrix.counts + others_day(sound)).astype(np.uint32))
        assert self.failing(sound, replace(sound.matrix, counts=doubled)) == {"streams conserved"}

    def test_a_date_twice_in_the_chain_is_seen(self, sound):
        """Even where matrix and partitions agree about it."""
        doubled = canonical((sound.matrix.counts + others_day(sound)).astype(np.uint32))
        chain = (*sound.matrix.chain, sound.matrix.chain[-1])
        assert "order of ids" in self.failing(sound, replace(sound.matrix, counts=doubled, chain=chain))

    def test_lost_cells_are_seen(self, sound):
        """A cell that is gone takes its plays with it."""
        assert "streams conserved" in self.failing(
            sound, replace(sound.matrix, counts=thinned(sound.matrix.counts, 0.01))
        )

    def test_a_play_under_another_track_is_seen(self, sound):
        """The sum is right, and one listener's plays of the day stand under another track."""
        day = others_day(sound).tocoo()
        cells = zip(day.row, day.col, day.data, strict=True)
        row, col = next((r, c) for r, c, plays in cells if sound.matrix.counts[r, c] == plays)
        counts = sound.matrix.counts.tolil()
        free = next(c for c in range(counts.shape[1]) if not counts[row, c])
        counts[row, free], counts[row, col] = counts[row, col], 0
        matrix = replace(sound.matrix, counts=canonical(counts.tocsr().astype(np.uint32)))
        assert self.failing(sound, matrix) == {"the day's plays in the matrix"}

    @pytest.mark.parametrize("side", ["users", "tracks"])
    def test_ids_that_changed_places_are_seen(self, sound, side):
        """Two ids that nobody asked for today; the order of the row numbers gives them away."""
        words = getattr(sound.matrix, side)
        day = sound.at.store.load_partition(*sound.matrix.chain[-1])
        asked = np.isin(words.ids, getattr(day, {"users": "user_ids", "tracks": "track_ids"}[side]))
        first, second = np.flatnonzero(~asked)[[0, -1]]
        places = np.arange(len(words))
        places[[first, second]] = second, first
        shifted = Vocabulary(words.ids.take(pa.array(places)), words.first_days)
        assert self.failing(sound, replace(sound.matrix, **{side: shifted})) == {"order of ids"}

    def test_hidden_plays_in_the_training_are_seen(self, sound):
        """A split that leaves the hidden listeners' day in the training hides nothing."""
        leaking = replace(sound.holdout, training=sound.matrix.counts)
        assert self.failing(sound, sound.matrix, leaking) == {"hidden plays absent"}

    def test_a_hidden_play_that_was_known_before_is_seen(self, sound):
        """Who is asked for a track of their own history is asked for nothing."""
        known = replace(sound.holdout, hidden=sound.holdout.history)
        assert self.failing(sound, sound.matrix, known) == {"hidden plays absent"}

    def test_more_taken_out_than_the_day_is_seen(self, sound):
        """The training lacks the hidden listeners' day and nothing else."""
        fewer = replace(sound.holdout, training=thinned(sound.holdout.training, 0.001))
        assert self.failing(sound, sound.matrix, fewer) == {"hidden plays absent"}

    def test_a_day_without_plays_lacks_none(self, sound):
        """Nothing of nothing is missing."""
        assert day_check(sound.matrix, sparse.csr_matrix(sound.matrix.counts.shape, dtype=np.uint32)).passed

    def test_a_count_that_fell_below_zero_is_seen(self):
        """Five plays hidden of the three that there are: what remains began again at 2^32, and adds up all the same."""
        ids = Vocabulary(pa.array([1], type=pa.int64()), np.zeros(1, np.int32))
        one, nothing = (sparse.csr_matrix(np.array([[plays]], np.uint32)) for plays in (2**32 - 2, 0))
        matrix = PlayMatrix(sparse.csr_matrix(np.array([[3]], np.uint32)), ids, ids, ((DAY, "digest"),))
        day = sparse.csr_matrix(np.array([[5]], np.uint32))
        found = split_check(matrix, Holdout(np.array([0]), one, one, nothing, day))
        assert not found.passed
        assert found.found.startswith("1 pairs differ")


class TestIndex:
    def test_parts_of_different_sizes_are_refused(self, sound):
        """A model with a track too few is not compared with anything."""
        short = Factors(sound.factors.user_factors, sound.factors.item_factors[:-1])
        with pytest.raises(BadData, match="do not belong together"):
            failing(changed(sound, factors=short))

    def test_parts_of_different_sizes_are_not_scored_either(self, sound, monkeypatch):
        """What is done beside the checks does not begin before it is known that everything fits together."""
        short, begun = Factors(sound.factors.user_factors, sound.factors.item_factors[:-1]), []
        monkeypatch.setattr(Store, "load_model", lambda *_: (short, sound.model))
        monkeypatch.setitem(evaluate_against.__globals__, "_scored", lambda *_: begun.append(1))
        with pytest.raises(BadData, match="do not belong together"):
            evaluate_against(sound.at, sound.day, sound.gated.artefact.digest, None)
        assert not begun

    def test_the_index_of_another_model_is_seen(self, sound, tmp_path):
        """All of it sound in itself: order, vectors, recall among its own."""
        other = indexed(sound, tmp_path, rolled(sound.factors, 20)).gated
        found = failing(changed(sound, gated=other))
        assert {"index holds the model", "norm order"} <= found <= {
            "index holds the model", "norm order", "recall of user-track search", "recall of track-track search"
        }  # fmt: skip

    def test_an_annoy_file_of_other_vectors_is_seen(self, sound, tmp_path):
        """A stale file with as many tracks: every probe of it is answered truly."""
        vectors = np.roll(rank_tracks(sound.factors.item_factors).ranked_factors, 1, axis=0)
        assert failing(indexed(sound, tmp_path, sound.factors, vectors=vectors)) == {
            "Annoy file holds the tracks",
            "recall of track-track search",
        }

    def test_an_annoy_file_with_broken_trees_is_seen(self, sound, tmp_path):
        """Every vector is there, and the trees do not lead to them."""
        found = failing(indexed(sound, tmp_path, sound.factors, astray=True))
        assert found == {"recall of track-track search"}

    def test_too_small_an_effort_is_seen(self, sound):
        """The manifest promises a recall that its own effort does not reach."""
        search = TwoTierSearch(sound.gated.search.tracks, Effort(20, 0, 10), sound.gated.search.index)
        found = failing(changed(sound, gated=replace(sound.gated, search=search)))
        assert found == {"recall of user-track search", "recall of track-track search"}


def rewrite(part: Path, named: dict | None = None, **contents) -> None:
    """Replace files of an artefact, names of its key, and all checksums: only a look at the contents can tell."""
    manifest = read_manifest(part)
    manifest["key"] |= named or {}
    for stem, content in contents.items():
        path = next(part.glob(f"{stem}.*"))
        path.unlink()  # it is mapped: written in place, it would change under its reader
        if isinstance(content, np.ndarray):
            np.save(path, content, allow_pickle=False)
        else:
            shutil.copyfile(content, path)
        manifest["files"][path.name] = {"size": path.stat().st_size, "sha256": sha256_of(path)}
    (part / MANIFEST).chmod(0o644)
    (part / MANIFEST).write_bytes(sealed_manifest(*(manifest[name] for name in ("digest", "key", "figures", "files"))))


def judged_again(at):
    """Verdict and mean precision of the stored candidate, through its files as they are now."""
    candidate = parts_of(at).candidate
    shutil.rmtree(at.store.root / "evaluations" / DAY.isoformat())
    judgement = evaluate(at, DAY, candidate)["judgement"]
    precision = open_artefact(at.store.root / "evaluations" / DAY.isoformat() / judgement / "figures").figures
    return gate(at, DAY, judgement), precision["candidate_precision"]["mean"]


class TestThroughTheBuiltIndex:
    """The gate is scored through the files that readers would ask: breaking one of them alone shows."""

    def test_recall_is_measured_on_others_than_the_effort_was_chosen_on(self, sound, monkeypatch):
        """No listener and no track that the effort was fitted to is asked, nor one without a direction; days differ."""
        asked = []
        monkeypatch.setattr(
            checks, "measure", lambda _search, items, users, played, tracks, k: asked.append((users, tracks))
        )
        for day in (DAY, YESTERDAY):
            measured_recall(day, sound.gated, sound.factors, sound.holdout.training, 100)
        index = sound.gated.artefact.manifest["key"]["index"]
        rows, cols = calibrated_on(index, sound.factors.user_factors, sound.gated.search.tracks)
        fitted = {vector.tobytes() for vector in sound.factors.user_factors[rows]}
        for users, tracks in asked:
            assert len(users) == len(tracks) == 100
            assert not fitted & {vector.tobytes() for vector in users}
            assert not set(cols.tolist()) & set(tracks.tolist())
            assert users.any(axis=1).all()
            assert sound.factors.item_factors[tracks].any(axis=1).all()
        assert asked[0][1].tolist() != asked[1][1].tolist()

    def test_a_candidate_of_before_is_judged_through_its_angular_index(self, copied, tmp_path):
        """Its items are the factors, and its trees others; what it recommends is the same, and every check passes."""
        sound, before = judged_again(copied)
        ranked = parts_of(copied).gated.search.tracks
        index = AnnoyIndex(ranked.ranked_factors.shape[1], "angular")
        for rank, vector in enumerate(ranked.ranked_factors):
            index.add_item(rank, vector)
        index.build(20)
        index.save(str(tmp_path / "angular.ann"))
        gated = copied.store.bundle_path(parts_of(copied).candidate) / GATED
        rewrite(gated, {"growing": 2}, index=tmp_path / "angular.ann")
        verdict, after = judged_again(copied)
        assert (sound["outcome"], verdict["outcome"], after) == ("PASS", "PASS", before)

    def test_a_broken_annoy_file_fails_track_track(self, copied, tmp_path):
        """The file alone, its checksum put right: blocked for good, for the search of similar tracks."""
        ranked = parts_of(copied).gated.search.tracks
        build_index(ranked.ranked_factors[::-1], tmp_path / "stale.ann", 20, 1)
        rewrite(copied.store.bundle_path(parts_of(copied).candidate) / GATED, index=tmp_path / "stale.ann")
        verdict, _ = judged_again(copied)
        assert (verdict["outcome"], verdict["exact"]) == ("BLOCK", True)
        assert {reason.split(":")[0] for reason in verdict["reasons"]} == {
            "Annoy file holds the tracks",
            "recall of track-track search",
        }

    def test_a_broken_norm_order_fails_user_track_and_lowers_precision(self, copied, tmp_path):
        """The order alone, quiet tracks first: every part fits every other, and the loud ones are not reached."""
        sound, before = judged_again(copied)
        ranked = parts_of(copied).gated.search.tracks
        build_index(ranked.ranked_factors[::-1], tmp_path / "quiet.ann", 20, 1)
        rewrite(
            copied.store.bundle_path(parts_of(copied).candidate) / GATED,
            rank_cols=ranked.rank_cols[::-1],
            ranked_factors=ranked.ranked_factors[::-1],
            index=tmp_path / "quiet.ann",
        )
        verdict, after = judged_again(copied)
        assert (sound["outcome"], verdict["outcome"], verdict["exact"]) == ("PASS", "BLOCK", True)
        assert {reason.split(":")[0] for reason in verdict["reasons"]} == {
            "norm order",
            "Annoy file holds the tracks",  # directions, by norms that are not theirs
            "recall of user-track search",
        }
        assert after < 0.8 * before
