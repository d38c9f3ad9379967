"""A word in what triggers a run: whoever may trigger and not edit gives none, and everything else reaches Airflow."""

import json

import pytest
from airflow_server import served

DAG = "/api/v2/dags/daily_recommendations/dagRuns"
WORD = {"accept_data": "a festival"}


@pytest.fixture(scope="module")
def asking(airflow_home, finished, tmp_path_factory):
    """The server, under roles that tell triggering and editing apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "trigger_only.TriggerOnly")
        with served(airflow_home, finished.store.root, tmp_path_factory.mktemp("words")) as asking:
            yield asking


@pytest.fixture
def trigger(asking):
    """Try to trigger a run; its date is none, so that Airflow itself refuses whatever reaches it, and says why."""

    def triggered(user, conf, path=DAG, **more):
        content = json.dumps({"conf": conf, "logical_date": "no date"}).encode(more.pop("encoding", "utf-8"))
        answer = asking("POST", path, user, content=content, headers={"Content-Type": "application/json"})
        return answer.status_code, "logical_date" in answer.text, "edit the DAG" in answer.text

    return triggered


REACHED, REFUSED = (422, True, False), (403, False, True)


class TestWords:
    @pytest.mark.parametrize("word", ["accept_data", "publish_older"])
    def test_a_word_takes_the_right_to_edit(self, trigger, word):
        """Tom may trigger, and may not edit; the others may do both. A viewer may do neither."""
        assert trigger("tom", {word: "why"}) == REFUSED
        assert [trigger(user, {word: "why"}) for user in ("ulla", "olga", "ada")] == [REACHED] * 3
        assert trigger("vic", {word: "why"}) == REFUSED

    @pytest.mark.parametrize("conf", [{}, None, {"day": "2026-01-15", "cold_start": True}, {"accept_data": ""}, [], 5])
    def test_a_run_without_a_word_is_everybodys_who_may_trigger(self, trigger, conf):
        """Whatever it asks for: Airflow gets the whole body, and says itself what is wrong with it."""
        assert trigger("tom", conf) == REACHED

    @pytest.mark.parametrize("conf", [{"act": "pin", "seen": 3, "why": "why"}, {}, None])
    def test_every_act_is_a_word(self, trigger, conf):
        """Whoever may trigger and not edit has nothing done in their name, also not past the pages."""
        acts = DAG.replace("daily_recommendations", "recommendations_act")
        assert (trigger("tom", conf, acts), trigger("vic", conf, acts)) == (REFUSED, REFUSED)
        assert trigger("ulla", conf, acts) == REACHED

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
    def test_a_word_in_another_encoding_is_a_word(self, trigger, encoding):
        """JSON may come in five encodings, and Airflow reads them all."""
        assert trigger("tom", WORD, encoding=encoding) == REFUSED

    def test_the_same_address_in_other_words_is_no_way_round(self, asking, trigger):
        """Encoded, with a slash at the end, or in another version of the API."""
        assert trigger("tom", WORD, DAG.replace("daily", "d%61ily")) == REFUSED
        assert trigger("tom", WORD, f"{DAG}/") == REFUSED
        assert trigger("tom", WORD, DAG.replace("v2", "v3")) == REFUSED
        twice = b'{"conf": {}, "conf": {"accept_data": "w"}, "logical_date": null}'
        assert asking("POST", DAG, "tom", content=twice).status_code == 403

    def test_others_are_not_looked_at(self, trigger):
        """A DAG of somebody else may have parameters of these names; who is not signed in is Airflow's to refuse."""
        assert trigger("tom", WORD, DAG.replace("daily_", "other_")) == REACHED
        assert trigger(None, WORD) == (401, False, False)

    def test_what_fails_here_stops_nobodys_run(self, trigger, monkeypatch):
        """Our services cannot be told: a run of somebody else's DAG reaches Airflow all the same."""
        monkeypatch.setattr("recsys_ui.words.own_services", lambda: {}["nothing is as it was"])
        assert trigger("tom", {}, DAG.replace("daily_", "other_")) == REACHED

    def test_a_body_that_nobody_looks_at_to_its_end_triggers_nothing(self, asking):
        """A word behind a megabyte of spaces is none."""
        sent = b" " * 1_100_000 + json.dumps({"conf": WORD, "logical_date": None}).encode()
        answer = asking("POST", DAG, "tom", content=sent, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
