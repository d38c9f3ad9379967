"""What a run of the compose file is told: secrets of its own, and pip's way to its packages."""

import os
import re
import secrets
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from compose.images import Secrets

PASSED_ON = ("index-url", "extra-index-url", "trusted-host", "timeout")
"""Settings of pip that mean the same inside a build; those that name a place of this machine do not."""
CERTIFICATE = "/run/secrets/build_ca"
READER = "check"
"""Who may ask the reader."""


def secrets_of_build(folder: Path) -> Secrets:
    """Copies, in a folder, of what BUILD_PIP_CONF and BUILD_CA name, else of what pip of this machine is told."""
    conf, certificate = (os.environ.get(name) or "" for name in ("BUILD_PIP_CONF", "BUILD_CA"))
    if conf or certificate:
        text = Path(conf or os.devnull).read_text()
    else:
        text, certificate = _told_to_pip()
    made = Secrets(folder / "pip.conf", folder / "build-ca.crt")
    made.pip_conf.write_text(text)
    made.build_ca.write_bytes(Path(certificate or os.devnull).read_bytes())
    return made


def _told_to_pip() -> tuple[str, str]:
    """A configuration for a build on this machine, and the path of the certificate that it names."""
    listed = [sys.executable, "-m", "pip", "config", "list"]
    found = subprocess.run(listed, check=True, capture_output=True, text=True).stdout
    lines = sorted(found.splitlines(), key=lambda line: line.startswith(":env:"))  # the environment wins
    told = dict(re.findall(r"^\S+?\.([\w-]+)='(.*)'$", "\n".join(lines), re.MULTILINE))
    kept = {name: value for name in PASSED_ON if (value := told.get(name)) and "file:" not in value}
    if "cert" in told:
        kept["cert"] = CERTIFICATE
    return "\n".join(["[global]", *(f"{name} = {value}" for name, value in kept.items()), ""]), told.get("cert", "")


def write_settings(clone: Path, build: Secrets, given: Mapping[str, str]) -> dict[str, str]:
    """Fill in .env.example as .env, and beside it tokens and the keys of a bucket; the variables with their values."""
    source = secrets.token_hex(16)
    values = {
        "POSTGRES_PASSWORD": secrets.token_hex(32),
        "AIRFLOW_JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW_SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW_FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW_ADMIN_PASSWORD": secrets.token_hex(16),
        "DEMO_SOURCE_PASSWORD": source,
        "RECSYS_SOURCE_DSN": f"postgresql://recsys:{source}@demo-source/recsys",
        "RECSYS_CONFIG_FILE": "./recsys_tasks/demo/demo.toml",
        "BUILD_PIP_CONF": str(build.pip_conf),
        "BUILD_CA": str(build.build_ca),
        **given,
    }
    example = (clone / ".env.example").read_text()
    lines = [line.partition("=") for line in example.splitlines()]
    filled = "".join(f"{name}{equals}{values.get(name, value)}\n" for name, equals, value in lines)
    _write(clone / ".env", filled)
    values["READER_TOKEN"] = secrets.token_hex(32)
    _write(clone / "tokens", f"{READER} {values['READER_TOKEN']}\n", 0o640)
    keys = {
        "AWS_ACCESS_KEY_ID": "recsys",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(32),
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://s3:8333",
    }
    if given.get("RECSYS_ROOT", "").startswith("s3:"):
        _write(clone / "store.env", "".join(f"{name}={value}\n" for name, value in keys.items()))
    return values


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    path.touch(mode)
    path.chmod(mode)
    path.write_text(text)
