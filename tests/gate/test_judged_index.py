"""A candidate is judged through the files that readers would ask: breaking one of them alone shows."""

import shutil

import pytest
from annoy import AnnoyIndex
from opened_candidates import DAY, candidate_of, opened_of
from planting import plant
from settings import reseal

from recsys_tasks.index.annoy_index import build_trees
from recsys_tasks.release.bundles import GATED, part_name
from recsys_tasks.release.judgements import Judgement
from recsys_tasks.steps import evaluate, gate
from recsys_tasks.storage.artefacts import read_manifest


def judged_again(at):
    """Verdict and mean precision of the stored candidate, through its files as they are now."""
    candidate = candidate_of(at)
    shutil.rmtree(at.store.root / "evaluations" / DAY.isoformat())
    name = evaluate(at, DAY, candidate).judgement
    figures = at.judgements.figures(Judgement(DAY, name))
    return gate(at, DAY, name), figures["candidate_precision"]["mean"]


def reasons(verdict):
    """Names of the checks that a verdict names."""
    return {reason.split(":")[0] for reason in verdict.reasons}


@pytest.fixture
def gated(copied):
    """The directory of the newest candidate's gated part."""
    return copied.store.root / part_name(candidate_of(copied), GATED)


@pytest.fixture
def ranked(sound):
    """The tracks of the newest candidate, in norm order."""
    return sound.gated.search.tracks


@pytest.fixture
def stale(ranked, tmp_path):
    """An Annoy file of as many tracks in another order."""
    build_trees(ranked.ranked_factors[::-1], str(tmp_path / "stale.ann"), 20, 1)
    return (tmp_path / "stale.ann").read_bytes()


def test_a_candidate_of_before_is_judged_through_its_angular_index(copied, gated, ranked, tmp_path):
    """Its items are the factors, and its trees others; what it recommends is the same, and every check passes."""
    sound, before = judged_again(copied)
    index = AnnoyIndex(ranked.ranked_factors.shape[1], "angular")
    for rank, vector in enumerate(ranked.ranked_factors):
        index.add_item(rank, vector)
    index.build(20)
    index.save(str(tmp_path / "angular.ann"))
    plant(gated, index=(tmp_path / "angular.ann").read_bytes())
    reseal(gated, key=read_manifest(gated).key | {"growing": 2})
    assert opened_of(copied).gated.key.growing == 2
    verdict, after = judged_again(copied)
    assert (sound.outcome, verdict.outcome, after) == ("PASS", "PASS", before)


def test_a_broken_annoy_file_fails_track_track(copied, gated, stale):
    """The file alone, its checksum put right: blocked for good, for the search of similar tracks."""
    plant(gated, index=stale)
    verdict, _ = judged_again(copied)
    assert (verdict.outcome, verdict.exact) == ("BLOCK", True)
    assert reasons(verdict) == {"Annoy file holds the tracks", "recall of track-track search"}


def test_a_broken_norm_order_fails_user_track_and_lowers_precision(copied, gated, ranked, stale):
    """The order alone, small norms first: every part fits every other, and the large norms are not reached."""
    sound, before = judged_again(copied)
    plant(gated, rank_cols=ranked.rank_cols[::-1], ranked_factors=ranked.ranked_factors[::-1], index=stale)
    verdict, after = judged_again(copied)
    assert (sound.outcome, verdict.outcome, verdict.exact) == ("PASS", "BLOCK", True)
    assert reasons(verdict) == {
        "norm order",
        "Annoy file holds the tracks",  # directions, by norms that are not theirs
        "recall of user-track search",
    }
    assert after < 0.8 * before
