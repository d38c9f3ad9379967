"""The object store of benchmarks and tests."""

from benchmarks.object_server import Weed


def test_it_keeps_to_its_folder(tmp_path, monkeypatch):
    """A server that was started and killed has written into its own folder alone, and would report to nobody."""
    folder, elsewhere = tmp_path / "server", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    weed = Weed(folder)
    weed.start()
    weed.kill()
    assert not list(elsewhere.iterdir())
    assert "telemetry" not in (folder / "log").read_text()
