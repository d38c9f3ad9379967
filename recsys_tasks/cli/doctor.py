"""The command ``doctor``: one line for each thing that a run needs, with the mend."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.core.config import Config, load_config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.roots import Bucket
from recsys_tasks.core.services import Service, services
from recsys_tasks.setup.airflow_checks import airflow_checks, is_here
from recsys_tasks.setup.bucket_checks import bucket_checks
from recsys_tasks.setup.checks import FAIL, OK, WARN, Check, failed
from recsys_tasks.setup.source_checks import no_address, source_checks
from recsys_tasks.setup.store_checks import store_checks
from recsys_tasks.setup.trainer_checks import trainer_checks

DESCRIPTION = """Look at the configuration, the store's file system or bucket, the source, and Airflow where it is in
this environment. One line each: OK, WARN, or FAIL with the mend. Exit code 0 when nothing FAILs, 1 otherwise. Nothing
is written but a temporary directory, or object, in the store."""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    text = "what stands in the way of a run, and how to mend it"
    parser: ArgumentParser = commands.add_parser("doctor", help=text, description=DESCRIPTION)
    parser.add_argument("--timeout", type=int, default=60, help="seconds that a question to the source may take (60)")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(handler=_doctor, any_service=True)


def _doctor(args: Namespace) -> Answer:
    wanted = getattr(args, "service", "")
    every = [each for each in services(args.config, args.root, args.environment) if wanted in ("", each.name)]
    if not every:
        raise ConfigError(f"There is no service {wanted or 'in RECSYS_CONFIG'}. Put its TOML file there.")
    checks: list[Check] = []
    asked: dict[Service, tuple[str, ...]] = {}
    for service in every:
        config, found = _configuration(service)
        found += bucket_checks(service.root) if isinstance(service.root, Bucket) else store_checks(service.root)
        if config:
            found += trainer_checks(config) + _source(args, service, config)
            asked[service] = config.alert.connections
        checks += [_of_service(service, check) for check in found]
    checks += airflow_checks(asked, _for_airflow(args.environment))
    lines = "\n".join(check.line() for check in checks)
    end = "Something FAILs: mend it, and ask again." if failed(checks) else "Nothing FAILs."
    return Answer({"checks": [asdict(check) for check in checks]}, f"{lines}\n{end}", int(failed(checks)))


def _configuration(service: Service) -> tuple[Config | None, list[Check]]:
    """A service's configuration, None where it cannot be used, and what there is to say of it."""
    if service.config is None or service.problem:
        mend = "Write one with `recsys init`, and set RECSYS_CONFIG."
        return None, [
            Check("configuration", FAIL, service.problem or "none is named.", "" if service.problem else mend)
        ]
    try:
        config = load_config(service.config)
    except ConfigError as error:
        return None, [Check("configuration", FAIL, str(error))]
    checks = [Check("configuration", OK, f"{service.config} is sound.")]
    if not config.alert.connections:
        mend = "Name Airflow connections in [alert] connections."
        checks.append(Check("configuration: alerts", WARN, "nobody is told of a HOLD, a BLOCK or a failure.", mend))
    return config, checks


def _source(args: Namespace, service: Service, config: Config) -> list[Check]:
    dsn = args.environment.get(service.dsn_variable)
    if not dsn:
        return [no_address(service.dsn_variable, elsewhere=is_here())]
    return source_checks(dsn, config, args.now(), args.timeout)


def _of_service(service: Service, check: Check) -> Check:
    """With the service's name before it, where it has one."""
    return Check(f"{service.name}: {check.name}", check.state, check.found, check.mend) if service.name else check


def _for_airflow(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment in which Airflow is asked: the whole of ours, and what the command was given."""
    return {**os.environ, **environment}
