"""Each thing that a run needs is broken once, and the line about it says what is wrong and what to do."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from accounts import NOBODY
from conftest import execute
from source_tables import LISTENER, PASSWORD, create_streams, raising
from sqlalchemy import delete, update

from recsys_tasks.core.config import parse_config
from recsys_tasks.core.services import Service
from recsys_tasks.setup import store_checks as rooms
from recsys_tasks.setup.airflow_checks import airflow_checks, judged
from recsys_tasks.setup.checks import FAIL, OK, WARN
from recsys_tasks.setup.source_checks import source_checks
from recsys_tasks.setup.store_checks import PROBE, store_checks

NOW = datetime.now(UTC)
START = (NOW - timedelta(days=3)).date()


def by_name(checks):
    """State, what was found and the mend of each check."""
    return {check.name: (check.state, f"{check.found} {check.mend}") for check in checks}


class TestStore:
    def test_a_sound_place(self, tmp_path):
        """Everything works, and nothing of the trial stays; a root that is not there is not made."""
        found = store_checks(tmp_path, least_free=0)
        assert {check.state for check in found} == {OK}
        assert [check.name for check in found] == [
            f"store{name}" for name in ("", ": fsync", ": hard link", ": rename", ": lock", ": room", ": owner")
        ]
        assert list(tmp_path.iterdir()) == []
        found = by_name(store_checks(tmp_path / "a" / "store", least_free=0))
        assert "not there yet" in found["store"][1]
        assert list(tmp_path.iterdir()) == []

    def test_no_root(self):
        """The variable is named."""
        assert by_name(store_checks(None)) == {
            "store": (FAIL, "no root is named. Set RECSYS_ROOT to the directory of the store.")
        }

    def test_too_little_room(self, tmp_path):
        """A bound that no disk reaches."""
        state, said = by_name(store_checks(tmp_path, least_free=1 << 60))["store: room"]
        assert (state, "Make room" in said) == (WARN, True)

    def test_everybody_may_write(self, tmp_path):
        """The mode is said, and the command that mends it."""
        tmp_path.chmod(0o777)
        state, said = by_name(store_checks(tmp_path, 0))["store: owner"]
        assert (state, f"chmod o-w {tmp_path}" in said) == (WARN, True)

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs two accounts")
    @pytest.mark.parametrize(
        ("mode", "inner", "name", "state", "said"),
        [
            (0o755, 0o755, "store: writing", FAIL, "Give uid 65534 write access"),
            (0o1777, 0o700, "store: owner", WARN, "Everybody may write"),
            (0o775, 0o700, "store: owner", FAIL, "1 directories that this account may not look into"),
            (0o775, 0o755, "store: owner", WARN, "partitions belongs to root"),
        ],
    )
    def test_another_account(self, tmp_path_factory, mode, inner, name, state, said):
        """An account that may not write, may not read what is there, or owns nothing of it."""
        root = Path("/tmp") / f"recsys-doctor-{os.getpid()}-{mode}-{inner}"  # noqa: S108 - pytest's own is closed to it
        (root / "partitions").mkdir(parents=True)
        (root / "partitions").chmod(inner)
        root.chmod(mode)
        os.chown(root, 0, 65534)
        code = (
            "import json, sys; from pathlib import Path; from recsys_tasks.setup.store_checks import store_checks;"
            "print(json.dumps({c.name: [c.state, c.found + ' ' + c.mend] for c in store_checks(Path(sys.argv[1]), 0)}))"
        )
        try:
            done = NOBODY.run("-c", code, str(root))
        finally:
            shutil.rmtree(root)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)[name]
        assert (found[0], said in found[1]) == (state, True), found

    @pytest.mark.parametrize(
        ("name", "call", "said"),
        [
            ("fsync", "os.fsync", "refused (Operation not permitted)"),
            ("hard link", "os.link", "refused (Operation not permitted)"),
            ("lock", "fcntl.flock", "refused (Operation not permitted)"),
        ],
    )
    def test_a_file_system_that_cannot(self, tmp_path, monkeypatch, name, call, said):
        """Such as a USB stick or a share without locks: the call is refused, and a better place is named."""

        def refused(*_, **__):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(f"recsys_tasks.setup.store_checks.{call}", refused)
        state, text = by_name(store_checks(tmp_path, 0))[f"store: {name}"]
        assert (state, said in text, "local file system" in text) == (FAIL, True, True)

    def test_a_file_system_that_lies(self, tmp_path, monkeypatch):
        """A link, a rename and a lock that are granted twice: worse than a refusal, and told as what they are."""
        monkeypatch.setattr("recsys_tasks.setup.store_checks.os.link", lambda *_: None)
        monkeypatch.setattr("recsys_tasks.setup.store_checks.fcntl.flock", lambda *_: None)
        monkeypatch.setattr(Path, "rename", lambda *_: None)
        found = by_name(store_checks(tmp_path, 0))
        assert "a second link to a taken name is not refused" in found["store: hard link"][1]
        assert "renamed over another one" in found["store: rename"][1]
        assert "a second lock is given" in found["store: lock"][1]
        assert not list(tmp_path.glob(f"{PROBE}*"))
        assert rooms.ATTEMPTS.keys() == {"fsync", "hard link", "rename", "lock"}


class TestSource:
    @pytest.fixture
    def service(self, source_dsn):
        """Three days of hourly streams with an index."""
        create_streams(source_dsn)
        execute(
            source_dsn,
            "INSERT INTO streams SELECT n, n % 5, n % 3, at, 60000, false FROM "
            f"generate_series(timestamptz '{START} 00:30Z', now(), '1 hour') WITH ORDINALITY AS g(at, n)",
            "CREATE INDEX by_instant ON streams (streamed_at)",
        )
        return source_dsn

    def looked(self, dsn, behind=timedelta(), **source):
        """The checks of a source, by name; our clock may be behind."""
        values = {"source": {"history_start": START, **source}}
        return by_name(source_checks(dsn, parse_config(values), datetime.now(UTC) - behind, 60))

    def test_a_sound_source(self, service):
        """All OK; the day's count, how it was found and how long it took are told."""
        found = self.looked(service)
        assert {state for state, _ in found.values()} == {OK}
        assert "index by_instant" in found["source: index on the instant"][1]
        assert "24 rows, 24 of them qualify" in found["source: a day"][1]

    def test_nobody_answers(self):
        """Host and database are said, the password is not."""
        state, said = self.looked(f"postgresql://u:{PASSWORD}@127.0.0.1:1/music")["source"]
        assert (state, "database music at 127.0.0.1:1" in said, PASSWORD in said) == (FAIL, True, False)

    def test_a_column_that_is_missing(self, service):
        """As the extraction refuses it."""
        assert "no column who" in self.looked(service, user_id="who")["source"][1]

    def test_no_rights(self, service, reader):
        """The GRANT is told."""
        name, address = reader
        assert f'GRANT SELECT ON "public"."streams" TO {name};' in self.looked(address)["source"][1]

    def test_row_level_security(self, service, reader):
        """Rows that a policy hides."""
        name, address = reader
        execute(
            service,
            f"GRANT SELECT ON streams TO {name}",
            "ALTER TABLE streams ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY half ON streams TO {name} USING (user_id % 2 = 0)",
        )
        state, said = self.looked(address)["source"]
        assert (state, "row-level security" in said) == (FAIL, True)

    def test_no_index(self, service):
        """The statement is given."""
        execute(service, "DROP INDEX by_instant")
        state, said = self.looked(service)["source: index on the instant"]
        assert (state, "CREATE INDEX CONCURRENTLY ON" in said) == (WARN, True)

    def test_no_private_sessions(self, service):
        """Every stream counts."""
        assert self.looked(service, private_session="")["source: private sessions"][0] == WARN

    def test_a_history_before_the_first_stream(self, service):
        """Both dates are said; a start without any stream after it as well."""
        state, said = self.looked(service, history_start=START - timedelta(days=9))["source: first date"]
        assert (state, f"Set history_start = {START}" in said) == (FAIL, True)
        state, said = self.looked(service, history_start=NOW.date() + timedelta(days=9))["source: first date"]
        assert (state, "no stream since" in said) == (FAIL, True)

    def test_a_clock_that_is_wrong(self, service):
        """An hour apart."""
        state, said = self.looked(service, behind=timedelta(hours=1))["source: clock"]
        assert (state, "s ahead of ours" in said) == (WARN, True)

    def test_streams_of_the_future(self, service):
        """Instants that were written in another zone, or with another year."""
        execute(service, f"INSERT INTO streams VALUES (0, 1, 1, '{NOW + timedelta(days=40)}', 60000, false)")
        assert self.looked(service)["source: future"][0] == WARN

    def test_a_day_of_which_nothing_counts(self, service):
        """All too short: the numbers by reason are told."""
        execute(service, "UPDATE streams SET ms_played = 5")
        state, said = self.looked(service)["source: a day"]
        assert (state, "short 24" in said) == (WARN, True)

    def test_a_view_that_raises(self, source_dsn):
        """By its code alone."""
        raising(source_dsn, instant=NOW - timedelta(days=3))
        state, said = self.looked(source_dsn, streams_table="plays")["source"]
        assert (state, "raise_exception (P0001)" in said, LISTENER in said) == (FAIL, True, False)


