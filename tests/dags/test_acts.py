"""Runs of acts that nobody began on the pages: who signs them, in which bounds, and what they tell readers."""

import secrets
from types import SimpleNamespace

import pytest
from acted_runs import do_what_waits, sync_dags

from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.stored_mark import mark_of

ACTS = "recommendations_act"


@pytest.fixture
def trigger(sinks, dag, copied, monkeypatch):
    """Do a run that bypassed the pages, on a copy of three days: (its state, how it says that the act ended)."""
    monkeypatch.setenv("RECSYS_ROOT", str(copied.store.root))
    sync_dags()

    def triggered(conf, by="olga", **more):
        from airflow.api.common.trigger_dag import trigger_dag
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from airflow.utils.types import DagRunTriggeredByType

        run_id = f"by_hand_{secrets.token_hex(4)}"
        who = {"triggered_by": DagRunTriggeredByType.REST_API, "triggering_user_name": by}
        trigger_dag(ACTS, run_id=run_id, conf=conf, **who | more)
        do_what_waits()
        with create_session() as session:
            said = session.scalars(XComModel.get_many(run_id=run_id, key="outcome", dag_ids=ACTS)).one()
            return XComModel.deserialize_value(said)

    return triggered


def entries(at):
    """The release log."""
    return Releases(at.store).log().entries


class TestSigner:
    def test_nothing_that_a_run_is_given_names_a_person(self, trigger, copied):
        """Airflow's own note of who triggered it signs; a name among the parameters is no parameter at all."""
        assert trigger({"act": "pin", "seen": 3, "why": "it is good"}, by="olga")["end"] == "done"
        assert entries(copied)[-1].by == "olga"
        for forged in ({"by": "ada"}, {"triggering_user_name": "ada"}):
            assert trigger({"act": "unpin", "seen": 4, "why": "in her name", **forged})["end"] == "refused"
        assert len(entries(copied)) == 4

    def test_no_act_without_a_person(self, trigger, copied):
        """A task of another DAG, or whatever else is nobody: refused, however good its reasons."""
        from airflow.utils.types import DagRunType

        asked = {"act": "pin", "seen": 3, "why": "by a program"}
        for more in ({"by": None}, {"run_type": DagRunType.OPERATOR_TRIGGERED}):
            outcome = trigger(asked, **more)
            assert (outcome["end"], "named person's word" in outcome["said"]) == ("refused", True)
        assert len(entries(copied)) == 3


class TestBounds:
    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({}, "no such act"),
            ({"act": "pin"}, "seen: "),
            ({"act": "rollback", "release": 1, "why": "x"}, "seen: "),
            ({"act": "pin", "seen": 3, "why": "two\nlines"}, "why: "),
            ({"act": "pin", "seen": 3, "why": "x", "release": 1}, "release: "),
            ({"act": "release", "seen": 3, "why": "x", "candidate": "--older"}, "candidate: "),
            ({"act": "erase", "seen": 3, "why": "x"}, "Which listener is not known"),
            ({"act": "pin", "seen": 2, "why": "x"}, "publish by"),
            ({"act": "pin", "seen": 3, "why": "x", "store": "0" * 32}, "the pages show store 00000000"),
        ],
    )
    def test_what_is_triggered_past_the_pages_is_bounded_alike(self, trigger, copied, asked, said):
        """Refused by name, before anything is done; a store or a log that nobody looked at is not acted upon."""
        outcome = trigger(asked)
        assert (outcome["end"], said in outcome["said"]) == ("refused", True), outcome
        assert len(entries(copied)) == 3


class TestTold:
    def test_a_rollback_is_an_event_of_the_asset(self, trigger, copied):
        """With release, date, candidate and precision, as after a publish; a pin, which changes no list, is none."""
        from airflow.models.asset import AssetEvent, AssetModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        def events():
            with create_session() as session:
                ours = select(AssetEvent.extra).join(AssetModel, AssetEvent.asset_id == AssetModel.id)
                return list(
                    session.scalars(ours.where(AssetModel.name == "live_index", AssetEvent.source_dag_id == ACTS))
                )

        before = len(events())
        assert trigger({"act": "pin", "seen": 3, "why": "x"})["end"] == "done"
        assert len(events()) == before
        mark = mark_of(copied.store)
        assert trigger({"act": "rollback", "seen": 4, "why": "x", "release": 1, "store": mark.id})["end"] == "done"
        (extra,) = events()[before:]
        live = Releases(copied.store).log().require_live()
        shown = SimpleNamespace(**extra)
        assert (shown.release, shown.day, shown.candidate) == (1, live.day.isoformat(), live.candidate)
        assert shown.precision == live.figures["precision"]
