"""The command ``tune``: play counts from a file, a winner that is told, and a TOML file that keeps the rest."""

import json
import tomllib

import numpy as np
import pytest

from recsys_tasks.cli.main import main
from recsys_tasks.cli.tune import read_play_counts, with_als
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.evaluation.tuning import split_random, tune


class TestToml:
    @pytest.mark.parametrize(
        "text",
        [
            "# mine\n[source]\nhistory_start = 2026-01-01\n",
            '[source]\na = 1\n[als]\nfactors = 8  # short\nweight = "linear"\n[gate]\na = 2\n',
            "[als]\n[gate]\nfloor = 0.1\n",
            "[als]   # confidence\nfactors = 40\n",
        ],
    )
    def test_only_the_four_values_change(self, text):
        """The [als] table has the winner's values, every other table and every comment is as it was."""
        winner = AlsConfig(factors=64, weight="log", a=3.0, regularization=10.0)
        written = with_als(text, winner)
        values, before = tomllib.loads(written), tomllib.loads(text)
        assert values.pop("als") == {"factors": 64, "weight": "log", "a": 3.0, "regularization": 10.0}
        before.pop("als", None)
        assert values == before
        assert [line for line in text.splitlines() if line.startswith("#")] == [
            line for line in written.splitlines() if line.startswith("#")
        ]
        assert ("# short" in text) == ("# short" in written)


@pytest.fixture
def two_tastes(tmp_path):
    """A file of play counts: listeners of one half play tracks of one half."""
    rng = np.random.default_rng(1)
    likes = (np.arange(120)[:, None] % 2) == (np.arange(60)[None, :] % 2)
    plays = rng.random((120, 60)) < np.where(likes, 0.3, 0.01)
    lines = [f"u{user},t{track},{1 + track % 5}" for user, track in zip(*plays.nonzero(), strict=True)]
    path = tmp_path / "plays.csv"
    path.write_text("\n".join(["who,what,times", *lines]))
    return path


class TestCommand:
    def test_the_winner_is_told_and_written(self, two_tastes, tmp_path, capsys):
        """The best of all settings stands first, and in the configuration, whose other values and comments stay."""
        config = tmp_path / "recsys.toml"
        config.write_text(
            "# mine\n[source]\nhistory_start = 2026-01-01\n[als]\na = 7.0 # ours\nmax_iterations = 2\nthreads = 1\n"
        )
        words = ["tune", "--split", "random", "--file", str(two_tastes), "--delimiter", ",", "--factors", "4"]
        words += ["--user", "who", "--track", "what", "--plays", "times", "-k", "5", "--write", "--json"]
        assert main(words, {"USER": "o", "RECSYS_CONFIG": str(config)}) == 0
        told = json.loads(capsys.readouterr().out)
        best = max(told["trials"], key=lambda trial: trial["precision"])
        assert told["winner"] | {"precision": best["precision"]} == best
        chosen = {name: told["winner"][name] for name in ("weight", "a", "regularization", "factors")}
        assert tomllib.loads(config.read_text())["als"] == {**chosen, "max_iterations": 2, "threads": 1}
        assert [line.split("#")[1] for line in config.read_text().splitlines() if "#" in line] == [" mine", " ours"]

    def test_log_weight_beats_linear_forty_on_real_play_counts(self, shared_data):
        """On Last.fm play counts log beats linear a = 40, and scores at least twice the popular tracks."""
        file = shared_data / "lastfm-2k" / "user_artists.dat"
        split = split_random(*read_play_counts(file, ("userID", "artistID", "weight"), "\t"), 1)
        linear = AlsConfig(weight="linear", a=40.0, regularization=0.1)
        log = AlsConfig(weight="log", a=1.0, regularization=10.0)
        tuned = tune(split, [linear, log], 10, lambda _line: None)
        assert tuned.winner == log
        assert tuned.reported > 2 * tuned.reported_popularity

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--split", "random"], "--file"),
            (["--split", "time"], "--date"),
            (["--split", "random", "--file", "missing.tsv"], "missing.tsv"),
        ],
    )
    def test_what_is_missing_is_named(self, words, said, capsys):
        """Without a file or a date the error says which option to give."""
        assert main(["tune", *words], {"USER": "o"}) == 2
        assert said in capsys.readouterr().err
