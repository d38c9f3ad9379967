"""README's first hour can be typed in: ``scripts/adopt`` runs it for real, and these hold what it relies on."""

import shlex

import pytest
from adoption.manual import README, CommandFailed, Shell, blocks, replaced

from recsys_tasks.cli.main import parser

BLOCKS = blocks(README.read_text())
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]
OURS = [line for line in COMMANDS if line.startswith("recsys ")]


def test_the_first_hour_has_the_blocks_that_the_story_tells():
    """Installing, naming, checking, trying, entering Airflow, beginning and the daily work are one block each."""
    firsts = [block.split()[0] for block in BLOCKS]
    assert firsts == ["pip", "export", "recsys", "recsys", "cp", "recsys", "airflow"]


@pytest.mark.parametrize("line", OURS)
def test_the_command_line_takes_every_command_of_the_first_hour(line):
    """No option of a command in README is misspelt or gone."""
    words = shlex.split(line.replace("$RECSYS_CONFIG", "recsys.toml"))[1:]
    assert parser({"USER": "o"}).parse_args(words).handler is not None


def test_prose_and_other_sections_are_no_commands():
    """Only indented commands below the heading count, not tables, prose or the next section's blocks."""
    text = (
        "## Use it\n\n1. A\n\n       recsys a\n       recsys b\n\n   Prose.\n\n       table\n\n## On\n\n    recsys c\n"
    )
    assert blocks(text, "## Use it") == ["recsys a\nrecsys b"]


def test_example_values_are_replaced_the_longest_first():
    """A value that begins like another one is not cut in two."""
    assert replaced("x /etc/recsys/a.toml /etc", {"/etc": "/e", "/etc/recsys": "/own"}) == (
        "x /own/a.toml /e",
        {"/etc", "/etc/recsys"},
    )


def test_a_shell_hands_on_what_a_block_exports(tmp_path):
    """Variables of one block are there in the next, and a command that fails stops the story with its words."""
    shell = Shell(tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path / "transcript.txt")
    shell.run("export GREETING='two words'")
    assert shell.run('echo "$GREETING"') == "two words\n"
    with pytest.raises(CommandFailed, match="no such thing"):
        shell.run("echo no such thing; false; echo never")
    assert "never\n" not in shell.transcript.read_text().splitlines()
