"""``gate plan`` and ``gate --suspects``: what the gate can see on a service, and which accounts it weighed."""

import json
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from settings import TOML, reseal

from recsys_tasks.cli.main import main
from recsys_tasks.storage.artefacts import parquet_bytes


@pytest.fixture
def gate(copied, tmp_path):
    """Calls the command on a store of the test's own; its exit code."""
    (tmp_path / "recsys.toml").write_text(TOML)
    where = {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(tmp_path / "recsys.toml"), "USER": "olga"}
    return lambda *words: main(["gate", *words], where)


class TestPlan:
    def test_it_says_what_the_policy_sees_and_costs(self, gate, capsys):
        """From two compared days: errors, stops a year, and the smallest loss found within one day and several."""
        assert gate("plan") == 0
        text = capsys.readouterr().out
        assert "From 2 judged days, at margin 50%" in text
        assert "within 1 day" in text
        assert gate("plan", "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert 0 < found["error"] < found["found_in"]["1"]

    def test_where_nothing_is_live_it_does_not_ask_for_more_days_alone(self, tmp_path, capsys):
        """On a small service every candidate may be held: more days alone would never give it one to compare with."""
        (tmp_path / "recsys.toml").write_text(TOML)
        where = {"RECSYS_ROOT": str(tmp_path / "store"), "RECSYS_CONFIG": str(tmp_path / "recsys.toml"), "USER": "olga"}
        assert main(["gate", "plan"], where) == 1
        assert "recsys status says why its candidate was held" in capsys.readouterr().err

    def test_a_date_or_the_plan_is_asked_for(self, gate, capsys):
        """Neither of them: one line that says what may be asked."""
        assert gate() == 2
        assert "recsys gate plan" in capsys.readouterr().err


class TestSuspects:
    def test_on_an_ordinary_day_there_are_few(self, gate, capsys):
        """Nobody's account stands in the answer without a reason."""
        assert gate("--date", "2026-01-15", "--suspects", "--json") == 0
        assert all(row["why"] for row in json.loads(capsys.readouterr().out)["suspects"])

    def test_accounts_that_count_as_one_are_named(self, copied, gate, capsys):
        """Three accounts with the same hits, one that hits too often: by id, the group first, with its reason."""
        (judgement,) = copied.judgements.of(date(2026, 1, 15))
        path = copied.store.root / judgement.place / "figures"
        table = copied.judgements.load(judgement).artefact.table("per_user")
        columns = {name: np.asarray(table.column(name)).copy() for name in table.column_names}
        columns["twins"][:], columns["weight"][:] = 0, 1
        columns["twins"][:3], columns["weight"][:3], columns["weight"][5] = 2, 1 / 3, 0
        (path / "per_user.parquet").chmod(0o644)
        (path / "per_user.parquet").write_bytes(parquet_bytes(pa.table(columns)))
        reseal(path)
        assert gate("--date", "2026-01-15", "--suspects", "--json") == 0
        rows = json.loads(capsys.readouterr().out)["suspects"]
        matrix = copied.bundles.key(copied.judgements.key(judgement).candidate).matrix
        users, _ = copied.matrices.vocabularies(judgement.day, matrix)
        places = columns["user_row"][[0, 1, 2, 5]].astype(np.int64)
        assert [row["user_id"] for row in rows] == users.ids.take(places).to_pylist()
        assert rows[0]["why"] == "one of 3 with the same hits, who count as one"
        assert rows[3]["why"].startswith("left out")
