"""What a trainer needs is looked for before a day is computed, and what is missing is said with its mend."""

import importlib.util
import re
import sys
from contextlib import nullcontext
from importlib.metadata import PackageNotFoundError

import pytest

from recsys_tasks.core.config import parse_config
from recsys_tasks.core.domain import parse_day
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.recommenders.backends.implicit_cpu import ImplicitCpu
from recsys_tasks.steps import trainers
from recsys_tasks.steps.extract import extract_streams
from recsys_tasks.steps.trainers import java_version, require_trainer, spark_versions, trainer_of
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.posix import PosixStore

OR_ELSE = r'.* or take \[als\] backend = "implicit"\.$'
NO_DEVICE = rf'^\[als\] backend = "implicit-gpu" needs (RMM|the CUDA part|a CUDA device)[^.]*.*{OR_ELSE}'


def config(backend, **tables):
    """A configuration that names a backend."""
    return parse_config({"source": {"history_start": "2026-01-01"}, "als": {"backend": backend}, **tables})


@pytest.fixture
def no_pyspark(monkeypatch):
    """A Python without PySpark."""

    def version(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(trainers, "version", version)


def java(tmp_path, text, code=0):
    """A Java that says this of itself, found as Spark finds it; the line that asks it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_text(f"#!/bin/sh\necho '{text}' >&2\nexit {code}\n")
    (tmp_path / "bin" / "java").chmod(0o755)
    return f"JAVA_HOME={tmp_path}; {trainers.ASK_JAVA}"


class TestSpark:
    def test_it_is_not_installed(self, no_pyspark):
        """The extra to install is named."""
        with pytest.raises(ConfigError, match=rf"PySpark, and it is not .* Install recsys-pipeline\[spark\],{OR_ELSE}"):
            spark_versions()

    def test_it_is_too_old(self, monkeypatch):
        """An older one has other names and another Java."""
        monkeypatch.setattr(trainers, "version", lambda _name: "3.5.3")
        with pytest.raises(ConfigError, match=rf"needs PySpark 4 or newer, and 3\.5\.3 is installed\. {OR_ELSE}"):
            spark_versions()

    @pytest.mark.parametrize(
        ("line", "said"),
        [('openjdk version "11.0.2" 2019-01-15', r"11\.0\.2"), ('java version "1.8.0_281"', r"8\.0_281")],
    )
    def test_java_is_too_old(self, tmp_path, line, said):
        """The one that would be started is named, and which one is needed."""
        with pytest.raises(ConfigError, match=rf"needs Java 17 or newer, and the one of .* is {said}\. .*{OR_ELSE}"):
            java_version(java(tmp_path, line))

    def test_there_is_no_java(self, tmp_path):
        """What the shell said stands in the sentence, with the package to install and the variable to set."""
        found = rf"no java ran, .*not found\)\. Install it .*openjdk-17-jre-headless\), set JAVA_HOME{OR_ELSE}"
        with pytest.raises(ConfigError, match=found):
            java_version(f"JAVA_HOME={tmp_path}; {trainers.ASK_JAVA}")

    def test_a_java_that_is_new_enough(self, tmp_path, monkeypatch):
        """Both versions are part of a model; JAVA_HOME goes before PATH, as it does for Spark."""
        ask = java(tmp_path, 'openjdk version "21.0.1" 2023-10-17')
        assert java_version(ask) == "21.0.1"
        monkeypatch.setattr(trainers, "version", lambda _name: "4.3.0")
        monkeypatch.setattr(trainers, "java_version", lambda: "21.0.1")
        assert spark_versions() == {"version": "4.3.0", "java": "21.0.1"}


class TestDevice:
    @pytest.mark.skipif(importlib.util.find_spec("rmm") is not None, reason="its CUDA packages are installed")
    def test_the_first_part_that_is_missing_is_named(self):
        """The library itself would train on the CPU without a word, or say nothing of why it cannot."""
        with pytest.raises(ConfigError, match=NO_DEVICE):
            trainer_of(config("implicit-gpu"), nullcontext)


class TestEarly:
    def test_the_first_task_refuses(self, tmp_path, no_pyspark):
        """Before the source is even asked: without an address of it, the day would end with another error."""
        at = Workplace(PosixStore(tmp_path), config("spark"))
        with pytest.raises(ConfigError, match="needs PySpark"):
            extract_streams(at, parse_day("2026-01-15"))
        assert list(tmp_path.rglob("*")) == []

    def test_the_first_task_refuses_trees_without_their_library(self, monkeypatch):
        """Not after ALS has been trained; and weights need none."""
        monkeypatch.setitem(sys.modules, "lightgbm", None)
        blend = {"components": ["als", "recent"], "joined_by": "ranker"}
        with pytest.raises(ConfigError, match=r"needs LightGBM.*recsys-pipeline\[ranker\]"):
            require_trainer(config("implicit", blend=blend, evaluation={"blend_share": 0.2}))

    def test_a_training_on_other_machines_is_not_judged_here(self, no_pyspark):
        """Where [tasks] sends the training to another queue, only the training itself can tell."""
        elsewhere = config("spark", tasks={"train_als": {"queue": "spark"}})
        require_trainer(elsewhere)
        require_trainer(config("spark", tasks={"train_als": {"queue": "spark", "priority_weight": 3}}))
        with pytest.raises(ConfigError, match="needs PySpark"):
            trainer_of(elsewhere, nullcontext)
        with pytest.raises(ConfigError, match="needs PySpark"):
            require_trainer(config("spark", tasks={"default": {"queue": "all"}, "train_als": {"priority_weight": 3}}))

    def test_implicit_needs_nothing(self, no_pyspark):
        """The default asks for no Java, no device and no package of its own."""
        require_trainer(config("implicit"))
        assert isinstance(trainer_of(config("implicit"), nullcontext), ImplicitCpu)


def test_a_master_of_its_own(tmp_path):
    """A master is one of the kinds that Spark knows, and stands in one place only."""
    for wrong in (
        {"master": "7077"},
        {"properties": {"spark.master": "local"}},
        {"properties": {"executor.memory": "1g"}},
    ):
        with pytest.raises(ConfigError, match=re.escape("spark.")):
            config("spark", spark=wrong)
    assert config("spark", spark={"master": "spark://one:7077"}).spark.is_local is False
