"""What ``tune --components`` says of a choice: the lines to paste, and what speaks against it."""

import tomllib

import pytest

from recsys_tasks.cli.tune_components_words import as_data, as_text, described, lines_of, values_of
from recsys_tasks.core.components import RecentConfig
from recsys_tasks.evaluation.ensemble_joining import ALONE, Ensemble
from recsys_tasks.evaluation.ensemble_tuning import Row, TunedComponents
from recsys_tasks.evaluation.tuning_scores import Means

RECENT = RecentConfig()


@pytest.mark.parametrize(("fitting", "told"), [(99, True), (100, False)])
def test_a_choice_that_a_day_would_not_follow_is_told(fitting, told):
    """Fewer listeners than a day fits weights on: the blend that is chosen would be ALS alone."""
    best = Ensemble(("recent",))
    tuned = TunedComponents(best, best, 100, {}, (), ((best, 0.1),), (Row(ALONE, Means(0.1, 0.1), None),), 300,
                            (fitting, 40, 80), False)  # fmt: skip
    assert ("A day needs 100 blend listeners" in as_text(tuned, 10, True)) == told


@pytest.mark.parametrize(("share", "told"), [(0.0823, True), (0.0, False)])
def test_what_no_list_can_hold_is_told(share, told):
    """A gain on tracks that were played before is not what a release gains that lists others too."""
    tuned = TunedComponents(Ensemble(), Ensemble(), 100, {}, (), ((Ensemble(), 0.1),),
                            (Row(ALONE, Means(0.1, 0.1), None),), 300, (100, 100, 200), False, share)  # fmt: skip
    assert ("Nothing is said of 8.2% of what such listeners discovered" in as_text(tuned, 10, True)) == told
    assert as_data(tuned, {})["unplayed_share"] == share


@pytest.mark.parametrize("one_date", [True, False])
def test_a_date_that_teaches_and_judges_is_told(one_date):
    """Trees learn which tracks are played on a date: what they gain on it they may lose on the next."""
    tuned = TunedComponents(Ensemble(), Ensemble(), 100, {}, (), ((Ensemble(), 0.1),),
                            (Row(ALONE, Means(0.1, 0.1), None),), 300, (100, 100, 200), False)  # fmt: skip
    assert ("it taught the weights and trees that it judges" in as_text(tuned, 10, True, one_date)) == one_date


@pytest.mark.parametrize(("others", "why"), [(99, "The 99 other listeners are too few"), (100, "not surely better")])
def test_why_a_choice_was_not_confirmed_is_told(others, why):
    """Too few others to say, or others who do not say so."""
    tuned = TunedComponents(Ensemble(), Ensemble(("recent",)), 100, {}, (), ((Ensemble(), 0.1),),
                            (Row(ALONE, Means(0.1, 0.1), None),), 300, (100, 40, others), False)  # fmt: skip
    assert why in as_text(tuned, 10, True)


def test_the_depth_of_trees_is_a_line_to_paste():
    """What was chosen says how many candidates of each component it had; ALS alone has none to say."""
    deep, alone = Ensemble(("recent",), True, 300), Ensemble()
    lines = [
        lines_of(
            values_of(TunedComponents(each, each, 300, {"recent": RECENT}, (), (), (), 300, (9, 9, 9), False), 0.2)
        )
        for each in (deep, alone)
    ]
    assert tomllib.loads(lines[0])["blend"] == {"components": ["als", "recent"], "depth": 300, "joined_by": "ranker"}
    assert tomllib.loads(lines[1])["blend"] == {"components": ["als"]}


def test_discoveries_are_a_setting_of_recent_plays():
    """Where they are chosen, the lines to paste name the component, and what it counts."""
    best, counting = Ensemble(("discoveries",)), RecentConfig(half_life_days=(3.0,), counts="discoveries")
    settings = {"discoveries": counting}
    tuned = TunedComponents(best, best, 100, settings, (), ((best, 0.1),), (), 300, (100, 40, 80), False)
    assert values_of(tuned, 0.2) == {
        "blend": {"components": ["als", "recent"], "depth": 100, "joined_by": "weights"},
        "recent": {"half_life_days": [3.0], "counts": "discoveries"},
    }


def test_one_day_is_no_days():
    """A half-life is told as people say it."""
    days = ((1.0,), (7.0,), (1.0, 14.0))
    assert [described(RecentConfig(half_life_days=each)) for each in days] == ["1 day", "7 days", "1 and 14 days"]
