"""Acting from the pages: what is done and by whom it stands in the log; what is refused changes nothing."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from html import unescape
from types import SimpleNamespace

import pytest
from acted_runs import do_what_waits, sync_dags
from airflow_server import served
from settings import TOML, config, run

from recsys_tasks.cli.acting import perform
from recsys_tasks.pages.acting import End, standing
from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.release.log import PIN, PUBLISH_OLDER, ROLLBACK, UNPIN, ReleaseLog
from recsys_tasks.release.releases import Releases
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace

WHY = "--json $(id) `id` <b>é</b> & 'so' \"on\" 🎵"
CANDIDATE = "0123456789abcdef"


@pytest.fixture(scope="module")
def asking(airflow_home, finished, tmp_path_factory):
    """The server; each test points it at a store of its own."""
    with served(airflow_home, finished.store.root, tmp_path_factory.mktemp("acts")) as asking:
        sync_dags()
        yield asking


@pytest.fixture
def store(copied, monkeypatch):
    """A copy of three days, releases 1 to 3, that the server acts upon."""
    monkeypatch.setenv("RECSYS_ROOT", str(copied.store.root))
    return copied.store


@pytest.fixture
def ask_for(asking):
    """Ask for an act as a user, by default as somebody who saw three entries; nothing does it yet."""

    def asked(name, user="ulla", why=WHY, seen=3, **more):
        return asking("POST", f"/recsys/acts/{name}", user, json={"why": why, "seen": seen, **more})

    return asked


@pytest.fixture
def do(asking, ask_for):
    """Act, and read the page of the run when it is over: the words there, and how it ended; or why none was begun."""

    def acted(*arguments, **more):
        answer = ask_for(*arguments, **more)
        if answer.status_code != 202:
            return SimpleNamespace(end=answer.status_code, said=answer.json()["detail"])
        do_what_waits()
        page = unescape(asking("GET", answer.json()["page"], "vic").text)
        said = re.findall("<p>(.*)</p>", page.split('role="status">')[1].split("</div>")[0])
        return SimpleNamespace(end=re.search("<h1>.*: (.*)</h1>", page)[1], said="\n".join(said))

    return acted


@pytest.fixture
def audited(asking):
    """The rows that a test has added to Airflow's audit log of the DAG: event, person, what was sent and said."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    def rows():
        with create_session() as session:
            ours = session.query(Log).where(Log.event.like("recommendations%")).order_by(Log.id)
            return [(row.id, row.dag_id, row.event, row.owner, json.loads(row.extra)) for row in ours]

    before = {row[0] for row in rows()}
    return lambda: [row[2:] for row in rows() if row[0] not in before and row[1] == "daily_recommendations"]


