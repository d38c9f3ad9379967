"""docker-compose.yml and the Dockerfile: no image can be pulled in a test, so the files are held by their contents.

``compose-spec.json`` is the JSON schema of the Compose Specification (Apache-2.0).
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from recsys_tasks.cli.main import parser
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.demo.airflow_environment import (
    CLONE,
    COMPONENTS,
    POOLS,
    Ports,
    airflow_environment,
    keep_secrets,
)
from recsys_tasks.demo.run_demo import MAKE_WORLD

# Options that only the demo sets: it has no proxy before it, one known user list, and somebody who waits.
DEMO_ONLY = re.compile(
    r"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_\w+|AIRFLOW__DAG_PROCESSOR__\w+|AIRFLOW__SCHEDULER__\w+"
    r"|AIRFLOW__TRIGGERER__CAPACITY|AIRFLOW__LOGGING__\w+_PORT"
)
# Options that must differ: each server has its own place, address or users.
DIFFERENT = {
    "AIRFLOW__API__HOST",
    "AIRFLOW__API__PORT",
    "AIRFLOW__API__BASE_URL",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CORE__AUTH_MANAGER",
    "AIRFLOW__CORE__EXECUTOR",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__CORE__PLUGINS_FOLDER",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
}
VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")
SECRET_WORDS = ("PASSWORD", "SECRET", "FERNET", "DSN")


@pytest.fixture(scope="module")
def text() -> str:
    """The file as it is written."""
    return (CLONE / "docker-compose.yml").read_text()


@pytest.fixture(scope="module")
def compose(text: str) -> dict[str, Any]:
    """The file as YAML."""
    values: dict[str, Any] = yaml.safe_load(text)
    return values


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    """Its services by name."""
    found: dict[str, Any] = compose["services"]
    return found


@pytest.fixture
def demo_environment(tmp_path: Path) -> dict[str, str]:
    """The Airflow options that the demo sets."""
    everything = airflow_environment(tmp_path, Ports(1, 2, 3), keep_secrets(tmp_path), "postgresql://m", {})
    return {name: value for name, value in everything.items() if name.startswith("AIRFLOW__")}


def test_the_file_is_a_compose_file(compose: dict[str, Any]) -> None:
    """The file keeps to the Compose Specification's own schema, in which a misspelt key is an error."""
    schema = json.loads((CLONE / "tests" / "compose-spec.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(compose)] == []
    broken = {**compose, "services": {"a": {"image": "x", "helthcheck": {}}}}
    assert list(validator.iter_errors(broken))


def test_the_commands_are_the_supervisors(services: dict[str, Any]) -> None:
    """Each component runs the command line that the demo runs, which a test starts for real."""
    for name, words in COMPONENTS.items():
        assert tuple(services[name]["command"]) == words
        assert "entrypoint" not in services[name]


def test_the_options_are_the_supervisors(services: dict[str, Any], demo_environment: dict[str, str]) -> None:
    """Demo and server agree on every Airflow option, except those that are listed above with their reason."""
    ours = {name for name in demo_environment if not DEMO_ONLY.fullmatch(name)}
    for service in COMPONENTS:
        theirs = {key: value for key, value in services[service]["environment"].items() if key.startswith("AIRFLOW__")}
        assert {name for name in theirs if not name.startswith("AIRFLOW__CELERY__")} == ours
        assert (
            theirs["AIRFLOW__CORE__EXECUTOR"] == f"${{AIRFLOW_EXECUTOR:-{demo_environment['AIRFLOW__CORE__EXECUTOR']}}}"
        )
        assert ours >= DIFFERENT
        for name in ours - DIFFERENT:
            assert str(theirs[name]) == demo_environment[name], name


def test_all_components_share_one_environment(services: dict[str, Any]) -> None:
    """A key that only one component knows is the classic reason why tokens are refused; the source is not for all."""
    environments = [
        {key: value for key, value in services[name]["environment"].items() if key != "RECSYS_SOURCE_DSN"}
        for name in COMPONENTS
    ]
    assert all(environment == environments[0] for environment in environments)
    volumes = {name: services[name]["volumes"] for name in COMPONENTS}
    store, *others = volumes.pop("api-server")
    assert all(volume == [store.removesuffix(":ro"), *others] for volume in volumes.values())
    assert store == "store:/opt/recsys/store:ro", "the pages read the store, and a task does what people ask for there"


def test_the_celery_profile_is_the_components_with_a_broker(services: dict[str, Any]) -> None:
    """A worker has the environment, the volumes and the source of the scheduler, in whose place it runs the tasks."""
    worker, scheduler = services["worker"], services["scheduler"]
    assert {name for name, service in services.items() if service.get("profiles") == ["celery"]} == {"worker", "redis"}
    assert worker["environment"].items() - scheduler["environment"].items() == {("DUMB_INIT_SETSID", "0")}
    for same in ("volumes", "env_file", "stop_grace_period", "image"):
        assert worker[same] == scheduler[same]
    for name in ("BROKER_URL", "RESULT_BACKEND"):
        assert worker["environment"][f"AIRFLOW__CELERY__{name}"].startswith("redis://redis:6379/")
    assert "redis" in worker["depends_on"]
    locked = (CLONE / "requirements-workers.txt").read_text()
    assert re.search(r"^celery==5\.6\.", locked, re.MULTILINE), "5.7 breaks the provider"


def test_only_who_needs_the_source_gets_its_password(services: dict[str, Any]) -> None:
    """The tasks run in the scheduler. What serves pages, parses DAGs or waits has no way to the source, and the service
    that makes the demo's world has none of Airflow's keys."""
    having = {name for name, service in services.items() if "RECSYS_SOURCE_DSN" in service.get("environment", {})}
    assert having == {"scheduler", "worker", "demo-world"}
    files = {name: [file["path"] for file in service.get("env_file", [])] for name, service in services.items()}
    assert {name for name, paths in files.items() if "source.env" in paths} == {"scheduler", "worker"}
    assert {name for name, paths in files.items() if "connections.env" in paths} == {
        "scheduler",
        "worker",
        "dag-processor",
    }
    assert services["demo-world"]["environment"].keys() == {"RECSYS_SOURCE_DSN"}
    assert not services["demo-world"]["volumes"]
    ignored = (CLONE / ".gitignore").read_text().splitlines()
    assert {path for paths in files.values() for path in paths} | {".env"} <= set(ignored)


def test_who_sees_the_store_has_its_keys(services: dict[str, Any]) -> None:
    """Wherever the store's folder is mounted, a store in a bucket finds its keys and a cache that may be written; what
    makes tables, a world or answers for a database learns none. The profile s3 serves whoever shows that one key."""
    keyed = {
        name
        for name, service in services.items()
        if "store.env" in [file["path"] for file in service.get("env_file", [])]
    }
    seeing = {
        name
        for name, service in services.items()
        if any(str(volume).startswith("store:") for volume in service.get("volumes", []))
    }
    assert keyed == (seeing - {"init"}) | {"s3"}
    for name in seeing:
        environment = services[name]["environment"]
        assert environment["RECSYS_ROOT"] == "${RECSYS_ROOT:-/opt/recsys/store}"
        assert f"cache:{environment['RECSYS_CACHE']}" in services[name]["volumes"]
    s3 = services["s3"]
    assert (s3["profiles"], s3["build"]["target"]) == (["s3"], "s3")
    assert "environment" not in s3
    assert services["api-server"]["depends_on"]["s3"] == {"condition": "service_healthy", "required": False}


def test_a_build_finds_pip_s_settings_in_secrets(compose: dict[str, Any], services: dict[str, Any]) -> None:
    """An index or a certificate of one's own is a secret of the build, and nothing where nobody names one."""
    assert {name: secret["file"] for name, secret in compose["secrets"].items()} == {
        "pip_conf": "${BUILD_PIP_CONF:-/dev/null}",
        "build_ca": "${BUILD_CA:-/dev/null}",
    }
    built = [service["build"] for service in services.values() if "build" in service]
    assert all(build["secrets"] == ["pip_conf", "build_ca"] for build in built)
    stages = (CLONE / "Dockerfile").read_text().split("\nFROM ")[1:]
    for stage in stages:
        assert "ARG PIP_CONFIG_FILE=/run/secrets/pip_conf" in stage
        for run in re.findall(r"RUN ((?:.*\\\n)*.*)", stage):
            if "--require-hashes" in run:
                assert run.startswith(
                    "--mount=type=secret,id=pip_conf,mode=0444 --mount=type=secret,id=build_ca,mode=0444"
                )


def test_every_port_is_bound_to_loopback(services: dict[str, Any]) -> None:
    """Docker's published ports pass by the host's firewall, so none may be open to the outside."""
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not any("network_mode" in service or "expose" in service for service in services.values())


def test_no_secret_has_a_default(text: str, services: dict[str, Any]) -> None:
    """Every password, key and address with a password comes from the environment; without it nothing starts."""
    for name, kind, default in VARIABLE.findall(text):
        if any(word in name for word in SECRET_WORDS):
            # The demo source's own image refuses an empty password; ":?" would ask everybody for it. The source may be
            # an Airflow connection instead.
            optional = name in {"DEMO_SOURCE_PASSWORD", "RECSYS_SOURCE_DSN"}
            assert (kind, default) == ("-", "") if optional else kind == "?", name
    for service in services.values():
        for key, value in service.get("environment", {}).items():
            if any(word in key for word in (*SECRET_WORDS, "_CONN")):
                assert VARIABLE.search(value), f"{key} holds a literal"


def test_the_example_names_every_variable(text: str) -> None:
    """.env.example lists every variable of the file and no other, and gives no secret a value."""
    pattern = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)
    example = dict(pattern.findall((CLONE / ".env.example").read_text()))
    assert set(example) == {name for name, _, _ in VARIABLE.findall(text)}
    assert {name for name, value in example.items() if value} == {
        "RECSYS_CONFIG_FILE",
        "AIRFLOW_PORT",
        "AIRFLOW_EXECUTOR",
        "RECSYS_ROOT",
        "AIRFLOW_BASE_URL",
        "RECSYS_PAGES_MEMORY_MB",
        "RECSYS_SERVICE_PORT",
        "RECSYS_TOKENS_FILE",
    }


def test_nothing_starts_before_what_it_needs(services: dict[str, Any]) -> None:
    """Every condition names a service that can meet it: a health check, or an end."""
    for service in services.values():
        for name, needed in service.get("depends_on", {}).items():
            if needed["condition"] == "service_healthy":
                assert "healthcheck" in services[name]
            else:
                assert (needed["condition"], services[name]["restart"]) == ("service_completed_successfully", "no")
    assert "init" in services["api-server"]["depends_on"]
    assert "api-server" in services["scheduler"]["depends_on"]


def test_everything_that_serves_is_watched_and_restarted(services: dict[str, Any]) -> None:
    """Servers have a health check and come back after a crash or a reboot; jobs run once."""
    for name, service in services.items():
        is_job = name in {"init", "demo-world"}
        assert service["restart"] == ("no" if is_job else "unless-stopped"), name
        assert is_job or "healthcheck" in service, name


def test_the_init_service_makes_what_the_demo_makes(services: dict[str, Any]) -> None:
    """Tables and pools as in the demo, and the plugin's pages for users who are not administrators."""
    (script,) = services["init"]["command"]
    assert services["init"]["entrypoint"] == ["python", "-c"]
    compile(script, "init", "exec")
    lines = re.findall(r'"(airflow [^"]*)"', script)
    assert lines[0] == "airflow db migrate"
    for pool, slots in POOLS.items():
        assert any(line.startswith(f"airflow pools set {pool} {slots} ") for line in lines)
    for role in ("Viewer", "User"):
        assert f"airflow roles add-perms {role} -r Plugins -a can_read" in lines
    assert 'os.environ["ADMIN_PASSWORD"]' in script


def test_the_demo_profile_makes_the_demos_world(services: dict[str, Any]) -> None:
    """The profile runs the command of scripts/demo, but not a second time; and a plain start does not."""
    world = services["demo-world"]
    assert world["entrypoint"] == ["recsys"]
    assert tuple(world["command"]) == (*MAKE_WORLD, "--if-empty")
    assert {name for name, service in services.items() if service.get("profiles") == ["demo"]} == {
        "demo-source",
        "demo-world",
    }


def test_the_reader_serves_what_the_command_serves(services: dict[str, Any]) -> None:
    """It runs ``recsys serve`` with tokens, reads the store and writes nothing, and has no key of anything else."""
    reader = services["reader"]
    words = parser({}).parse_args(reader["command"])
    assert reader["entrypoint"] == ["recsys"]
    assert (words.host, words.port, words.handler.__module__) == ("0.0.0.0", 8090, "recsys_tasks.cli.serve")  # noqa: S104
    mounted = [volume for volume in reader["volumes"] if isinstance(volume, str)]
    assert reader["read_only"]
    assert [volume for volume in mounted if not volume.endswith(":ro")] == ["cache:/opt/recsys/cache"]
    assert {volume.removesuffix(":ro").rsplit(":", 1)[1] for volume in mounted} == {
        "/opt/recsys/store",
        *(reader["environment"][name] for name in ("RECSYS_CACHE", "RECSYS_CONFIG")),
    }
    (tokens,) = [volume for volume in reader["volumes"] if isinstance(volume, dict)]
    assert (tokens["target"], tokens["read_only"]) == (words.tokens_file, True)
    assert reader["environment"].keys() == {"OPENBLAS_NUM_THREADS", "RECSYS_ROOT", "RECSYS_CACHE", "RECSYS_CONFIG"}
    assert [file["path"] for file in reader["env_file"]] == ["store.env"]
    assert reader["profiles"] == ["reader"]
    drain = ServeConfig().drain_s
    assert float(reader["stop_grace_period"].removesuffix("s")) > drain


def test_the_oldest_compose_that_reads_the_file_is_named(text: str) -> None:
    """A file of variables that may be missing is written in a form that Compose knows since 2.24."""
    assert re.search(r"env_file:.*\n(?:      - \*.*\n)?      - path: .*\n        required: false", text)
    assert "Compose 2.24" in text.partition("name:")[0]
    assert "Compose 2.24" in (CLONE / "README.md").read_text()


def test_volumes_are_declared_and_shared(compose: dict[str, Any], services: dict[str, Any]) -> None:
    """Store and logs are named volumes that every component sees at the same place."""
    every = [volume for service in services.values() for volume in service.get("volumes", [])]
    named = {volume.split(":")[0] for volume in every if isinstance(volume, str)}
    assert {name for name in named if not name.startswith(("$", "."))} == set(compose["volumes"])
    environment = services["scheduler"]["environment"]
    root = environment["RECSYS_ROOT"].removeprefix("${RECSYS_ROOT:-").removesuffix("}")
    for place in (root, environment["RECSYS_CACHE"], environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"]):
        assert any(volume.endswith(f":{place}") for volume in services["scheduler"]["volumes"])


class TestDockerfile:
    @pytest.fixture(scope="class")
    def dockerfile(self) -> str:
        """The file as it is written, without comments."""
        lines = (CLONE / "Dockerfile").read_text().splitlines()
        return "\n".join(line for line in lines if not line.startswith("#"))

    def test_the_base_image_has_the_locked_airflow(self, dockerfile: str) -> None:
        """The base image's Airflow and Python are those that requirements.txt was locked for."""
        locked = re.search(r"^apache-airflow==(\S+)", (CLONE / "requirements.txt").read_text(), re.MULTILINE)
        assert locked is not None
        bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
        assert {base.partition("@")[0] for base in bases} == {f"apache/airflow:{locked[1]}-python3.11"}
        assert len(set(bases)) == 1, "both stages are of one image, pinned by its digest or not"

    def test_the_index_library_runs_on_other_processors(self, dockerfile: str) -> None:
        """annoy is compiled without -march=native, and without losing its threads."""
        found = re.search(r"ANNOY_COMPILER_ARGS=(\S+)", dockerfile)
        assert found is not None
        assert "march" not in found[1]
        assert {"-O3", "-DANNOYLIB_MULTITHREADED_BUILD", "-std=c++14"} <= set(found[1].split(","))

    def test_the_compiler_stays_behind(self, dockerfile: str) -> None:
        """The last stage has the OpenMP runtime that implicit needs, and no compiler."""
        last = dockerfile.rpartition("FROM ")[2]
        assert "libgomp1" in last
        assert "g++" not in last

    def test_our_package_is_installed_with_the_lock(self, dockerfile: str) -> None:
        """What is installed has a hash in the lock, or was built by the first stage with the locked tools."""
        installs = re.findall(r"pip (?:install|wheel) [^&\n]+", dockerfile)
        assert len(installs) == 8
        for install in installs:
            assert "--require-hashes" in install or re.search(r"wheels/(annoy|recsys)|/recsys$", install.strip()), (
                install
            )
            assert "--require-hashes -r" in install or "--no-deps" in install, install
            assert "pip wheel" not in install or "--no-build-isolation" in install, install
        assert "PYTHONPATH" not in dockerfile

    def test_images_are_pinned_by_what_the_registry_says(self, tmp_path: Path) -> None:
        """The script writes the digest behind each tag, once however often it runs; our own image has none."""
        for name in ("Dockerfile", "docker-compose.yml"):
            shutil.copy(CLONE / name, tmp_path)
        (tmp_path / "scripts").mkdir()
        shutil.copy(CLONE / "scripts" / "pin_images", tmp_path / "scripts")
        docker = tmp_path / "bin" / "docker"
        docker.parent.mkdir()
        docker.write_text(
            f'#!/bin/sh\necho sha256:$(printf %s "$4" | sha256sum | cut -c1-64)\necho $4 >> {tmp_path}/asked\n'
        )
        docker.chmod(0o755)
        environment = os.environ | {"PATH": f"{docker.parent}:{os.environ['PATH']}"}
        for _ in range(2):
            subprocess.run([tmp_path / "scripts" / "pin_images"], env=environment, check=True, capture_output=True)
            text = (tmp_path / "Dockerfile").read_text() + (tmp_path / "docker-compose.yml").read_text()
            assert len(re.findall(r"apache/airflow:[\w.-]+@sha256:[0-9a-f]{64}\b", text, re.MULTILINE)) == 3
            assert len(re.findall(r"image: postgres:18@sha256:[0-9a-f]{64}$", text, re.MULTILINE)) == 2
            assert "image: recsys-airflow:local\n" in text
        asked = (tmp_path / "asked").read_text().split()
        assert len(asked) == 6
        assert not any("@" in image for image in asked)

    def test_what_is_copied_is_let_through(self, dockerfile: str) -> None:
        """Every path that is copied exists and is not ignored; nothing else enters the build."""
        sources = set(re.findall(r"^COPY --chown=\S+ (\S+) ", dockerfile, re.MULTILINE))
        ignored = (CLONE / ".dockerignore").read_text().splitlines()
        assert sources == {line[1:] for line in ignored if line.startswith("!")}
        assert all((CLONE / source).exists() for source in sources)

    def test_nothing_runs_as_root(self, dockerfile: str) -> None:
        """The last user of the image is Airflow's own."""
        assert re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE)[-1] == "airflow"