class TestCommand:
    @pytest.fixture(autouse=True)
    def no_airflow(self, monkeypatch):
        """An environment without Airflow, as that of the library alone is."""
        monkeypatch.setattr("recsys_tasks.setup.airflow_checks.find_spec", lambda _: None)

    def test_after_init_nothing_fails(self, world_dsn, recsys, tmp_path):
        """The file that init wrote passes; without an Airflow it says where to ask again."""
        assert recsys(world_dsn, "init").returncode == 0
        (tmp_path / "store").mkdir()
        done = recsys(world_dsn, "doctor")
        assert done.returncode == 0, done.stdout
        assert "OK    store: hard link: works." in done.stdout
        assert "WARN  configuration: alerts: nobody is told" in done.stdout
        assert "--    airflow: not in this environment. Run `recsys doctor` once more with the Python" in done.stdout
        assert "Nothing FAILs." in done.stdout

    def test_a_broken_configuration_fails(self, world_dsn, recsys, tmp_path):
        """The field is named, the exit code is 1, and the store is looked at all the same."""
        (tmp_path / "recsys.toml").write_text("[source]\nhistory_start = 2026-01-05\ncolour = 1\n")
        done = recsys(world_dsn, "doctor", "--json")
        assert done.returncode == 1
        checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
        assert "source.colour" in checks["configuration"]["found"]
        assert "store: lock" in checks

    def test_no_configuration(self, world_dsn, recsys):
        """It says how to write one."""
        done = recsys(world_dsn, "doctor", RECSYS_CONFIG="")
        assert (done.returncode, "recsys init" in done.stdout) == (1, True)

    def test_each_service_of_a_folder_is_looked_at(self, world_dsn, recsys, tmp_path):
        """Each under its name, with its own store and its own variable."""
        folder = tmp_path / "services"
        folder.mkdir()
        for name in ("music", "podcasts"):
            (folder / f"{name}.toml").write_text("[source]\nhistory_start = 2026-01-05\n")
        done = recsys("", "doctor", RECSYS_CONFIG=str(folder), RECSYS_SOURCE_DSN_MUSIC=world_dsn)
        assert done.returncode == 1
        assert "OK    music: source: a day" in done.stdout
        assert "FAIL  podcasts: source: address: RECSYS_SOURCE_DSN_PODCASTS is not set" in done.stdout

    def test_an_airflow_may_know_the_address(self, recsys, monkeypatch, tmp_path):
        """Where there is an Airflow, its connection may hold the address: not asked, and no failure."""
        for name in ("find_spec", "_said"):
            monkeypatch.setattr(f"recsys_tasks.setup.airflow_checks.{name}", lambda *_: "")
        (tmp_path / "recsys.toml").write_text("[source]\nhistory_start = 2026-01-05\n")
        done = recsys("", "doctor")
        assert "WARN  source: address: RECSYS_SOURCE_DSN is not set: it was not asked." in done.stdout
        assert done.returncode == 0


