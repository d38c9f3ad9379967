"""The configuration: what recsys.toml shows is what there is, and a wrong value never passes."""

import tomllib
from pathlib import Path

import pytest

from recsys_tasks.core.config import Config, load_config, parse_config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.installation import TaskResources, TasksConfig

EXAMPLE = Path(__file__).parents[2] / "recsys.toml"
SOURCE = "[source]\nhistory_start = 2026-01-01\n"
CATALOGUE = SOURCE + "[catalogue]\ntable = 't'\n"


class TestExample:
    def test_it_lists_every_field_with_its_default(self):
        """recsys.toml has all tables and fields, and its values are the defaults of the code."""
        values = tomllib.loads(EXAMPLE.read_text())
        for name, field in Config.model_fields.items():
            section = field.annotation if name != "catalogue" else field.annotation.__args__[0]
            fields = set() if name == "tasks" else section.model_fields.keys()  # what it names are tasks
            missing = fields - values[name].keys() - {"end_date"}
            assert missing == set(), name
        defaults = parse_config({key: values[key] for key in ("source", "catalogue")})
        assert load_config(EXAMPLE) == defaults
        assert parse_config({"source": {"history_start": values["source"]["history_start"]}}).source == defaults.source

    def test_its_examples_of_resources_are_sound(self):
        """Uncommented, they parse, and show every field that a task may ask for."""
        table = EXAMPLE.read_text().split("[tasks]")[1].split("\n[")[0]
        lines = [line.removeprefix("# ") for line in table.splitlines() if line.startswith("# ")]
        shown = TasksConfig.model_validate(tomllib.loads("\n".join(lines)))
        asked = {name for each in shown.root.values() for name, value in each if value is not None}
        assert asked == set(TaskResources.model_fields)

    def test_the_demo_has_a_sound_configuration(self):
        """The demo's own file passes the same validation."""
        demo = EXAMPLE.parent / "recsys_tasks" / "demo" / "demo.toml"
        assert load_config(demo).schedule.end_date is not None


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[source]\n", "source.history_start"),
            ("[source]\nhistory_start = 2026-01-01\ncolour = 1\n", "source.colour"),
            ("[source]\nhistory_start = 2026-01-01\n[als]\nfactors = 0\n", "als.factors"),
            ("[source]\nhistory_start = 2026-01-01\n[als]\nweight = 'cubic'\n", "als.weight"),
            ("[source]\nhistory_start = 'soon'\n", "source.history_start"),
            (CATALOGUE + "features.kind = 'k'\n", "not be called kind"),
            (CATALOGUE + "features.Ab = 'k'\n", "features.Ab"),
            (CATALOGUE + "[tasks.train]\nqueue = 'q'\n", "there is no task train; there are default, wait_for_day, "),
            (CATALOGUE + "[tasks.train_als]\nslots = 1\n", "tasks.train_als.slots"),
            (CATALOGUE + "[tasks]\nqueue = 'q'\n", "tasks.queue"),
            (SOURCE + "[schedule]\ntimezone = 'Europe/Berln'\n", r"schedule.timezone.*Did you mean Europe/Berlin"),
            (SOURCE + "[schedule]\nday_starts_at = '24:00'\n", "schedule.day_starts_at.*HH:MM"),
            (SOURCE + "[schedule]\nday_starts_at = 04:00:00\n", "schedule.day_starts_at"),
            (SOURCE + "[products]\nplayed_again_days = 7\n", "without own_half_life_days"),
            (
                SOURCE + "[als]\nfactors = true\n",
                r"als\.factors: Input should be a number, without quotes \(found True",
            ),
            (
                SOURCE + '[gate]\nmargin = "0.02"\n',
                r"gate\.margin: Input should be a number, without quotes \(found '0.02'",
            ),
            (
                SOURCE + "[content]\ncold_tracks = 1\n",
                r"cold_tracks: Input should be true or false, without quotes \(found 1",
            ),
            (
                SOURCE + "[recent]\nhalf_life_days = [true]\n",
                r"half_life_days\.0: Input should be a valid number \(found True",
            ),
            (
                SOURCE + '[products]\nrelated_weights = [1, "2", 0.5]\n',
                r"related_weights\.1: Input should be a valid number",
            ),
            ("[source", "not TOML"),
        ],
    )
    def test_a_wrong_field_is_named(self, tmp_path, text, said):
        """Missing, unknown, out of bounds, of another type, or no TOML at all: one line with the field's name."""
        path = tmp_path / "config.toml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=said) as error:
            load_config(path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)

    def test_fields_that_do_not_go_together_are_said_without_what_they_hold(self, tmp_path):
        """The sentence alone: no name of a field that there is not, and no page of everything that was found."""
        path = tmp_path / "config.toml"
        path.write_text(SOURCE + "[content]\ncold_tracks = true\n")
        with pytest.raises(ConfigError) as error:
            load_config(path)
        assert str(error.value).startswith(f"{path}: content is asked for, and there is no catalogue: name its table")
        assert "found" not in str(error.value)

    @pytest.mark.parametrize(
        ("table", "said"),
        [
            (
                "[content.weights]\ntagss = 2.0\nartist = 2.0\n",
                "content.weights names 'tagss'",
            ),
            ('[products]\ntags = "tag"\n', "products.tags names 'tag'"),
            (
                '[products]\nexplicit = "x"\norigin = "tags"\n',
                "products.explicit names 'x'",
            ),
        ],
    )
    def test_a_feature_that_the_catalogue_does_not_have_is_named(self, tmp_path, table, said):
        """A slip in its name says so when the file is read: it is neither passed over nor found out at a delivery."""
        path = tmp_path / "config.toml"
        path.write_text(SOURCE + '[catalogue]\ntable = "t"\n[catalogue.features]\ntags = "tags"\n' + table)
        with pytest.raises(ConfigError) as error:
            load_config(path)
        assert f"{said}, which [catalogue.features] has not: it has tags. Add it there" in str(error.value)

    def test_a_value_without_its_brackets_is_told_in_words_of_toml(self, tmp_path):
        """One half-life stands in brackets too; nobody who writes TOML knows what a tuple is."""
        path = tmp_path / "config.toml"
        path.write_text(SOURCE + "[recent]\nhalf_life_days = 7\n")
        with pytest.raises(
            ConfigError, match=r"recent\.half_life_days: Input should be a list in square brackets \(found 7"
        ):
            load_config(path)

    @pytest.mark.parametrize(
        ("table", "field"),
        [
            ("blend", "depth"),
            ("neighbours", "nearest"),
            ("content", "nearest"),
            ("evaluation", "k"),
            ("index", "k"),
            ("index", "trees"),
            ("products", "related_candidates"),
            ("serve", "longest_list"),
        ],
    )
    def test_no_list_is_longer_than_memory(self, table, field):
        """A slip of many zeros is refused when the file is read, and takes no memory in the night."""
        with pytest.raises(ConfigError, match=rf"{table}\.{field}: Input should be less than or equal to 10000"):
            parse_config({"source": {"history_start": "2026-01-01"}, table: {field: 10**9}})

    @pytest.mark.parametrize(
        "text",
        [
            "x = " + "[" * 5_000 + "]" * 5_000,
            "late_window_days = " + "9" * 5_000,
            "x = 1\0",
            'late_window_days = "\x1b',
        ],
        ids=["brackets", "digits", "NUL", "escape"],
    )
    def test_what_no_parser_takes_is_said_in_one_line(self, tmp_path, text):
        """A file made to break the parser is refused as any other that is no TOML."""
        path = tmp_path / "recsys.toml"
        path.write_text(SOURCE + text)
        with pytest.raises(ConfigError, match="not TOML") as caught:
            load_config(path)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500

    @pytest.mark.parametrize(
        ("table", "field"),
        [
            ("source", "statement_timeout_s"),
            ("schedule", "grace_minutes"),
            ("schedule", "longest_wait_hours"),
            ("quality", "shape_history_days"),
            ("gate", "history_days"),
            ("retention", "keep_days"),
            ("retention", "keep_written_days"),
            ("retention", "keep_partition_years"),
            ("retention", "keep_runs_days"),
            ("freshness", "max_age_hours"),
            ("freshness", "verify_every_hours"),
        ],
    )
    def test_no_time_is_longer_than_a_calendar(self, table, field):
        """A slip of many zeros is refused when the file is read, and overflows no date or timer in the night."""
        values = {"source": {"history_start": "2026-01-01"}}
        with pytest.raises(ConfigError, match=f"{table}.{field}: Input should be less than or equal to"):
            parse_config(values | {table: values.get(table, {}) | {field: 10**12}})

    def test_no_whole_number_overflows_what_works_with_it(self):
        """Absurdly many zeros are refused in each field of the file, whatever it counts."""
        shown = tomllib.loads(EXAMPLE.read_text())
        whole = [(table, field) for table in shown for field, value in shown[table].items() if type(value) is int]
        assert ("als", "cap") in whole
        for table, field in whole:
            values = {"source": {"history_start": "2026-01-01"}, "catalogue": {"table": "t"}}
            with pytest.raises(ConfigError, match=rf"{table}\.{field}: Input should be less than or equal to"):
                parse_config(values | {table: values.get(table, {}) | {field: 10**20}})

    @pytest.mark.parametrize("address", ["a@b\nBcc: c@d", "a@b, c@d", "a@b;c@d", "a b@c", "nobody", "a@b\x00", "@b"])
    def test_a_receiver_of_mail_is_one_address(self, address):
        """No line break in an address adds a header to the mail, and no comma another receiver."""
        values = {"source": {"history_start": "2026-01-01"}, "alert": {"mail_to": [address]}}
        with pytest.raises(ConfigError, match=r"alert\.mail_to"):
            parse_config(values)

    def test_a_missing_file_is_named(self, tmp_path):
        """The message says which file, and which variable names it."""
        with pytest.raises(ConfigError, match=r"nowhere\.toml.*RECSYS_CONFIG"):
            load_config(tmp_path / "nowhere.toml")
