"""The exact checks together: a sound store passes all of them, each under its name."""

from datetime import date

import pytest
from opened_candidates import YESTERDAY, checked, failing, opened_of

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


def test_a_sound_candidate_passes_every_check(finished, sound):
    """Nothing fails that nothing is wrong with, and each check has its name."""
    found = checked(finished, sound)
    assert [check.name for check in found] == NAMES
    assert [str(check) for check in found if not check.passed] == []


@pytest.mark.parametrize("day", [date(2026, 1, 13), YESTERDAY], ids=str)
def test_every_day_of_the_store_passes(finished, day):
    """Cold starts and warm ones, with an incumbent and without."""
    assert failing(finished, opened_of(finished, day)) == set()


def test_the_stored_figures_hold_every_check(finished):
    """What a verdict is made from are these checks, all of them, for each date."""
    judged = [finished.judgements.figures(judgement) for judgement in finished.judgements.of()]
    assert len(judged) == 3
    assert all([check["name"] for check in figures["checks"]] == NAMES for figures in judged)