class TestActs:
    def test_a_rollback_is_live_at_once(self, asking, do, store, audited):
        """Who, why and the pin stand in the log as they were given; the page shows the reason as text."""
        done = do("rollback", release=1)
        assert (done.end, done.said.split(":")[0]) == ("done", "Release 1 (data of 2026-01-13) is live and pinned")
        live = Releases(store).log().require_live()
        assert (live.kind, live.release, live.pinned, live.by, live.why) == (ROLLBACK, 1, True, "ulla", WHY)
        ((event, by, extra),) = audited()
        assert (event, by) == ("recommendations_rollback_asked", "ulla")
        assert extra | {"run": ""} == {"seen": 3, "why": WHY, "release": 1, "run": ""}
        page = asking("GET", "/recsys/live", "vic").text
        assert "&lt;b&gt;é&lt;/b&gt; &amp;" in page
        assert "<b>" not in page
        told = asking("GET", "/recsys/acts", "vic").json()
        assert (told["entry"], told["live"]["pinned"], [each["release"] for each in told["others"]]) == (
            4,
            True,
            [3, 2],
        )

    def test_the_server_writes_nothing(self, asking, ask_for, store):
        """It begins a run, and shows it; until that is done by a worker, no file of the store is another one."""

        def files():
            return {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}

        before = files()
        address = ask_for("rollback", release=1).json()["page"]
        page = asking("GET", address, "vic").text
        assert files() == before
        assert "Roll back: waiting" in page
        assert '<meta http-equiv="refresh"' in page
        assert "scheduler does not run" in page, "there is none in this test, and whoever waits is told"
        do_what_waits()
        assert "refresh" not in asking("GET", address, "vic").text
        assert Releases(store).log().require_live().release == 1

    def test_a_pin_and_its_end(self, do, store):
        """Two acts of two people upon the live release; a reason that looks like an option stays a reason."""
        assert do("pin", "ulla", why="--help").end == "done"
        assert do("unpin", "olga", seen=4, why="-h").end == "done"
        pinned, freed = Releases(store).log().entries[3:]
        assert (pinned.kind, pinned.release, pinned.pinned, pinned.by, pinned.why) == (PIN, 3, True, "ulla", "--help")
        assert (freed.kind, freed.release, freed.pinned, freed.by, freed.why) == (UNPIN, 3, False, "olga", "-h")

    def test_a_held_candidate_goes_live_on_a_word(self, do, store, copied):
        """Older than what is live it stays where it is, and says so; with that word too it goes live and is pinned."""
        strict = Workplace(store, config(gate={"min_users": 5000}), copied.dsn)
        held = run(strict, date(2026, 1, 14), cold_start=True).candidate
        kept = do("release", "ada", candidate=held)
        assert (kept.end, "kept, not published" in kept.said) == ("refused", True)
        assert do("release", "ada", candidate=held[:16], older=True).end == "done"
        live = Releases(store).log().require_live()
        assert (live.kind, live.candidate, live.pinned) == (PUBLISH_OLDER, held, True)
        assert (live.by, live.why, live.verdict) == ("ada", WHY, "HOLD")

    def test_a_date_is_judged_again_by_the_policy_of_now(self, do, store, copied, audited):
        """The new verdict stands beside the old one with who and why; a policy that holds it still is no failure."""
        run(Workplace(store, config(gate={"min_users": 5000}), copied.dsn), date(2026, 1, 16))
        done = do("judge_again", "ada", day="2026-01-16")
        assert (done.end, "2026-01-16 is PASS" in done.said) == ("done", True)
        (judgement,) = copied.judgements.of(date(2026, 1, 16))
        word = copied.judgements.judged_again(judgement)
        assert (word.by, word.why, copied.judgements.verdict(judgement).outcome) == ("ada", WHY, "PASS")
        assert [row[:2] for row in audited()] == [("recommendations_judge_again_asked", "ada")]
        assert do("judge_again", "ada", day="2026-01-16").end == "refused", "the same policy once more"
        assert len(Releases(store).log().entries) == 3


class TestSeen:
    def test_of_two_acts_at_the_same_time_one_is_done(self, copied, tmp_path):
        """Both read the same log and append: the one whose entry came second is told who was first."""
        (tmp_path / "recsys.toml").write_text(TOML)
        root, places = copied.store.root, {"RECSYS_CONFIG": str(tmp_path / "recsys.toml")}
        words = [["rollback", "--seen=3", str(n), "--by=olga", f"--why=to {n}"] for n in (1, 2)]
        with ThreadPoolExecutor(2) as beside:
            outcomes = list(beside.map(lambda each: perform(each, places, root, print), words))
        assert {outcome.end for outcome in outcomes} == {End.DONE, End.REFUSED}
        assert len(copied.releases.log().entries) == 4

    def test_a_pin_holds_the_release_that_was_seen(self, do, copied, store):
        """A release goes live between the look and the act: the pin is refused, and does not hold the new one."""
        assert run(copied, date(2026, 1, 16)).published.published
        done = do("pin", seen=3)
        assert (done.end, "publish by" in done.said) == ("refused", True)
        assert not Releases(store).log().require_live().pinned
        assert do("pin", seen=4).end == "done"


