"""What a view puts into an error or a notice stays on the server: we tell the condition, and our own names."""

import json
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import execute
from source_tables import DAY, LISTENER, PASSWORD, config, create_streams, insert, raising

from recsys_tasks.core.errors import RecsysError, SourceMismatch, SourceUnavailable
from recsys_tasks.core.source import CatalogueConfig
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.extract import extract_day
from recsys_tasks.steps.workplace import recorded
from recsys_tasks.storage.posix import PosixStore

STATES = {  # SQLSTATE that a view raises -> how it is told, and as what
    "P0001": ("raise_exception (P0001)", SourceMismatch),
    "22012": ("division_by_zero (22012)", SourceMismatch),
    "23505": ("unique_violation (23505)", SourceMismatch),
    "38000": ("external_routine_exception (38000)", SourceMismatch),
    "42501": ("insufficient_privilege (42501)", SourceMismatch),
    "42P01": ("undefined_table (42P01)", SourceMismatch),
    "0A000": ("feature_not_supported (0A000)", SourceMismatch),
    "08006": ("connection_failure (08006)", SourceUnavailable),
    "53200": ("out_of_memory (53200)", SourceUnavailable),
    "57014": ("query_canceled (57014)", SourceUnavailable),
    "XX000": ("internal_error (XX000)", SourceUnavailable),
    "ZZ123": ("SQLSTATE ZZ123", SourceUnavailable),
}


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and everything that it drags along, shown or not."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def untold(error: BaseException) -> str:
    """The text of a refusal, after a look at all that a log could print of it."""
    shown = "".join(traceback.format_exception(error, chain=True))
    everything = [shown, *(f"{each!r} {each} {vars(each)}" for each in chain(error))]
    assert "canary" not in "".join(everything)
    return str(error)


class TestErrors:
    @pytest.mark.parametrize(("state", "said", "kind"), [(s, *told) for s, told in STATES.items()], ids=STATES.keys())
    def test_a_view_that_raises_is_told_by_its_code(
        self, source_dsn: str, state: str, said: str, kind: type[RecsysError]
    ) -> None:
        """Whatever the code, also one that a connection could have: the condition and our table, no word of it."""
        raising(source_dsn, state=state)
        with Source(source_dsn, config(streams_table="plays")) as source, pytest.raises(kind) as caught:
            extract_day(source, DAY)
        assert said in untold(caught.value)
        assert "plays (source.streams_table)" in str(caught.value)

    def test_the_catalogue_that_raises_is_named_too(self, source_dsn: str) -> None:
        """The table of the catalogue is told as the configuration names it."""
        raising(source_dsn)
        with (
            Source(source_dsn, config(), CatalogueConfig(table="tracks")) as source,
            pytest.raises(SourceMismatch) as caught,
        ):
            source.catalogue()
        assert "a row of tracks (catalogue.table): raise_exception (P0001)" in untold(caught.value)

    def test_a_value_that_cannot_be_read_is_in_no_context(self, source_dsn: str) -> None:
        """The server quotes the value that it cannot convert; the refusal drags nothing of that along."""
        create_streams(source_dsn, user="text")
        insert(source_dsn, [(1, LISTENER, 70)])
        columns = "event_id, user_id::bigint AS user_id, track_id, streamed_at, ms_played, private_session"
        execute(source_dsn, f"CREATE VIEW plays AS SELECT {columns} FROM streams")
        with Source(source_dsn, config(streams_table="plays")) as source, pytest.raises(SourceMismatch) as caught:
            extract_day(source, DAY)
        assert "invalid_text_representation (22P02)" in untold(caught.value)

    def test_a_refused_right_names_our_table(self, source_dsn: str, reader: tuple[str, str]) -> None:
        """The server's words are left out, and what is to be granted on what is still there."""
        name, address = reader
        raising(source_dsn)
        execute(source_dsn, f"GRANT SELECT ON plays TO {name}", "ALTER VIEW plays SET (security_invoker)")
        with Source(address, config(streams_table="plays")) as source, pytest.raises(SourceMismatch) as caught:
            extract_day(source, DAY)
        assert "read plays (source.streams_table): insufficient_privilege (42501). GRANT" in untold(caught.value)


def test_a_notice_is_not_logged(source_dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    """SQLAlchemy, where somebody lets it, logs what the server notes; a view's notices are not even sent."""
    raising(source_dsn, level="WARNING", state="01000")
    with (
        caplog.at_level(logging.DEBUG, logger="sqlalchemy"),
        Source(source_dsn, config(streams_table="plays")) as source,
    ):
        assert extract_day(source, DAY).rows_kept == 1
        source.check()
    assert "canary" not in caplog.text


class TestRecords:
    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (KeyError(LISTENER), "KeyError"),
            (ValueError(f"password={PASSWORD}"), "ValueError"),
            (SourceMismatch("Correct the table."), "SourceMismatch: Correct the table."),
        ],
    )
    def test_the_text_of_a_foreign_error_is_not_recorded(self, tmp_path: Path, error: Exception, told: str) -> None:
        """A record of a run is kept for a year: of an error that is not ours it holds the name alone."""
        store = PosixStore(tmp_path)
        with pytest.raises(type(error)), recorded(store, "run", "step", "olga", lambda: datetime.now(UTC)):
            raise error
        (path,) = (tmp_path / "runs").rglob("step.json")
        assert json.loads(path.read_text())["outcome"] == told
        assert "canary" not in path.read_text()
