"""The pages in the frame of Airflow, in Chromium: seen, searched, compared, acted upon, by keyboard, in each colour."""

import pytest
from browser import PLUGIN, needs_chromium, signed_in
from doors import DAG_ID
from playwright.sync_api import Route

from recsys_tasks.release.log import ROLLBACK, UNPIN

ACTS = "recommendations_act"

ACT_SECONDS = 300
"""The longest that a run of an act may take on a busy machine; some seconds are usual."""
VIEWS = ("Live", "Over time", "Candidates and releases", "Try it", "Deliveries")
pytestmark = [pytest.mark.browser, pytest.mark.scheduler, pytest.mark.timeout(1800), needs_chromium]


@pytest.fixture
def admin(doors):
    """The administrator, signed in; at the end nothing may have complained."""
    with signed_in(doors.airflow.url, doors.airflow.user, doors.airflow.password) as browsing:
        yield browsing
        assert browsing.complaints == []


class TestSeen:
    @pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (800, "dark")])
    def test_every_view_fits_its_frame(self, doors, width, scheme):
        """No view is wider than the frame, each takes the colours of Airflow, and no page complains of anything."""
        who = (doors.airflow.url, doors.airflow.user, doors.airflow.password)
        with signed_in(*who, width=width, scheme=scheme) as browsing:
            browsing.page.goto(PLUGIN)
            for view in VIEWS:
                root = browsing.turn_to(view).locator("html")
                assert root.evaluate("own => own.scrollWidth <= own.clientWidth"), view
                assert root.get_attribute("data-theme") == scheme
            assert browsing.complaints == []

    def test_a_view_is_entered_when_its_frame_has_gone_there(self, admin):
        """The page around it takes on the frame's address meanwhile, which is not the navigation to wait for."""
        gone: list[str] = []
        admin.page.on("framenavigated", lambda frame: gone.append(frame.url) if frame.parent_frame else None)
        admin.enter("Live")
        assert len(gone) == 2, "the view that the page opens with, and the one that was entered"

    def test_a_plot_is_read_by_keyboard(self, admin):
        """One date of the plot is chosen by arrows, and its figures are spoken; the same stands in a table."""
        frame = admin.enter("Over time")
        plot = frame.get_by_role("slider").first
        plot.focus()
        plot.press("End")
        last = plot.get_attribute("aria-valuetext")
        plot.press("ArrowLeft")
        assert plot.get_attribute("aria-valuetext") != last
        assert frame.locator(".plot details table").count() >= 5

    def test_the_tab_of_the_dag_is_live_and_the_other_dag_has_no_part_in_it(self, admin):
        """The same view on our DAG; on the other one kind words."""
        admin.page.goto(f"/dags/{DAG_ID}/plugin/recsys-live")
        said = admin.frame().locator("#sentence")
        said.get_by_text("is live").wait_for()
        assert said.is_visible()
        admin.page.goto("/dags/release_freshness/plugin/recsys-live")
        words = admin.frame().get_by_text("release_freshness has no part in them")
        words.wait_for()
        assert words.is_visible()

    def test_a_viewer_sees_and_cannot_act(self, doors):
        """All views are there, and none has a button that would change anything."""
        with signed_in(doors.airflow.url, "vic", doors.airflow.passwords["vic"]) as browsing:
            frame = browsing.enter("Candidates and releases")
            frame.get_by_role("link", name="made from").first.wait_for()
            browsing.page.wait_for_load_state("networkidle")
            for name in ("Roll back", "Pin", "Release", "Run dates again"):
                assert frame.get_by_role("button", name=name).count() == 0
            assert browsing.complaints == []


class TestAsked:
    def test_a_track_is_found_by_a_part_of_its_name_and_two_releases_compared(self, doors, admin):
        """Typed, chosen from the list and asked of two releases, by keyboard alone."""
        frame = admin.enter("Try it")
        title = frame.get_by_label("A listener's id")
        title.press_sequentially("a")
        frame.locator("#hits > [role=option]").first.wait_for()
        title.press("ArrowDown")
        title.press("Enter")
        frame.get_by_role("heading", name="Like").wait_for()
        releases = [entry.number for entry in doors.at.releases.log().releases]
        frame.get_by_label("Beside it").select_option(str(releases[0]))
        frame.get_by_role("button", name="Show").press("Enter")
        frame.get_by_text("in both lists").wait_for()
        assert frame.get_by_role("table").count() == 2

    def test_what_was_typed_before_the_script_came_is_searched_for(self, admin):
        """A slow network loses no key: the script that searches asks for what stands in the box when it arrives."""
        held: list[Route] = []
        admin.page.route("**/static/ask.js", lambda route: held.append(route))
        with admin.page.expect_request("**/static/ask.js"):
            frame = admin.enter("Try it")
        frame.get_by_label("A listener's id").press_sequentially("a")
        assert frame.locator("#hits > [role=option]").count() == 0
        for route in held:
            route.continue_()
        frame.locator("#hits > [role=option]").first.wait_for()


class TestActed:
    def test_a_rollback_by_keyboard_is_done_by_a_run_and_undone(self, doors, admin):
        """The reason stands in the log under the name of who was signed in; each change of what is live is an event of
        the asset; then all is taken back."""
        before = doors.at.releases.log()
        newest, target = before.releases[-1].number, before.releases[-2].number
        self.act(admin, "Roll back …", f"release {target} …", "its covers are wrong")
        admin.frame().locator("#sentence").get_by_text(f"Release {target} (").wait_for()
        entry = doors.at.releases.log().require_live()
        assert (entry.kind, entry.release, entry.pinned) == (ROLLBACK, target, True)
        assert (entry.by, entry.why) == (doors.airflow.user, "its covers are wrong")
        self.act(admin, "Roll back …", f"release {newest} …", "they are right after all")
        admin.frame().locator("#sentence").get_by_text(f"Release {newest} (").wait_for()
        self.act(admin, "Unpin …", "", "nothing to hold any more")
        admin.frame().get_by_role("button", name="Pin …").wait_for()
        log = doors.at.releases.log()
        assert [each.kind for each in log.entries[len(before.entries) :]] == [ROLLBACK, ROLLBACK, UNPIN]
        assert (log.require_live().release, log.require_live().pinned) == (newest, False)
        events = doors.api.get("/eventLogs", dag_id=DAG_ID, limit=20, order_by="-id")["event_logs"]
        assert {"recommendations_rollback_asked", "recommendations_unpin_asked"} <= {event["event"] for event in events}
        told = [event for event in doors.api.get("/assets/events")["asset_events"] if event["source_dag_id"] == ACTS]
        assert [event["extra"]["release"] for event in told] == [target, newest], (
            "both, and not the pin that was lifted"
        )

    @staticmethod
    def act(browsing, button, release, why):
        """Open a dialog by Enter, choose a release where one is asked for, give the reason, and send it by Enter."""
        browsing.page.goto(PLUGIN)
        frame = browsing.frame()
        frame.get_by_role("button", name=button).press("Enter")
        dialog = frame.get_by_role("dialog")
        if release and dialog.locator("#act-which").is_visible():
            number = release.split()[1]
            dialog.get_by_label("To").select_option(number)
        page = browsing.page
        dialog.get_by_label("Reason").focus()
        page.keyboard.type(why)
        page.keyboard.press("Tab")  # to Cancel
        page.keyboard.press("Tab")  # to the act
        page.keyboard.press("Enter")
        frame.get_by_role("heading", name=": done").wait_for(timeout=ACT_SECONDS * 1000)
        browsing.shot("act-done")
        frame.get_by_role("link", name="What is live").click()
