"""What ``tune`` says of a handful of listeners: figures of chance, told as such, and no number that is none."""

import json

import numpy as np
import pytest

from recsys_tasks.cli.main import main


@pytest.fixture
def handful(tmp_path):
    """Play counts of eight listeners, of whom one or two are in each group."""
    rng = np.random.default_rng(1)
    pairs = [f"u{user},t{track},{rng.integers(1, 9)}" for user in range(8) for track in rng.choice(40, 12, False)]
    file = tmp_path / "plays.csv"
    file.write_text("\n".join(["user,track,plays", *pairs]))
    return ["tune", "--split", "random", "--file", str(file), "--delimiter", ",", "--factors", "4", "--minutes", "0"]


@pytest.mark.parametrize("more", [[], ["--components"]])
def test_a_handful_has_an_answer_for_machines(handful, capsys, monkeypatch, more):
    """An interval of one listener is unknown, which is null: NaN is no JSON."""
    monkeypatch.setattr("recsys_tasks.evaluation.tuning_scores.paired_difference", of_one_listener)
    assert main([*handful, "--json", *more], {"USER": "o"}) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    gains = [row["over_als"] for row in told["rows"][2:]] if more else [told["reported"]["over_popular"]]
    assert {each["ndcg"]["low"] for each in gains} == {None}


@pytest.mark.parametrize("more", [[], ["--components"]])
def test_a_handful_has_an_answer_for_people(handful, capsys, monkeypatch, more):
    """The difference stands there without an interval."""
    monkeypatch.setattr("recsys_tasks.evaluation.tuning_scores.paired_difference", of_one_listener)
    assert main([*handful, *more], {"USER": "o"}) == 0
    assert "nan" not in capsys.readouterr().out


@pytest.mark.parametrize(("lengths", "told"), [(["4", "64"], True), (["4", "40"], False)])
def test_lengths_that_the_time_did_not_reach_are_told(handful, capsys, lengths, told):
    """Longer vectors come last, and are the most that a short search misses. Today's 40 were tried."""
    words = [each for each in handful if each not in ("--factors", "4")]
    assert main([*words, "--factors", *lengths], {"USER": "o"}) == 0
    assert ("Vectors of more than 40 factors were not reached" in capsys.readouterr().out) == told


def test_trees_that_too_few_teach_are_not_tried(handful, capsys):
    """They would be the weights under another name: no row, and why."""
    pytest.importorskip("lightgbm")
    assert main([*handful, "--components"], {"USER": "o"}) == 0
    said = capsys.readouterr().out
    assert "by trees" not in said
    assert "Trees were not tried: of those who teach, fewer than 50 have a hidden play" in said


def of_one_listener(one, other):
    """A difference without an error."""
    return {"difference": float((one - other).mean()), "standard_error": None}
