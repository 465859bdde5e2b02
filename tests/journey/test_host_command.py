"""``mendwire host`` with a program in the place of Google's, and its words before the real one."""

from __future__ import annotations

import ipaddress
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mendwire.cli import main
from mendwire.errors import ConfigError
from mendwire.ops.firewall import judged, rules_of
from mendwire.ops.gcloud import Instance, checked_ranges
from mendwire.settings.config import read_config
from mendwire.settings.watching import Host

HOST = Host(project="example-project", source_ranges=("203.0.113.7/32",), address="nats-ip")
RULE = {
    "name": "allow-nats",
    "direction": "INGRESS",
    "sourceRanges": ["203.0.113.7/32"],
    "allowed": [{"IPProtocol": "tcp", "ports": ["4222"]}],
}
DESCRIBED = {
    "name": "nats-jetstream",
    "status": "RUNNING",
    "machineType": "https://x/zones/europe-west3-a/machineTypes/e2-micro",
    "zone": "https://x/zones/europe-west3-a",
    "networkInterfaces": [{"accessConfigs": [{"natIP": "203.0.113.1"}]}],
    "disks": [{"diskSizeGb": "10"}],
    "tags": {"items": ["nats-server"]},
}
FAKE = """#!{python}
import json, os, pathlib, sys
words = sys.argv[1:]
here = pathlib.Path(os.environ["FAKE_GCLOUD"])
with (here / "calls").open("a") as file:
    file.write(json.dumps(words) + "\\n")
if "describe" in words:
    print((here / "describe.json").read_text())
elif "list" in words:
    print((here / "rules.json").read_text())
sys.exit(int(os.environ.get("FAKE_GCLOUD_ENDS", "0")))
"""


class Desk:
    """A folder with a fake ``gcloud`` that writes down what it is asked."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capture = capture
        (folder / "bin").mkdir()
        program = folder / "bin" / "gcloud"
        program.write_text(FAKE.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.answer([RULE])
        (folder / "describe.json").write_text(json.dumps(DESCRIBED))
        (folder / "mendwire.toml").write_text(
            '[host]\nproject = "example-project"\nsource_ranges = ["203.0.113.7/32"]\n'
        )

    def answer(self, rules: list[dict[str, Any]]) -> None:
        (self.folder / "rules.json").write_text(json.dumps(rules))

    def run(self, *words: str, path: str = "", **more: str) -> tuple[int, str, str]:
        """In this process, for a start takes longer than all that is done; gcloud is a child."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("PATH", path or f"{self.folder / 'bin'}:{os.environ['PATH']}")
            patch.setenv("FAKE_GCLOUD", str(self.folder))
            for name, value in more.items():
                patch.setenv(name, value)
            code = main(["host", *words])
        printed = self.capture.readouterr()
        return code, printed.out, printed.err

    @property
    def calls(self) -> list[list[str]]:
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_what_is_printed_is_what_is_run(desk: Desk) -> None:
    code, out, err = desk.run("status")
    assert code == 0, err
    assert "RUNNING" in out
    assert "203.0.113.1" in out
    printed = [line[2:] for line in err.splitlines() if line.startswith("$ ")]
    assert [shlex.split(line)[1:] for line in printed] == desk.calls
    assert len(desk.calls) == 2


