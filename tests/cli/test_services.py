"""The command line where an installation has several services: which one a command is for."""

import pytest
from settings import TOML

from recsys_tasks.cli.main import main


@pytest.fixture
def environment(tmp_path):
    """Variables that name a folder of two services, and an empty store of each."""
    for name in ("music", "talk"):
        (tmp_path / f"{name}.toml").write_text(TOML)
        (tmp_path / "stores" / name).mkdir(parents=True)
    return {
        "RECSYS_CONFIG": str(tmp_path),
        "RECSYS_ROOT": str(tmp_path / "stores"),
        "RECSYS_SOURCE_DSN": "host=unnamed",
    }


class TestService:
    @pytest.mark.parametrize("named", ["option", "variable"])
    def test_a_command_is_for_the_one_that_is_named(self, environment, capsys, named):
        """By the option or by RECSYS_SERVICE; what the answer advises names it too."""
        words = ["--service", "talk"] if named == "option" else []
        variables = {"RECSYS_SERVICE": "talk"} if named == "variable" else {}
        assert main([*words, "status"], environment | variables) == 0
        assert "recsys --service talk run --date YYYY-MM-DD" in capsys.readouterr().out

    @pytest.mark.parametrize(("words", "said"), [([], "No service is named"), (["--service=x"], "no service 'x'")])
    def test_none_or_a_wrong_one_is_told_which_there_are(self, environment, capsys, words, said):
        """A command that acts on whichever comes first would act on the wrong one."""
        assert main([*words, "status"], environment) == 2
        error = capsys.readouterr().err
        assert said in error
        assert "There are: music, talk. Name one: --service NAME, or RECSYS_SERVICE." in error

    def test_its_source_has_a_variable_of_its_own(self, environment, capsys):
        """The address of an installation with one service is nobody's here, and the refusal says which to set."""
        assert main(["--service", "talk", "run", "--date", "2026-01-13"], environment) == 2
        error = capsys.readouterr().err
        assert "set RECSYS_SOURCE_DSN_TALK, or the Airflow connection recsys_source_talk" in error

    def test_what_makes_a_world_needs_no_service(self, environment, capsys):
        """It works on a database, and asks for its address alone."""
        assert main(["world", "make", "--preset", "small"], environment | {"RECSYS_SOURCE_DSN": ""}) == 2
        assert "RECSYS_SOURCE_DSN" in capsys.readouterr().err

    def test_a_broken_file_hides_no_other_service(self, environment, capsys, tmp_path):
        """Only commands for it are refused, with what is wrong in it."""
        (tmp_path / "talk.toml").write_text("[")
        assert main(["--service", "music", "status"], environment) == 0
        assert main(["--service", "talk", "status"], environment) == 2
        assert "talk.toml: not TOML" in capsys.readouterr().err
