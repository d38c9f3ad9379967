"""The page *Try it* over damaged releases: the others answer, and no bundle takes the server down."""

import pyarrow as pa
import pytest
from pages_store import LISTENER, entry, gone, log_file, part, recommend
from settings import damage, reseal

from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.pages.readers import Readers


def flip(path):
    """One byte of the index."""
    damage(path / "gated" / "index.ann")


def cut(path):
    """Half of the index."""
    file = path / "gated" / "index.ann"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def foreign(path):
    """A manifest that vouches for itself, but is not the one that was published."""
    reseal(path / "gated", figures={})


BROKEN = {
    flip: "differs from the checksum",
    cut: "bytes where its manifest says",
    foreign: "is not the manifest that release 2 was published with",
    gone: "is gone: retention keeps",
}


class TestDamage:
    @pytest.mark.parametrize("opened_before", [False, True])
    @pytest.mark.parametrize("how", BROKEN)
    def test_a_broken_release_is_an_error_and_the_others_answer(self, client, copied, how, opened_before):
        """Also one that was open when it broke: it is let go before anything reads a page that is not there."""
        server = client(copied)
        asked = {"listener": LISTENER, "release": "2"}
        if opened_before:
            assert server.get("/ask/recommend", params=asked).status_code == 200
        how(part(copied, 2, "gated").parent)
        for _ in range(2):
            answer = server.get("/ask/recommend", params=asked)
            assert (answer.status_code, BROKEN[how] in answer.json()["error"]) == (503, True)
            assert server.get("/ask/recommend", params={"listener": LISTENER}).status_code == 200

    def test_a_damaged_log_is_told(self, client, copied):
        """Nobody knows what is live: 503 with the words of the library."""
        damage(log_file(copied.store, 3))
        answer = client(copied).get("/ask/recommend", params={"listener": LISTENER})
        assert (answer.status_code, "not a sound log entry" in answer.json()["error"]) == (503, True)

    def test_what_nobody_foresaw_is_told_too(self, finished):
        """An opening that ends in an error of a library is a refusal with its words."""

        def opens(store, release):
            raise pa.ArrowInvalid("a surprise")

        asked = Readers(finished.store, open_reader=opens)
        for _ in range(2):
            with pytest.raises(CorruptArtefact, match=r"cannot be opened .*a surprise"):
                asked.ask(entry(finished, 3), recommend)
