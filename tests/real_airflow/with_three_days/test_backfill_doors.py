"""A backfill through every door of a real Airflow (API, command, dialog) ends as a plain run day after day does."""

import pytest
from backfilling import backfill
from browser import needs_chromium, signed_in
from doors import DAG_ID, DAYS, FIRST, SECOND, WORLD, YESTERDAY, data_of
from faults.invariants import violations

from recsys_tasks.steps import Workplace
from recsys_tasks.storage.posix import PosixStore


@pytest.fixture(scope="module")
def plain(doors, tmp_path_factory):
    """Partitions and matrices of a store that saw one day after the other: name -> bytes."""
    at = Workplace(PosixStore(tmp_path_factory.mktemp("plain")), doors.at.config, doors.at.dsn)
    backfill(at, *WORLD)
    return data_of(at.store.root)


@pytest.fixture
def as_ever(doors, plain):
    """What must hold after every test: nothing is broken, published twice, other than plain, or new in the source."""
    began, released = doors.tries(), doors.at.releases.log().entries
    yield began
    assert violations(doors.at.store) == []  # among them: a candidate published twice, a live date that went back
    log, stored = doors.at.releases.log(), data_of(doors.at.store.root)
    assert log.entries == released
    assert log.require_live().day == max(doors.runs())
    assert {name: content for name, content in stored.items() if plain.get(name) != content} == {}
    assert {f"matrices/{day}" for day in DAYS} <= {name[:19] for name in stored}
    assert doors.source() == doors.source_before


@pytest.mark.scheduler
@pytest.mark.timeout(1800)
class TestDoors:
    def test_a_range_by_the_api_beside_a_scheduled_run(self, doors, as_ever):
        """All were at work at once, nobody waited for another, all are green, and live went forward date by date."""
        assert doors.backfills()[0]["max_active_runs"] == 10
        began, ended = ([doors.first[day][when] for day in DAYS] for when in ("start_date", "end_date"))
        assert max(began) < min(ended)
        assert {day: doors.first[day]["state"] for day in DAYS} == dict.fromkeys(DAYS, "success")
        assert [doors.first[day]["run_type"] for day in DAYS] == ["backfill", "backfill", "scheduled"]
        assert [entry.day for entry in doors.at.releases.log().releases] == list(DAYS)

    @needs_chromium
    @pytest.mark.browser
    @pytest.mark.doors
    def test_the_dialog_runs_a_range_again_backwards(self, doors, as_ever):
        """Trigger, Backfill, All Runs, Run Backwards: both dates are green again, and their reports are to be read."""
        with signed_in(doors.airflow.url, doors.airflow.user, doors.airflow.password) as browsing:
            ask_for_backfill(browsing, FIRST, SECOND)
            states = doors.ended()
            assert {states[FIRST], states[SECOND]} == {"backfill success"}
            assert doors.tries() - as_ever == {FIRST: 1, SECOND: 1}
            asked = doors.backfills()[-1]
            assert (asked["reprocess_behavior"], asked["max_active_runs"]) == ("completed", 10)
            look_at_the_run(browsing, doors.runs()[SECOND]["dag_run_id"], SECOND)
            assert browsing.complaints == []


@pytest.mark.doors
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize(("behaviour", "again"), [("none", ()), ("failed", DAYS[1:2]), ("completed", DAYS)])
@pytest.mark.parametrize("door", ["api", "command"])
def test_every_door_with_every_behaviour(doors, as_ever, door, behaviour, again, backwards):
    """Of three dates, one of them failed, those run again that were asked for. Minutes: ``scripts/test -m doors``."""
    doors.call_failed(SECOND)
    if door == "api":
        doors.by_api(FIRST, YESTERDAY, reprocess_behavior=behaviour, run_backwards=backwards)
    else:
        direction = ["--run-backwards"] if backwards else []
        doors.by_command(FIRST, YESTERDAY, "--reprocess-behavior", behaviour, *direction)
    states = doors.ended()
    assert doors.tries() - as_ever == dict.fromkeys(again, 1)
    assert {states[day] for day in again} <= {"backfill success"}


def ask_for_backfill(browsing, first, last):
    """Fill in the dialog of the UI for all runs of a range, backwards, ten at once, and send it off."""
    page = browsing.page
    page.goto(f"/dags/{DAG_ID}")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_text("Run this Dag for a range of dates").click()
    dialog = page.get_by_role("dialog").first
    for end, day in (("From", first), ("To", last)):
        dialog.get_by_role("group").filter(has_text=end).get_by_text("Select date and time").click()
        page.get_by_role("textbox", name=end).fill(f"{day:%Y/%m/%d}")
        page.get_by_placeholder("HH:mm").fill("00:00")
        page.keyboard.press("Escape")
    dialog.get_by_text("All Runs").click()
    dialog.get_by_role("spinbutton").fill("10")
    dialog.get_by_text("Run Backwards").click()
    dialog.get_by_text("2 runs will be triggered.").wait_for()
    browsing.shot("backfill-dialog")
    dialog.get_by_role("button", name="Run Backfill").click()
    page.get_by_text("Backfill jobs have been successfully triggered.").first.wait_for()


def look_at_the_run(browsing, run_id, day):
    """See the grid, the green run and its report, as the person does who asked for it."""
    page = browsing.page
    page.goto(f"/dags/{DAG_ID}")
    page.get_by_test_id("publish").wait_for()
    browsing.shot("backfill-grid")
    page.goto(f"/dags/{DAG_ID}/runs/{run_id}")
    for task, state in (("gate", "Success"), ("publish", "Skipped")):  # what is published already
        page.get_by_role("row", name=task).get_by_text(state).wait_for()
    browsing.shot("backfill-run")
    page.get_by_title("Report", exact=True).click()
    browsing.frame().get_by_text(f"{day}".replace("-", "\N{NON-BREAKING HYPHEN}")).first.wait_for()
    browsing.shot("backfill-report")
