"""The command line as a terminal knows it: help for everything, readers who leave, counts in whole numbers."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recsys_tasks.cli.main import GROUPS, main, parser
from recsys_tasks.cli.telling import answer, tell


def commands(found, name="recsys"):
    """Every command of the parser with its own parser, and the lists of commands above them."""
    yield name, found
    for action in found._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from commands(below, f"{name} {word}")


class TestHelp:
    def test_every_argument_of_every_command_is_explained(self):
        """Each option and each positional argument says what it is for, and each command what it does."""
        silent = [
            f"{name}: {'/'.join(action.option_strings) or action.dest}"
            for name, found in commands(parser({}))
            for action in found._actions
            if not isinstance(action, argparse._SubParsersAction) and not action.help
        ]
        silent += [
            f"{name} {word.dest}"
            for name, found in commands(parser({}))
            for action in found._actions
            if isinstance(action, argparse._SubParsersAction)
            for word in action._choices_actions
            if not word.help
        ]
        assert silent == []

    def test_every_command_prints_its_help(self, capsys):
        """No text of help breaks on a stray sign; it names every option."""
        for name, found in commands(parser({})):
            with pytest.raises(SystemExit) as left:
                main([*name.split()[1:], "--help"], {})
            said = capsys.readouterr().out
            assert left.value.code == 0
            assert all(word in said for action in found._actions for word in action.option_strings)


def into_closed_pipe(root, *words, stream="stdout"):
    """Run a command whose reader has left before the first word: its exit code, and what the other stream got."""
    reading, writing = os.pipe()
    os.close(reading)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "RECSYS_ROOT": str(root)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: writing}
    try:
        found = subprocess.run(
            [sys.executable, "-m", "recsys_tasks", *words], env=environment, text=True, check=False, **streams
        )
    finally:
        os.close(writing)
    return found.returncode, found.stderr if stream == "stdout" else found.stdout


class TestPipes:
    @pytest.mark.parametrize("words", [("status",), ("lineage", "3", "--json"), ("run", "--help")], ids=" ".join)
    def test_a_reader_who_leaves_is_no_error(self, finished, words):
        """``recsys status | head -1`` ends as if all had been read, without a word of Python's."""
        assert into_closed_pipe(finished.store.root, *words) == (0, "")

    def test_a_refusal_keeps_its_exit_code(self, tmp_path):
        """A script that reads only the first line still learns that there was nothing to verify."""
        code, said = into_closed_pipe(tmp_path, "verify")
        assert code == 1
        assert said.startswith("NoRelease: ")
        assert "Traceback" not in said

    def test_progress_that_nobody_reads_stops_no_work(self, finished):
        """Where standard error is closed, the answer comes all the same, with its exit code."""
        code, said = into_closed_pipe(finished.store.root, "recommend", "123456789", stream="stderr")
        assert code == 1
        assert "the most popular tracks" in said


class TestPopularTracks:
    def test_listeners_are_counted_in_whole_numbers(self, finished, capsys):
        """The column says that it counts listeners, largest first; a machine gets whole numbers too."""
        environment = {"RECSYS_ROOT": str(finished.store.root), "USER": "o"}
        assert main(["recommend", "123456789"], environment) == 1
        heading, _, *rows = capsys.readouterr().out.splitlines()[1:]
        assert heading.split()[-1] == "listeners"
        counts = [int(row.split()[-1]) for row in rows]
        assert counts == sorted(counts, reverse=True)
        assert main(["recommend", "123456789", "--json"], environment) == 1
        assert f'"score": {counts[0]},\n' in capsys.readouterr().out


class TestWhatStrangersWrote:
    def test_a_terminal_obeys_no_title(self, capsys):
        """Titles are other people's: neither an escape sequence nor a turned direction reaches the terminal."""
        answer("\x1b]0;owned\x07a\x9b2J \u202etxt.exe\nتیتر می\u200cخواهم\t👩\u200d🎤")
        tell("caf\udce9 \x1b[2J")
        said = capsys.readouterr()
        assert said.out == "\ufffd]0;owned\ufffda\ufffd2J \ufffdtxt.exe\nتیتر می\u200cخواهم\t👩\u200d🎤\n"
        assert said.err == "caf\ufffd \ufffd[2J\n"

    def test_what_a_terminal_cannot_show_is_shown_by_its_number(self, finished):
        """A title outside its letters is no traceback, and a full disk behind the answer is said in words."""
        command = [sys.executable, "-c", "from recsys_tasks.cli.telling import answer; answer('naïve 🎵')"]
        shown = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=True)
        assert shown.stdout == b"na\\xefve \\U0001f3b5\n"
        with open("/dev/full", "wb") as full:
            command = [sys.executable, "-m", "recsys_tasks", "status"]
            places = os.environ | {"RECSYS_ROOT": str(finished.store.root)}
            said = subprocess.run(command, env=places, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (said.returncode, "Traceback" in said.stderr) == (1, False)
        assert "No space left" in said.stderr


class TestStart:
    def test_every_command_is_in_the_module_that_is_said_to_hold_it(self):
        """A command alone is understood as it is among all of them; so is one that stands behind a service's name."""
        found = {name: tuple(_words(parser({}, names[:1]))) for name, names in GROUPS.items()}
        assert found == dict(GROUPS)
        assert [*_words(parser({}))] == [name for names in GROUPS.values() for name in names]
        words = ["--service", "pin", "unpin", "--by", "a", "--why", "b"]
        assert parser({}, words).parse_args(words).why == "b"

    def test_the_service_starts_without_the_steps_of_a_day(self):
        """What trains, reads the source or draws from distributions is not imported by ``recsys serve``."""
        code = (
            "import sys\n"
            "from recsys_tasks.cli.main import prepared\n"
            "prepared(['serve'], {'RECSYS_ROOT': '/nowhere'})\n"
            "import recsys_tasks.serving.http.server\n"
            "heavy = ('recsys_tasks.steps', 'sqlalchemy', 'psycopg2', 'obstore', 'implicit', 'scipy.special')\n"
            "print([name for name in heavy if name in sys.modules])"
        )
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        said = subprocess.run([sys.executable, "-c", code], env=environment, text=True, check=True, capture_output=True)
        assert said.stdout.strip() == "[]"


def _words(found):
    """The commands that a parser understands."""
    (action,) = (each for each in found._actions if isinstance(each, argparse._SubParsersAction))
    return action.choices