SOUND = {
    "version": "3.3.2",
    "plugin": {"loaded": True, "broken": []},
    "connections": {"recsys_source": "postgres", "ops": "smtp"},
    "database": {
        "pools": {"recsys_state": 1},
        "dags": dict.fromkeys(
            ("daily_recommendations", "release_freshness", "alert_delivery", "recommendations_act"), "on"
        ),
        "import_errors": [],
    },
}


class TestAirflowsAnswers:
    def judged(self, **told):
        """The checks of an Airflow, by name."""
        return by_name(judged(SOUND | told, {Service("", None, None): ("ops",)}))

    def test_a_sound_one(self):
        """All OK."""
        assert {state for state, _ in self.judged().values()} == {OK}

    @pytest.mark.parametrize(
        ("told", "name", "state", "said"),
        [
            ({"version": "3.1.8"}, "version", FAIL, "need 3.2 or newer"),
            ({"version": "4.0.0"}, "version", FAIL, "below 4"),
            ({"plugin": {"error": "ImportError"}}, "plugin", FAIL, "not loaded (ImportError)"),
            ({"plugin": {"loaded": True, "broken": ["x.py"]}}, "plugin", WARN, "x.py cannot be loaded"),
            ({"database": {"error": "OperationalError"}}, "database", FAIL, "airflow db check"),
        ],
    )
    def test_what_it_tells(self, told, name, state, said):
        """Version, plugin and database."""
        found = self.judged(**told)[f"airflow: {name}"]
        assert (found[0], said in found[1]) == (state, True)


