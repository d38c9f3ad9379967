"""The services of an installation: what a file or a folder names, and what is refused."""

from pathlib import Path

import pytest

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.services import Service, service_called, service_of_dag, services, sound


@pytest.fixture
def folder(tmp_path):
    """A function that makes a folder of files and reads its services, whose stores lie below /stores."""

    def made(**files):
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text)
        return services(tmp_path, Path("/stores"))

    return made


class TestOneFile:
    def test_without_a_name_every_id_is_what_it_always_was(self, tmp_path):
        """Nobody who runs one service has to change a pool, a connection, a variable or a bookmark."""
        (tmp_path / "any.toml").write_text("[source]\nhistory_start = 2026-01-01\n")
        (only,) = services(tmp_path / "any.toml", Path("/store"))
        assert (only.name, only.config, only.root) == ("", tmp_path / "any.toml", Path("/store"))
        assert only.dag_ids == (
            "daily_recommendations",
            "release_freshness",
            "alert_delivery",
            "recommendations_act",
        )
        assert (only.pool, only.connection, only.dsn_variable) == ("recsys_state", "recsys_source", "RECSYS_SOURCE_DSN")
        assert (only.asset, only.asset_uri, only.path) == ("live_index", "recsys://live_index", "")

    def test_a_name_is_part_of_every_id(self, tmp_path):
        """Two installations that share an Airflow, or a database of connections, cannot take each other's."""
        (tmp_path / "any.toml").write_text('[service]\nname = "talk"\nroot = "/elsewhere"\n')
        (only,) = services(tmp_path / "any.toml", Path("/store"))
        assert (only.name, only.root) == ("talk", Path("/elsewhere"))
        assert only.dag_ids == (
            "daily_recommendations_talk",
            "release_freshness_talk",
            "alert_delivery_talk",
            "recommendations_act_talk",
        )
        shown = (only.pool, only.connection, only.dsn_variable, only.asset, only.asset_uri, only.path)
        assert shown == (
            "recsys_state_talk",
            "recsys_source_talk",
            "RECSYS_SOURCE_DSN_TALK",
            "live_index_talk",
            "recsys://live_index/talk",
            "talk/",
        )

    def test_no_file_at_all_is_a_service_without_a_configuration(self):
        """Commands that only read the store need no configuration."""
        assert services(None, Path("/store")) == [Service("", None, Path("/store"))]

    def test_a_file_that_cannot_be_read_keeps_its_store(self, tmp_path):
        """What is live can be shown, rolled back and verified while somebody mends the file."""
        (tmp_path / "any.toml").write_text("[service\n")
        (only,) = services(tmp_path / "any.toml", Path("/store"))
        assert (only.root, "not TOML" in only.problem) == (Path("/store"), True)
        assert service_called("", [only]) is only


class TestFolder:
    def test_each_file_is_a_service_with_a_store_of_its_own(self, folder):
        """By name; other files are none; the name and the root that a file gives go before the defaults."""
        found = folder(
            music__toml="",
            b__toml='[service]\nname = "audio"\nroot = "/fast/audio"\n',
            notes__md="",
            **{"__hidden__toml": ""},
        )
        assert [(each.name, each.root) for each in found] == [
            ("audio", Path("/fast/audio")),
            ("music", Path("/stores/music")),
        ]
        assert sound(found) == found

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[service\n", "not TOML"),
            ('[service]\nname = "Upper"', "service.name: String should match pattern"),
            ('[service]\nroot = "relative"', "service.root: String should match pattern"),
            ("[service]\nnam = 1", "service.nam: Extra inputs are not permitted"),
        ],
    )
    def test_a_broken_file_hides_no_other(self, folder, text, said):
        """It is a service with a problem, and without a store, which its file may have named."""
        broken, music = folder(broken__toml=text, music__toml="")
        assert (broken.name, broken.root, said in broken.problem) == ("broken", None, True)
        assert sound([broken, music]) == [music]

    def test_a_file_whose_name_names_nothing_says_how_to_name_it(self, folder):
        """Ids of Airflow and paths of pages are made from it."""
        (odd,) = folder(**{"My Music__toml": ""})
        assert "'My Music' cannot name a service" in odd.problem
        assert "Set name in [service], or rename the file." in odd.problem

    def test_two_of_one_name_or_on_one_store_are_both_refused(self, folder):
        """A copied file must not take over the DAG or the store of the one that it was copied from."""
        found = folder(
            a__toml='[service]\nname = "same"\nroot = "/one"',
            b__toml='[service]\nname = "same"\nroot = "/two"',
            c__toml='[service]\nroot = "/three"',
            d__toml='[service]\nroot = "/three/../three"',
            music__toml="",
        )
        assert [each.name for each in sound(found)] == ["music"]
        problems = {each.config.name: each.problem for each in found if each.problem}
        assert "also names the service 'same'" in problems["a.toml"]
        assert "also names the service 'same'" in problems["b.toml"]
        assert "also keeps its store at /three" in problems["c.toml"]


class TestChoice:
    def test_the_only_one_needs_no_name_and_several_need_one(self, folder):
        """Whoever names none, or a wrong one, is told which there are."""
        one = folder(music__toml="")
        assert service_called("", one).name == service_called("music", one).name == "music"
        two = folder(talk__toml="")
        assert service_called("talk", two).name == "talk"
        for name in ("", "musik"):
            with pytest.raises(
                ConfigError, match=r"There are: music, talk\. Name one: --service NAME, or RECSYS_SERVICE"
            ):
                service_called(name, two)

    def test_one_with_a_problem_is_refused_with_it(self, folder):
        """Its store and its ids are not known, so nothing may be done under its name."""
        with pytest.raises(ConfigError, match=r"talk\.toml: not TOML"):
            service_called("talk", folder(music__toml="", talk__toml="["))

    def test_a_dag_leads_to_its_service(self, folder):
        """Each DAG of a service does, and nobody else's, however alike its name."""
        found = folder(music__toml="", music_uk__toml="", talk__toml="[")
        assert service_of_dag("daily_recommendations_music_uk", found).name == "music_uk"
        assert service_of_dag("release_freshness_music", found).name == "music"
        for other in ("daily_recommendations", "daily_recommendations_talk", "foreign"):
            assert service_of_dag(other, found) is None


class TestWords:
    TEXT = (
        "Run recsys rollback 3, look at daily_recommendations, set RECSYS_SOURCE_DSN; "
        "recsys is a word, recsys_state a pool."
    )

    def test_advice_names_the_service(self):
        """A command or an id that is copied from an alert acts on the service that the alert is about."""
        assert Service("talk", None, None).worded(self.TEXT) == (
            "Run recsys --service talk rollback 3, look at daily_recommendations_talk, set RECSYS_SOURCE_DSN_TALK; "
            "recsys is a word, recsys_state_talk a pool."
        )

    def test_of_one_unnamed_service_it_stays(self):
        """There is nothing to add, and what was already worded is not worded again."""
        assert Service("", None, None).worded(self.TEXT) == self.TEXT
        talk = Service("talk", None, None)
        assert talk.worded(talk.worded(self.TEXT)) == talk.worded(self.TEXT)
