"""The command line as a person and a program use it: answers, refusals in one line, exit codes."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from settings import TOML

from recsys_tasks.cli.main import main
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.steps.workplace import recorded
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.run_records import RunRecords

DAY = date(2026, 1, 13)


def environment_of(root, dsn, toml=TOML):
    """The variables that name a store and a configuration in a folder, and a source."""
    (root / "config.toml").write_text(toml)
    named = {"RECSYS_ROOT": str(root / "store"), "RECSYS_CONFIG": str(root / "config.toml"), "USER": "o"}
    return named | {"RECSYS_SOURCE_DSN": dsn}


REFUSALS = {
    "a wrong column": (TOML.replace("[source]", '[source]\nms_played = "milliseconds"'), (), "milliseconds"),
    "a missing table": (TOML.replace("[source]", '[source]\nstreams_table = "plays"'), (), "plays"),
    "a field that is unknown": (TOML + "\n[gates]\nfloor = 1\n", (), "gates"),
    "a field out of bounds": (TOML.replace("margin = 0.5", "margin = 5"), (), "gate.margin"),
    "an empty day": (TOML, ("--date", "2026-02-01"), "allow-empty-day"),
    "a day before the history": (TOML, ("--date", "2025-12-31"), "history_start"),
    "no date": (TOML, ("--date", "yesterday"), "YYYY-MM-DD"),
}


class TestCommandLine:
    @pytest.mark.parametrize(("toml", "words", "said"), REFUSALS.values(), ids=REFUSALS.keys())
    def test_a_refusal_is_one_line_that_says_what_to_do(self, world_dsn, tmp_path, capsys, toml, words, said):
        """Wrong configuration and impossible days: one line on standard error, exit code not 0, nothing judged."""
        environment = environment_of(tmp_path, world_dsn, toml)
        assert main(["run", *(words or ("--date", "2026-01-06"))], environment) in {1, 2}
        assert said in capsys.readouterr().err.strip().splitlines()[-1]
        assert not (tmp_path / "store" / "matrices").exists()

    def test_an_unreachable_source_is_said_without_its_password(self, tmp_path):
        """Nobody listens there: one line with host and database, never the password."""
        environment = environment_of(tmp_path, "postgresql://u:hush-5521@127.0.0.1:1/music")
        found = subprocess.run(
            [sys.executable, "-m", "recsys_tasks", "run", "--date", "2026-01-06"],
            env=os.environ | environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert found.returncode == 1
        assert found.stderr.startswith("SourceUnavailable: ")
        assert "127.0.0.1" in found.stderr
        assert "hush-5521" not in found.stderr + found.stdout

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("similar", "99999999"), "UnknownId"),
            (("recommend", "not-a-number"), "UnknownId"),
            (("rollback", "77", "--by", "o", "--why", "w"), "no release 77"),
            (("release", "ffff", "--by", "o", "--why", "w"), "0 candidates"),
            (("recommend", "5", "-k", "0"), "ConfigError"),
            (("similar", "99999999999999999999"), "UnknownId"),
            (("recommend", "123456789"), "UnknownId"),
            (("run", "--date", "2999-01-01"), "DayIncomplete"),
            (("world", "make", "--start", "foo"), "YYYY-MM-DD"),
        ],
    )
    def test_unknown_things_are_named(self, copied, capsys, tmp_path, words, said):
        """A track, listener, release or candidate that does not exist is an error with its name."""
        (tmp_path / "config.toml").write_text(TOML)
        environment = {
            "RECSYS_ROOT": str(copied.store.root),
            "RECSYS_CONFIG": str(tmp_path / "config.toml"),
            "USER": "o",
        }
        assert main(words, environment) != 0
        assert said in capsys.readouterr().err

    def test_what_it_answers_can_be_read_by_machines(self, copied, capsys):
        """recommend, similar, verify and status print JSON on request."""
        environment = {"RECSYS_ROOT": str(copied.store.root), "USER": "o"}
        answers = {}
        for words in (("recommend", "5"), ("similar", "10"), ("verify",), ("status",)):
            assert main([*words, "--json"], environment) == 0
            answers[words[0]] = json.loads(capsys.readouterr().out)
        assert len(answers["recommend"]["tracks"]) == len(answers["similar"]["tracks"]) == 10
        assert answers["verify"]["release"] == answers["status"]["live"]["release"] == 3
        assert [day["outcome"] for day in answers["status"]["days"]] == ["PASS"] * 3
        steps = answers["status"]["steps"]
        assert [step["step"] for step in steps][:3] == ["extract_streams", "check_data", "increment_matrix"]
        assert all(step["seconds"] >= 0 and step["peak_megabytes"] > 10 and step["outcome"] == "ok" for step in steps)
        assert len({step["run_id"] for step in steps}) == 1

    def test_a_step_is_charged_with_its_own_memory(self, tmp_path):
        """What an earlier step held and gave back is not in the peak of a later one."""
        store = PosixStore(tmp_path)
        for step, megabytes in (("large", 400), ("small", 1)):
            with recorded(store, "run", step, "olga", lambda: datetime.now(UTC)):
                assert np.ones(megabytes << 17).sum() > 0
        large, small = (RunRecords(store).last("run", step)["peak_megabytes"] for step in ("large", "small"))
        assert large - small > 300

    def test_before_the_first_release_it_says_so(self, tmp_path, capsys):
        """An empty store is no error for status, and a plain one for recommend."""
        environment = {"RECSYS_ROOT": str(tmp_path), "USER": "o"}
        assert main(["status"], environment) == 0
        assert "Nothing has been published yet" in capsys.readouterr().out
        assert main(["recommend", "5"], environment) == 1
        assert "NoRelease" in capsys.readouterr().err


def test_every_error_is_of_the_one_root():
    """Whatever the library refuses with can be caught as RecsysError."""
    import recsys_tasks.core.errors as errors

    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(one, RecsysError) for one in classes)