class TestRefusals:
    def test_the_words_of_a_refusal_arrive(self, do, store, audited):
        """What the command says, without its class; nothing changed, and the audit log says who asked."""
        done = do("rollback", release=77)
        assert (done.end, done.said.split(".")[0]) == ("refused", "There is no release 77")
        assert len(Releases(store).log().entries) == 3
        assert [row[:2] for row in audited()] == [("recommendations_rollback_asked", "ulla")]

    def test_who_comes_second_is_told_who_was_first(self, do, store):
        """Both saw release 3; the later one learns who acted and why, and looks again before acting."""
        assert do("rollback", "ulla", why="it was worse", release=1).end == "done"
        late = do("rollback", "olga", release=2)
        assert (late.end, "rollback by ulla (it was worse)" in late.said) == ("refused", True)
        assert len(Releases(store).log().entries) == 4

    def test_only_one_candidate_is_finished_at_a_time(self, do, ask_for, store):
        """Finishing a bundle takes memory: a second one is refused, a rollback is not."""
        assert ask_for("release", candidate=CANDIDATE).status_code == 202
        second = ask_for("release", candidate=CANDIDATE)
        assert (second.status_code, "at this moment" in second.json()["detail"]) == (409, True)
        assert do("rollback", release=1).end == "done"
        assert do("release", candidate=CANDIDATE).end == "refused"

    def test_a_paused_dag_says_so(self, do, store):
        """A run of it would wait until somebody unpauses it, long after the person went away."""
        from airflow.models.dag import DagModel
        from airflow.utils.session import create_session

        def pause(is_paused):
            with create_session() as session:
                session.get(DagModel, "recommendations_act").is_paused = is_paused

        pause(True)
        try:
            refused = do("pin")
        finally:
            pause(False)
        assert (refused.end, "is paused" in refused.said) == (409, True)

    def test_a_run_that_was_killed_is_called_broken(self, asking, ask_for, store):
        """It left no words: only the release log knows; the listener it was about is forgotten with the next act."""
        from airflow.models.dagrun import DagRun
        from airflow.models.variable import Variable
        from airflow.utils.session import create_session
        from sqlalchemy import select

        from recsys_tasks.pages.acting import listener_variable

        begun = ask_for("erase", listener="a listener").json()
        assert Variable.get(listener_variable(begun["run"])) == "a listener"
        with create_session() as session:
            session.scalars(select(DagRun).where(DagRun.run_id == begun["run"])).one().state = "failed"
        page = asking("GET", begun["page"], "vic").text
        assert "Erase a listener: broken" in page
        assert "a listener" not in page.replace("Erase a listener", "")
        assert ask_for("pin").status_code == 202
        assert Variable.get(listener_variable(begun["run"]), default_var=None) is None
        do_what_waits()

    def test_a_viewer_leaves_no_trace(self, do, store, audited):
        """Refused before anything is read: neither the log nor the audit log knows of it."""
        assert (do("pin", "vic").end, do("pin", None).end) == (403, 401)
        assert (len(Releases(store).log().entries), audited()) == (3, [])

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("pin", {"why": ""}),
            ("pin", {"why": " \t\u00a0\u200b "}),
            ("pin", {"why": "x" * 1001}),
            ("pin", {"why": "two\nlines"}),
            ("pin", {"why": "a bell \a"}),
            ("pin", {"why": "nothing\0"}),
            ("pin", {"why": "two\u2028lines"}),
            ("pin", {"why": "\u202ereversed"}),
            ("pin", {"why": 5}),
            ("pin", {"why": None}),
            ("pin", {"seen": "3"}),
            ("pin", {"seen": -1}),
            ("pin", {"release": 1}),
            ("pin", {"by": "somebody else"}),
            ("rollback", {}),
            ("rollback", {"release": 0}),
            ("rollback", {"release": "1"}),
            ("rollback", {"release": True}),
            ("rollback", {"release": 1.5}),
            ("rollback", {"release": 10**12}),
            ("release", {}),
            ("release", {"candidate": "0123456"}),
            ("release", {"candidate": CANDIDATE.upper()}),
            ("release", {"candidate": f"{CANDIDATE}\n"}),
            ("release", {"candidate": "--why=nothing"}),
            ("release", {"candidate": "../../../../etc/passwd"}),
            ("release", {"candidate": CANDIDATE * 5}),
            ("release", {"candidate": CANDIDATE, "older": "yes"}),
            ("judge_again", {}),
            ("judge_again", {"day": "--help"}),
            ("judge_again", {"day": "2026-01-16\n"}),
        ],
    )
    def test_a_body_that_is_not_what_it_should_be(self, do, finished, name, changes):
        """Refused with the name of the field, before any command runs."""
        done = do(name, **{"why": "a reason", "seen": 3, **changes})
        assert done.end == 422
        assert done.said.split(":")[0] in {"why", "seen", "release", "by", "candidate", "older", "day"}

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"pin"', b'{"why": "\\ud800"}', b"\xff", b"9" * 9])
    def test_what_is_no_object_is_no_act(self, asking, content):
        """Called JSON and none, or another kind of it: 422, not an error of the server."""
        answer = asking(
            "POST", "/recsys/acts/pin", "ulla", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422

    def test_a_large_body_is_not_read_to_its_end(self, asking):
        """413 past 16 KiB."""
        sent = {"content": b" " * 20_000, "headers": {"Content-Type": "application/json"}}
        assert asking("POST", "/recsys/acts/pin", "ulla", **sent).status_code == 413

    def test_there_are_no_other_acts(self, do):
        """A command that is no act is not found, however harmless."""
        assert [do(name).end for name in ("status", "retention", "gate")] == [404, 404, 404]


class TestWhatStands:
    def test_a_release_whose_files_are_gone_is_not_offered(self, copied):
        """Nobody can return to what retention removed."""
        log = copied.releases.log()
        copied.store.remove(bundle_name(log.release(1).candidate))
        assert [each["release"] for each in standing(copied.store, log)["others"]] == [2]

    def test_nothing_is_offered_before_the_first_release(self, finished):
        """An empty log: nothing is live, and there is nothing to return to."""
        assert standing(finished.store, ReleaseLog()) == {"entry": 0, "live": None, "others": []}


def left_of(listener):
    """Where Airflow's database still names a listener: variables, and parameters of runs of acts."""
    from airflow.models.dagrun import DagRun
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        variables = [each.key for each in session.scalars(select(Variable)) if each.get_val() == listener]
        confs = session.scalars(select(DagRun.conf).where(DagRun.dag_id == "recommendations_act"))
        return variables + [conf for conf in confs if listener in map(str, conf.values())]


class TestPeople:
    @pytest.mark.parametrize("name", ["erase", "exclude"])
    def test_a_listener_is_asked_to_be_forgotten_and_no_log_says_who(self, do, store, copied, audited, name):
        """The request bears who asked; the audit row has the reason, whose mention is marked on the list, and no id."""
        user = Reader(store).bundle.users.ids[3].as_py()
        done = do(name, why=f"listener {user} wrote to us", listener=str(user), seen=0)
        (person,) = copied.suppressions.people()
        assert (done.end, person.kind, person.user_id, person.by) == ("done", name, user, "ulla")
        assert person.reference[:12] in done.said
        ((event, by, extra),) = audited()
        assert (event, by, set(extra)) == (f"recommendations_{name}_asked", "ulla", {"seen", "why", "run"})
        assert left_of(str(user)) == [], "neither a variable nor a parameter of a run names them"
        assert extra["why"] == person.why == "listener [erased] wrote to us"

    @pytest.mark.parametrize("listener", ["--help", "x" * 200, "9" * 40, " "])
    def test_what_is_no_id_is_refused_without_repeating_it(self, do, store, copied, audited, listener):
        """It may name somebody: neither the answer nor the audit row says it again, and nobody is on the list."""
        done = do("erase", listener=listener)
        assert (done.end, copied.suppressions.people()) == ("refused", [])
        assert "no id of a listener" in done.said
        assert not listener.strip() or listener.strip() not in done.said + json.dumps(audited())

    @pytest.mark.parametrize("body", [{}, {"listener": ""}, {"listener": 5}, {"listener": "x" * 201}])
    def test_a_body_without_a_listener(self, do, body):
        """Refused before any command runs."""
        assert do("erase", **body).end == 422
