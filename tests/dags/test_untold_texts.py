"""What a view of the source says of people stays on the server, also when a whole run fails of it."""

from datetime import UTC, datetime

from dag_runs import ALERTS, CANARY, states_of
from settings import TOML
from source_tables import raising


def test_no_log_record_or_alert_repeats_what_a_view_raised(
    sinks, dag, source_dsn, monkeypatch, tmp_path, caplog, capfd
):
    """The run fails and is told by code and table; a listener's id and a password of the text are in none of it."""
    raising(source_dsn, instant=datetime(2026, 1, 5, 12, tzinfo=UTC))
    monkeypatch.setenv("RECSYS_SOURCE_DSN", source_dsn)
    (tmp_path / "config.toml").write_text(TOML.replace("[source]", '[source]\nstreams_table = "plays"') + ALERTS)
    run = dag.test(run_conf={"day": "2026-01-05"})
    assert states_of(run)["extract_streams"] == "failed"
    told = sinks.web.bodies(f"/{CANARY}/hook")[0]["text"]
    assert "plays (source.streams_table): raise_exception (P0001)" in told
    stored = "".join(path.read_text() for path in (tmp_path / "store").rglob("*.json"))
    assert "raise_exception (P0001)" in stored
    letters = "".join(letter.as_string() for _, letter in sinks.mail.received)
    printed = capfd.readouterr()
    everything = [told, stored, letters, str(sinks.web.received), caplog.text, printed.out, printed.err]
    assert letters
    assert "4711" not in "".join(everything)
    assert "hunter2" not in "".join(everything)
