"""The commands on people: nobody is named in an answer, and the evidence can be read."""

import json

import pytest
from settings import TOML

from recsys_tasks.cli.main import main
from recsys_tasks.serving.reader import Reader


@pytest.fixture
def recsys(copied, tmp_path, capsys):
    """Runs a command on three days; exit code, answer and what was told."""
    (tmp_path / "config.toml").write_text(TOML)
    environment = {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(tmp_path / "config.toml")}

    def ran(*words):
        code = main(words, environment)
        return code, *capsys.readouterr()

    return ran


SIGNED = ("--by", "olga", "--why", "they wrote to us")


def test_a_request_its_evidence_and_a_readmission(recsys, copied):
    """Asked, removed by retention, confirmed by the next, readmitted: every answer has the reference, none the id."""
    user = str(Reader(copied.store).bundle.users.ids[20].as_py())
    assert recsys("erasures")[1].strip() == "Nobody has asked to be forgotten."
    code, asked, _ = recsys("erase", user, *SIGNED)
    reference = asked.split()[1]
    assert (code, asked.split(".")[0], "at the latest by" in asked) == (0, f"Request {reference} (erase)", True)
    assert recsys("readmit", user, *SIGNED)[0] == 2
    assert recsys("retention")[0] == 0
    _, listed, _ = recsys("erasures")
    assert (reference in listed, "confirmed" in listed) == (True, True)
    _, shown, _ = recsys("erasures", reference)
    assert "Nothing was found." in shown
    assert "rewritten" in shown
    recsys("retention")
    ((request,), evidence) = json.loads(recsys("erasures", reference, "--json")[1]).values()
    assert bool(request["confirmed"])
    assert evidence["1"]["searched"]["left"] == []
    code, back, _ = recsys("readmit", user, *SIGNED)
    assert (code, back.startswith(f"The streams of {reference} count again from ")) == (0, True)
    assert not [said for said in (asked, listed, shown, back) if user in said.split()]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("erase", "no number", *SIGNED), 1),
        (("erase", "5", "--by", "olga", "--why", " "), 2),
        (("erasures", "ffff"), 1),
        (("readmit", "5", *SIGNED), 2),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(recsys, copied, words, code):
    """No id, no reason, no such request, nobody to readmit: nothing is written."""
    found, answer, told = recsys(*words)
    assert (found, answer, len(told.strip().splitlines())) == (code, "", 1)
    assert not copied.store.holds("suppressed")
