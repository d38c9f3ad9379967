"""The command ``tune``: play counts from a file, a winner that is told, and a TOML file that keeps the rest."""

import json
import re
import tomllib
from dataclasses import replace

import pytest
from two_tastes import played_pairs

from recsys_tasks.cli.main import main
from recsys_tasks.cli.tune import read_play_counts
from recsys_tasks.cli.tune_toml import with_values
from recsys_tasks.cli.tune_words import as_text
from recsys_tasks.core.config import MOST_FACTORS, AlsConfig, load_config
from recsys_tasks.evaluation.tuning import Watch, tune
from recsys_tasks.evaluation.tuning_scores import Interval, Means, means, scores_of, scores_of_popular, trained
from recsys_tasks.evaluation.tuning_split import split_random


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
        winner = {"factors": 64, "weight": "log", "a": 3.0, "regularization": 10.0}
        written = with_values(text, {"als": winner})
        values, before = tomllib.loads(written), tomllib.loads(text)
        assert values.pop("als") == winner
        before.pop("als", None)
        assert values == before
        assert [line for line in text.splitlines() if line.startswith("#")] == [
            line for line in written.splitlines() if line.startswith("#")
        ]
        assert ("# short" in text) == ("# short" in written)


@pytest.fixture
def two_tastes(tmp_path):
    """A file of play counts: listeners of one half play tracks of one half."""
    lines = [f"u{user},t{track},{plays}" for user, track, plays in played_pairs()]
    path = tmp_path / "plays.csv"
    path.write_text("\n".join(["who,what,times", *lines]))
    return path


MINE = "# mine\n[source]\nhistory_start = 2026-01-01\n[als]\na = 7.0 # ours\nmax_iterations = 2\nthreads = 1\n"


def tuned(file, config, *more):
    """The command on a file of play counts: its exit code."""
    words = ["tune", "--split", "random", "--file", str(file), "--delimiter", ",", "--factors", "4"]
    words += ["--user", "who", "--track", "what", "--plays", "times", "-k", "5", *more]
    return main(words, {"USER": "o", "RECSYS_CONFIG": str(config)})


@pytest.fixture
def config(tmp_path):
    """A configuration with a few settings of its own."""
    path = tmp_path / "recsys.toml"
    path.write_text(MINE)
    return path


class TestCommand:
    def test_the_winner_is_told_and_written(self, two_tastes, config, capsys):
        """The best of all settings stands first, and in the configuration, whose other values and comments stay."""
        assert tuned(two_tastes, config, "--write", "--json") == 0
        told = json.loads(capsys.readouterr().out)
        best = max(told["trials"], key=lambda trial: trial["ndcg"])
        assert told["winner"] == {name: best[name] for name in told["winner"]}
        chosen = {name: told["winner"][name] for name in ("weight", "a", "regularization", "factors")}
        assert tomllib.loads(config.read_text())["als"] == {**chosen, "max_iterations": 2, "threads": 1}
        assert [line.split("#")[1] for line in config.read_text().splitlines() if "#" in line] == [" mine", " ours"]

    def test_what_was_changed_is_said_once(self, two_tastes, config, capsys):
        """--write tells old and new of each field and the file; a second search that finds the same changes nothing."""
        assert tuned(two_tastes, config, "--write") == 0
        said = capsys.readouterr().out
        a = tomllib.loads(config.read_text())["als"]["a"]
        assert f"Written into {config}, [als]: " in said
        assert f"a 7 -> {a:g}" in said
        assert "factors 40 -> 4" in said
        written = config.read_bytes()
        assert tuned(two_tastes, config, "--write") == 0
        assert f"Nothing to write: {config} has these settings already." in capsys.readouterr().out
        assert config.read_bytes() == written

    def test_people_read_what_it_is_worth(self, two_tastes, config, capsys):
        """Today's settings have a row of their own, the gain has an interval, each trial a line with what is left."""
        assert tuned(two_tastes, config) == 0
        told = capsys.readouterr()
        assert any("today's settings" in line and " 7 " in line for line in told.out.splitlines())
        assert re.search(r"winner less popular tracks +\+0\.\d+ \[\+0\.\d+, \+0\.\d+\]", told.out)
        first, *_, last = told.err.splitlines()
        assert re.match(r"trial 1 of about 40, about \d+ s left: log, a = 7, lambda = .*: nDCG@5 0\.\d{4} \(", first)
        assert last.startswith(f"trial {len(told.err.splitlines())} of about ")

    def test_a_winner_with_the_longest_vectors_is_followed_by_what_tries_longer_ones(self, two_tastes):
        """The option to type begins with the shortest length, and is told only where a longer one is allowed."""
        split = split_random(*read_play_counts(two_tastes, ("who", "what", "times"), ","), 1)
        found = tune(split, AlsConfig(factors=4, threads=1), [4], 5, Watch(lambda: 0.0, -1))
        at_edge = replace(found, edges=("4 factors",))
        assert "For longer vectors: --factors 2 4 8." in as_text(at_edge, 5, (2, 4))
        assert "--factors" not in as_text(at_edge, 5, (4,))
        longest = replace(found.trials[0], config=AlsConfig(factors=MOST_FACTORS))
        assert "--factors" not in as_text(replace(at_edge, trials=(longest,)), 5, (2, MOST_FACTORS))

    def test_longer_vectors_that_are_hardly_better_are_told(self, two_tastes):
        """What scored most stands in the answer, and why it was not taken."""
        split = split_random(*read_play_counts(two_tastes, ("who", "what", "times"), ","), 1)
        found = tune(split, AlsConfig(factors=4, threads=1), [4], 5, Watch(lambda: 0.0, -1))
        longer = replace(found.trials[0], config=AlsConfig(factors=8), means=Means(0.9, 0.9))
        told = as_text(replace(found, trials=(*found.trials, longer)), 5, (4, 8))
        assert "8 factors) is not better by more than one standard error" in told
        assert "not better" not in as_text(found, 5, (4,))

    def test_a_winner_that_is_worth_no_more_is_not_written(self, two_tastes, config, capsys, monkeypatch):
        """Where the other listeners have no more of the winner, the configuration stays, and why is said."""
        monkeypatch.setattr("recsys_tasks.evaluation.tuning_scores.interval", lambda *_: Interval(-0.01, -0.02, 0.0))
        written = config.read_bytes()
        assert tuned(two_tastes, config, "--write", "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert told["changed"] == []
        assert told["winner"]["a"] != 7.0
        assert config.read_bytes() == written

    def test_a_budget_ends_it_with_the_best_so_far(self, two_tastes, config, capsys):
        """After --minutes the best of what was tried is told, and that the search had not ended."""
        assert tuned(two_tastes, config, "--minutes", "0", "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert told["stopped"]
        assert len(told["trials"]) == 1

    def test_the_defaults_beat_those_of_before_on_real_play_counts(self, shared_data):
        """On Last.fm play counts the defaults beat linear a = 40, and score at least twice the popular tracks."""
        file = shared_data / "lastfm-2k" / "user_artists.dat"
        split = split_random(*read_play_counts(file, ("userID", "artistID", "weight"), "\t"), 1)
        before = AlsConfig(weight="linear", a=40.0, regularization=0.01)
        rows = split.reporting
        old, new = (means(scores_of(split, each, trained(split, each), rows, 10)) for each in (before, AlsConfig()))
        popular = means(scores_of_popular(split, rows, 10))
        assert old.ndcg < popular.ndcg < new.ndcg / 2
        assert old.precision < popular.precision < new.precision / 2

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


class TestFile:
    def test_lines_without_plays_are_one_play_each(self, tmp_path):
        """A playlist's tracks have no number of plays; one that stands there twice was added twice."""
        file = tmp_path / "playlists.csv"
        file.write_text("list,track\np1,a\np1,b\np2,a\np2,a\n")
        plays, users, tracks = read_play_counts(file, ("list", "track", ""), ",")
        assert (users.ids.to_pylist(), tracks.ids.to_pylist()) == (["p1", "p2"], ["a", "b"])
        assert plays.toarray().tolist() == [[1, 1], [2, 0]]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--track", "song"], "has no column song or plays; it has who, what, stars. Name its columns: --user, "),
            (
                ["--track", "what", "--plays", "stars"],
                "stars is to hold how often each track was played, whole numbers",
            ),
            (["--delimiter", ";"], "it has who,what,stars. Name"),
        ],
    )
    def test_what_is_wrong_with_a_file_is_told(self, tmp_path, capsys, words, said):
        """A column that is not there, with those that are; ratings in place of plays; and another delimiter."""
        file = tmp_path / "ratings.csv"
        file.write_text("who,what,stars\n1,2,4.5\n")
        given = ["tune", "--split", "random", "--file", str(file), "--user", "who", "--delimiter", ",", *words]
        assert main(given, {"USER": "o"}) == 2
        assert said in capsys.readouterr().err