SERVICE = Service("", None, None)
GUEST = Service("guest", None, None)
"""Its ids are nobody else's in the Airflow that other tests use too."""


class TestAirflow:
    """Asked for real, with a database of its own; what is missing is made, and what is there is broken."""

    def asked(self, **variables):
        """The checks of the Airflow that the environment names, by name."""
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        environment |= {"AIRFLOW_CONN_OPS": f"smtp://me:{PASSWORD}@mail.example"}
        checks = airflow_checks({GUEST: ("ops", "pager")}, environment | variables)
        assert PASSWORD not in str(checks)
        return by_name(checks)

    def test_a_new_airflow_lacks_everything(self, airflow_home):
        """Version and plugin are right; pool, DAGs and a connection are missing, each with what makes it."""
        found = self.asked()
        assert found["airflow: version"][0] == found["airflow: plugin"][0] == OK
        assert found["airflow: connection ops"] == (OK, "of type smtp. ")
        assert found["airflow: connection pager"][0] == FAIL
        assert found["airflow: connection recsys_source_guest"][0] == WARN
        state, said = found["airflow: pool recsys_state_guest"]
        assert (state, "airflow pools set recsys_state_guest 1" in said) == (WARN, True)
        assert found["airflow: DAG daily_recommendations_guest"][0] == FAIL

    def test_what_is_made_is_seen(self, airflow_home):
        """A pool of two slots, a paused DAG, one that runs, a file that cannot be imported, and a connection that was
        stored with another Fernet key: its tasks find none, and its owner finds it in the UI."""
        from airflow.models.connection import Connection
        from airflow.models.dag import DagModel
        from airflow.models.dagbundle import DagBundleModel
        from airflow.models.errors import ParseImportError
        from airflow.models.pool import Pool
        from airflow.utils.session import create_session
        from cryptography.fernet import Fernet

        sealed = Fernet(Fernet.generate_key()).encrypt(PASSWORD.encode()).decode()
        with create_session() as session:
            session.add(DagBundleModel(name="doctor"))
            session.add(Pool(pool=GUEST.pool, slots=2, description="", include_deferred=False))
            session.add(Connection(conn_id="pager", conn_type="http"))
            session.flush()
            for name, paused in ((GUEST.daily, True), (GUEST.freshness, False)):
                session.merge(DagModel(dag_id=name, is_paused=paused, is_stale=False, bundle_name="doctor"))
            session.add(ParseImportError(filename="daily.py", bundle_name="doctor", stacktrace=LISTENER))
            session.execute(
                update(Connection).where(Connection.conn_id == "pager").values(_password=sealed, is_encrypted=True)
            )
        try:
            found = self.asked(AIRFLOW__CORE__FERNET_KEY=Fernet.generate_key().decode())
        finally:
            with create_session() as session:
                for model in (DagModel, ParseImportError, Pool, DagBundleModel):
                    session.query(model).filter(
                        model.pool == GUEST.pool if model is Pool
                        else (model.name if model is DagBundleModel else model.bundle_name) == "doctor"
                    ).delete()  # fmt: skip
                session.execute(delete(Connection).where(Connection.conn_id == "pager"))
        assert found["airflow: pool recsys_state_guest"][0] == WARN
        assert found["airflow: DAG daily_recommendations_guest"] == (
            WARN,
            "paused. airflow dags unpause daily_recommendations_guest",
        )
        assert found["airflow: DAG release_freshness_guest"][0] == OK
        assert found["airflow: DAG files"][0] == FAIL
        state, said = found["airflow: connection pager"]
        assert (state, "does not decrypt it" in said) == (FAIL, True)

    def test_what_cannot_be_asked_is_told(self, airflow_home, tmp_path):
        """Another plugins folder, and a database that was never set up."""
        found = self.asked(
            AIRFLOW__CORE__PLUGINS_FOLDER=str(tmp_path),
            AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{tmp_path}/empty.db",
        )
        assert found["airflow: plugin"][0] == FAIL
        assert (found["airflow: database"][0], "airflow db check" in found["airflow: database"][1]) == (FAIL, True)

    def test_a_dags_folder_without_ours(self, airflow_home, tmp_path):
        """The folder is named; a run by hand needs no DAG, so that it is no failure."""
        state, said = self.asked(AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path))["airflow: DAGs"]
        assert (state, str(tmp_path) in said) == (WARN, True)
