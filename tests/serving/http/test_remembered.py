"""Finished answers are kept packed, within a bound, and given back byte by byte."""

from recsys_tasks.serving.http.remembered import BESIDE, Remembered

CONTENT = b'{"track_id":"1","title":"A song","artist":"Somebody"},' * 100


class TestRemembered:
    def test_the_same_bytes_come_back(self):
        """Whatever they are, an empty answer too; what was never kept is not there."""
        kept = Remembered(1 << 20)
        for number, content in enumerate((b"", b"x", CONTENT, bytes(range(256)) * 40)):
            kept.keep(b"%d" % number, content)
            assert kept.get(b"%d" % number) == content
        assert kept.get(b"other") is None

    def test_more_answers_fit_than_their_bytes(self):
        """Names repeat, so that packed ones take a fraction; the oldest go first, and none grows beyond the bound."""
        room = 20 * len(CONTENT)
        kept = Remembered(room)
        for number in range(1_000):
            kept.keep(b"%d" % number, CONTENT)
        assert 40 < len(kept) <= room // BESIDE
        assert (kept.get(b"0"), kept.get(b"999")) == (None, CONTENT)

    def test_without_room_nothing_is_kept(self):
        """``cache_mb = 0``, and an answer larger than all the room there is, are no error."""
        for room in (0, BESIDE):
            kept = Remembered(room)
            kept.keep(b"a", CONTENT)
            assert kept.get(b"a") is None