class TestComponents:
    def test_what_the_configuration_says_of_components_is_tried(self, two_tastes, config, capsys):
        """Of undated counts too: today's neighbours are among the settings, and a blend_share that is there stays."""
        config.write_text(f"{MINE}[neighbours]\nnearest = 7\n[evaluation]\nblend_share = 0.4\n")
        assert tuned(two_tastes, config, "--components", "--json", "--write") == 0
        told = json.loads(capsys.readouterr().out)
        assert 7 in {each["nearest"] for each in told["tried"]}
        assert load_config(config).evaluation.blend_share == 0.4

    def test_the_lines_are_told_and_written(self, two_tastes, config, capsys):
        """--components names the ensemble with a table of its parts; --write sets the same values, all else stays."""
        before = tomllib.loads(config.read_text())
        assert tuned(two_tastes, config, "--components", "--json", "--write") == 0
        told = json.loads(capsys.readouterr().out)
        written = tomllib.loads(config.read_text())
        held = load_config(config).model_dump(mode="json")
        assert all(held[name][field] == value for name, of in told["values"].items() for field, value in of.items())
        assert {name: written[name] for name in before} == before
        assert {"ALS alone", "neighbours alone", "ALS, neighbours, by weights"} <= {
            row["lists"] for row in told["rows"]
        }
        assert sum(row["chosen"] for row in told["rows"]) == 1

    def test_what_stands_there_already_is_not_written_again(self, two_tastes, config, capsys):
        """A second search that finds the same says so, and the file stays."""
        assert tuned(two_tastes, config, "--components", "--write") == 0
        written = config.read_bytes()
        capsys.readouterr()
        assert tuned(two_tastes, config, "--components", "--write") == 0
        assert f"Nothing to write: {config} says the same already." in capsys.readouterr().out
        assert config.read_bytes() == written

    def test_people_read_what_each_part_gains_and_what_to_paste(self, two_tastes, config, capsys):
        """A line for each setting, a row for each part with an interval, and TOML that the configuration takes."""
        assert tuned(two_tastes, config, "--components") == 0
        told = capsys.readouterr()
        for setting in ("cosine, shrinkage 10, 50 tracks of a listener, 50 nearest", "ease, lambda 200, 100 nearest"):
            assert re.search(rf"listeners: neighbours, {setting}: nDCG@5 0\.\d+ with ALS", told.err)
        assert re.search(r"neighbours alone .*\[", told.out)
        assert tomllib.loads(told.out[told.out.index("[blend]") :])["blend"]["components"][0] == "als"
