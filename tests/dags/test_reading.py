"""What Airflow makes of the DAG files: a slip in the configuration, an Airflow that is too old."""

import sys

import pytest
from dag_runs import load_bag

DAILY = "daily_recommendations"


def refusal(bag, name=DAILY):
    """What the UI shows of a DAG file that cannot be imported."""
    (text,) = [text for path, text in bag.import_errors.items() if path.endswith(f"{name}.py")]
    return text.strip().splitlines()[-1]


class TestConfiguration:
    @pytest.mark.parametrize("slip", ["[als]\nfactors = -1", "[als2]", "[alert]\nconnections = 3"])
    def test_a_slip_elsewhere_leaves_the_dag_where_it_is(self, dag, tmp_path, slip):
        """The DAG keeps its schedule; a task then fails on the slip, and is told of, where a DAG would only vanish."""
        (tmp_path / "config.toml").write_text(f"[schedule]\nend_date = 2026-01-14\n{slip}\n")
        bag = load_bag()
        assert bag.import_errors == {}
        assert bag.dags[DAILY].timetable.serialize() == {"last": "2026-01-14"}

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[schedule]\nend_date = 'soon'", "schedule.end_date: Input should be"),
            ("[schedule]\nend_dat = 2026-01-14", "schedule.end_dat: Extra inputs are not permitted"),
            ("schedule = 3", "schedule: Input should be"),
            ("[schedule\nend_date = 2026-01-14", "not TOML"),
        ],
    )
    def test_a_schedule_that_cannot_be_read_is_an_import_error(self, dag, tmp_path, text, said):
        """Another schedule than the one that was meant would be worse; the error names the file and the field."""
        (tmp_path / "config.toml").write_text(text)
        bag = load_bag()
        assert DAILY not in bag.dags
        assert f"ConfigError: {tmp_path / 'config.toml'}: " in refusal(bag)
        assert said in refusal(bag)

    def test_no_configuration_yet_is_no_error(self, dag, monkeypatch):
        """Without RECSYS_CONFIG the DAG is shown, and its tasks say which variable to set."""
        monkeypatch.delenv("RECSYS_CONFIG")
        assert load_bag().import_errors == {}


class TestAirflow:
    @pytest.mark.parametrize(
        ("name", "lacking"), [(DAILY, "CronDataIntervalTimetable"), ("release_freshness", "CronTriggerTimetable")]
    )
    def test_one_that_is_too_old_is_told_in_a_sentence(self, dag, monkeypatch, name, lacking):
        """Not that some name cannot be imported from airflow.sdk, as Airflow 3.1 would say."""
        import airflow.sdk

        monkeypatch.setattr("airflow.__version__", "3.1.8")
        monkeypatch.delattr(airflow.sdk, lacking)
        monkeypatch.delitem(vars(airflow.sdk)["__lazy_imports"], lacking)
        for module in [module for module in sys.modules if module.split(".")[0] == "recsys_dag"]:
            monkeypatch.delitem(sys.modules, module)
        assert refusal(load_bag(), name) == (
            "ImportError: These DAGs need Airflow 3.2 or newer, and this is Airflow 3.1.8. Upgrade Airflow."
        )
