"""What deploy/ holds fits what the commands write, and programs that know such files accept it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml  # type: ignore[import-untyped]  # nor has this

from mendwire.cli.full import whole_line
from mendwire.ops.machine_setup import SERVER_UNIT, cloud_init
from mendwire.ops.server_config import STORE, TLS_FOLDER, server_config
from mendwire.ops.tenancy import Wanted, prepare, settle, write_login

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SCHEMA = Path("/usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json")
EXPOSED = {"mendwire-worker@.service": 45}
"""How much systemd may find open, in tenths of its scale to 10; 20 where nothing is said."""


def accepts(words: list[str]) -> bool:
    """Whether the command line has this command with these options."""
    command: Any = whole_line()
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    return command.name != "mendwire" and {w for w in words if w.startswith("--")} <= known


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """As they stand in a system, for the project ``shop``, with a program that is there."""
    for path in UNITS:
        name = path.name.replace("@.", "@shop.")
        text = path.read_text().replace("=/opt/mendwire/bin/mendwire ", "=/bin/true ")
        (tmp_path / name).write_text(text)
    server = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", SERVER_UNIT)
    (tmp_path / "nats-server.service").write_text(server)
    return tmp_path


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
def test_systemd_understands_the_units_and_finds_little_open(units: Path) -> None:
    paths = sorted(units.iterdir())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if str(units) in line or "@shop" in line]
    assert ours == []
    for path in paths:
        if path.suffix == ".service":
            limit = EXPOSED.get(path.name.replace("@shop.", "@."), 20)
            words = ["security", "--offline=yes", f"--threshold={limit}", "--no-pager", str(path)]
            found = subprocess.run(
                ["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False
            )
            if "unrecognized option" in found.stderr:
                pytest.skip("this systemd-analyze cannot judge a unit that is not loaded")
            assert found.returncode == 0, (path.name, found.stdout.splitlines()[-1:])


def test_units_and_services_run_commands_that_exist() -> None:
    starts = [
        line.partition("=")[2]
        for path in UNITS
        for line in path.read_text().splitlines()
        if line.startswith("ExecStart=")
    ]
    assert len(starts) == 4
    for start in starts:
        program, *words = shlex.split(start)
        assert program == "/opt/mendwire/bin/mendwire"
        assert accepts(words), start
    for name, service in compose()["services"].items():
        if name != "nats":
            assert accepts(list(service["command"])), service["command"]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def test_the_compose_file_uses_what_host_config_writes_and_opens_nothing(tmp_path: Path) -> None:
    settled = settle(None, Wanted(projects={"shop": None}, address="nats"))
    prepare(tmp_path)
    (tmp_path / "nats-server.conf").write_text(server_config(settled.tenancy))
    for name in ("cert.pem", "key.pem"):  # by the page's openssl
        (tmp_path / name).touch()
    for name, made in settled.made.items():
        tenant = settled.tenancy.tenants[0] if name != "system" else None
        write_login(tmp_path, settled.tenancy, tenant, made, name)
    written = (tmp_path / "nats-server.conf").read_text()
    services = compose()["services"]
    for name, service in services.items():
        for mounted in service["volumes"]:
            source, target = mounted.split(":")[:2]
            if source.startswith("./host/"):
                assert (tmp_path / source.removeprefix("./host/")).is_file(), mounted
                assert mounted.endswith(":ro")
            if name == "nats" and target.endswith(".pem"):
                assert f'"{target}"' in written
                assert target.startswith(TLS_FOLDER)
        for login in service.get("env_file", []):
            text = (tmp_path / login.removeprefix("./host/")).read_text()
            assert "NATS_URL=tls://nats:4222" in text
            assert service["environment"]["NATS_CA"] in str(service["volumes"])
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] == "1000:1000"
        assert {"mem_limit", "pids_limit"} <= set(service)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert f"store:{STORE}" in services["nats"]["volumes"]
    roles = {
        name: service["env_file"] for name, service in services.items() if "env_file" in service
    }
    assert roles == {
        "worker": ["./host/logins/shop_worker.env"],
        "gateway": ["./host/logins/shop_gateway.env"],
        "backup": ["./host/logins/shop_operator.env"],
    }


def test_the_image_is_built_from_what_is_there_and_runs_without_rights() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    taken = set((DEPLOY / "Dockerfile.dockerignore").read_text().splitlines())
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source.partition('/')[0]}" in taken
    assert [line for line in lines if line.startswith("USER")] == ["USER 1000:1000"]
    installs = [line for line in lines if "pip install" in line]
    assert sum(line.count("--require-hashes") for line in installs) == 2
    assert not [line for line in lines if "latest" in line or "curl" in line]


def test_cloud_init_knows_every_key_of_its_file() -> None:
    body = yaml.safe_load(cloud_init())
    (unit,) = [one for one in body["write_files"] if one["path"].endswith("nats-server.service")]
    assert unit["content"] == SERVER_UNIT
    if not SCHEMA.is_file():
        pytest.skip("cloud-init is not installed, so its schema is not here")
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft4Validator(schema).validate(body)
    assert not jsonschema.Draft4Validator(schema).is_valid({"runcmd": "x", "packages": 5})
