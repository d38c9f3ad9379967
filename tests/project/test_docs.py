"""The README tells the truth about commands, files and options."""

import re
from pathlib import Path

import pytest

from recsys_tasks.cli.main import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TABLE = README.split("| command (`recsys ...`) | does |")[1].split("\n\n")[0]
COMMANDS = sorted({command for row in TABLE.split("\n") for command in re.findall(r"`([a-z]+(?: [a-z0-9]+)?)\b", row)})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_teaches_itself(command, capsys):
    """Each command that the README names exists and has a help text."""
    words = [word for word in command.split() if word.islower()]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"], {"USER": "o"})
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_every_file_of_the_readme_is_there():
    """Paths that the README names exist in the clone."""
    paths = re.findall(r"`((?:scripts|docs|dags|plugins|recsys_tasks|tests)/[\w./-]*)`", README)
    paths += ["docker-compose.yml", ".env.example", "recsys.toml", "CHANGELOG.md"]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_help_lists_every_command(capsys):
    """The help of the program itself names each command of the README."""
    with pytest.raises(SystemExit):
        main(["--help"], {"USER": "o"})
    said = capsys.readouterr().out
    assert [command for command in COMMANDS if command.split()[0] not in said] == []


def test_every_picture_of_the_readme_is_there():
    """What scripts/screenshots made and the README shows exists in the clone."""
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert shown
    assert [name for name in shown if not (ROOT / name).is_file()] == []