def test_a_dry_run_runs_nothing(desk: Desk) -> None:
    code, out, _ = desk.run("stop", "--dry-run")
    assert code == 0
    assert out.startswith("gcloud compute instances stop nats-jetstream --zone=europe-west3-a")
    code, out, _ = desk.run("logs", "--follow", "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["ran"] is False
    assert desk.calls == []


def test_it_asks_first_and_says_what_failed(desk: Desk) -> None:
    code, _, err = desk.run("stop")
    assert code == 2
    assert "--yes" in err
    assert desk.calls == []
    code, out, _ = desk.run("stop", "--force", "--json")
    assert code == 0
    assert json.loads(out)["ran"] is True
    code, _, err = desk.run("start", FAKE_GCLOUD_ENDS="3")
    assert code == 1
    assert "gcloud ended with 3" in err


def test_without_the_program_one_sentence_says_so(desk: Desk, tmp_path: Path) -> None:
    code, _, err = desk.run("status", path=str(tmp_path))
    assert code == 2
    assert "gcloud is not installed" in err


def test_the_port_is_opened_by_tls_alone_and_to_named_addresses(desk: Desk) -> None:
    code, _, err = desk.run("firewall", "--open", "--yes")
    assert code == 2
    assert "mendwire host config" in err
    made = desk.run("config", "--project", "shop", "--address", "nats.example.org", "--no-tls")
    assert made[0] == 0, made
    code, _, err = desk.run("firewall", "--open", "--yes")
    assert (code, "no TLS" in err) == (2, True)
    assert desk.run("config", "--tls")[0] == 0
    code, _, err = desk.run("firewall", "--open", "--yes", "--source-range", "0.0.0.0/0")
    assert (code, "whole world" in err) == (2, True)
    assert desk.calls == []
    desk.answer([])
    code, _, err = desk.run("firewall", "--open", "--yes")
    assert code == 0, err
    assert desk.calls[-1][1:4] == ["firewall-rules", "create", "allow-nats"]
    assert "--source-ranges=203.0.113.7/32" in desk.calls[-1]
    assert "8222" not in " ".join(desk.calls[-1])


def test_a_firewall_that_is_open_to_the_world_is_named(desk: Desk) -> None:
    ports = ["4222", "8222"]
    desk.answer(
        [
            {
                **RULE,
                "sourceRanges": ["0.0.0.0/0"],
                "allowed": [{"IPProtocol": "tcp", "ports": ports}],
            }
        ]
    )
    code, _, err = desk.run("firewall")
    assert code == 4
    assert "8222" in err
    assert "whole world" in err


def test_config_keeps_secrets_in_private_files_and_out_of_sight(desk: Desk) -> None:
    first = desk.run("config", "--project", "shop", "--address", "nats.example.org")
    assert first[0] == 0, first
    place = desk.folder / "host"
    files = sorted((place / "logins").iterdir())
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    before = {path.name: path.read_text() for path in files}
    password = json.loads(before["shop_worker.json"])["password"]
    everything = "".join(first[1:]) + "".join(
        path.read_text() for path in place.iterdir() if path.is_file()
    )
    assert password not in everything
    again = desk.run("config", "--project", "blog=1GB", "--renew", "shop_worker", "--json")
    assert again[0] == 0, again
    after = {path.name: path.read_text() for path in (place / "logins").iterdir()}
    changed = {name for name, text in before.items() if after[name] != text}
    assert changed == {"shop_worker.json", "shop_worker.env"}
    for words, said in (
        (["--project", "wiki=9GB"], "together"),
        (["--project", "Not-A-Name"], "namespace"),
        (["--login", "shop:king:x"], "roles are"),
        (["--renew", "nobody"], "no login"),
        (["--address", "a b;c"], "no name of a host"),
    ):
        code, _, err = desk.run("config", *words)
        assert (code, said in err) == (2, True), (words, err)


@pytest.mark.parametrize(
    "line",
    [
        'instance = "--flags-file=x"',
        'zone = "europe-west3-a; id"',
        'project = "$(id)"',
        'tag = "a b"',
        'rule = "-x"',
        'address = "--x"',
        'instance = "x\\n"',
    ],
)
def test_no_setting_becomes_a_flag_or_two(tmp_path: Path, line: str) -> None:
    path = tmp_path / "mendwire.toml"
    path.write_text(f"[host]\n{line}\n")
    with pytest.raises(ConfigError):
        read_config(path, tmp_path)


@pytest.mark.parametrize("text", ["", "world", "0.0.0.0/0", "::/0", "203.0.113.7/24", "1.2.3.4 x"])
def test_ranges_are_networks_and_never_all(text: str) -> None:
    with pytest.raises(ConfigError):
        checked_ranges([text])
    assert checked_ranges(["203.0.113.0/24"]) == [str(ipaddress.ip_network("203.0.113.0/24"))]


def test_rules_are_judged_by_ranges_of_ports_and_protocols() -> None:
    def rule(**more: Any) -> list[str]:
        return judged(rules_of([{**RULE, **more}]))

    world = ["0.0.0.0/0"]
    assert rule() == []
    assert len(rule(allowed=[{"IPProtocol": "all"}], sourceRanges=world)) == 2
    assert len(rule(allowed=[{"IPProtocol": "tcp", "ports": ["8000-9000"]}])) == 1
    assert rule(allowed=[{"IPProtocol": "udp", "ports": ["8222"]}]) == []
    assert rule(sourceRanges=["::/0"]) != []
    assert rule(sourceRanges=world, disabled=True) == []
    assert rule(sourceRanges=world, direction="EGRESS") == []


GCLOUD = shutil.which("gcloud")


@pytest.mark.skipif(GCLOUD is None, reason="no gcloud")  # Debian has none to install
def test_the_real_gcloud_understands_every_command(tmp_path: Path) -> None:
    """It has no login here, and says so only after it has read all words and found them good."""
    instance = Instance(host=HOST.model_copy(update={"iap": True}))
    cloud_init = tmp_path / "cloud-init.yaml"
    cloud_init.write_text("#cloud-config\n")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CLOUDSDK_CONFIG": str(tmp_path)}
    ranges = ["203.0.113.7/32"]
    commands = [
        instance.describe(),
        instance.start(),
        instance.stop(),
        instance.create(cloud_init),
        instance.ssh(),
        instance.ssh(tunnel=True),
        instance.logs(5, follow=True),
        instance.serial(),
        *instance.push([cloud_init])[:2],
        instance.rules(),
        instance.open(ranges),
        instance.open(ranges, exists=True),
        instance.close(),
    ]
    for words in commands:
        done = subprocess.run(
            words, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert "active account" in done.stderr, (words, done.stderr)
        assert "unrecognized arguments" not in done.stderr
