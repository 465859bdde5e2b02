"""The commands of Google's ``gcloud`` that look after the instance NATS runs on: built, not run.

Pure. What an argument may be stands in the patterns of ``settings.config.Host``; here they are put
together as lists, each value behind its own flag, and never pass through a shell of ours. What a
shell on the instance is given is a fixed text.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mendwire.errors import ConfigError
from mendwire.settings.watching import Host

PROGRAM: Final = "gcloud"
UNIT: Final = "nats-server"
CLIENT_PORT: Final = 4222
MONITOR_PORT: Final = 8222
CONFIG_ON_HOST: Final = "/etc/nats/nats-server.conf"
_DESCRIPTION: Final = "NATS clients over TLS, from named addresses"
_INBOX: Final = "mendwire-host"
"""Folder in the login's home on the instance that ``push`` copies to."""
_INSTALL: Final = f"""set -eu
cd "$HOME/{_INBOX}"
sudo install -d -m 0755 /etc/nats
sudo install -d -m 0750 -o root -g nats /etc/nats/tls
if [ -f key.pem ]; then
  sudo install -m 0640 -o root -g nats cert.pem key.pem /etc/nats/tls/
fi
sudo install -m 0640 -o root -g nats nats-server.conf {CONFIG_ON_HOST}.new
sudo -u nats /opt/nats/bin/nats-server -t -c {CONFIG_ON_HOST}.new
sudo mv {CONFIG_ON_HOST}.new {CONFIG_ON_HOST}
cd / && rm -rf "$HOME/{_INBOX}"
sudo systemctl enable --quiet {UNIT}
sudo systemctl reload-or-restart {UNIT}
systemctl is-active {UNIT}"""
"""The server's own check comes before the old file is touched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """Builds the commands for one instance."""

    host: Host

    def describe(self) -> list[str]:
        """What the instance is and how it is."""
        return [*self._on("describe"), "--format=json"]

    def start(self) -> list[str]:
        """Start it."""
        return self._on("start")

    def stop(self) -> list[str]:
        """Stop it; the disk and its address stay."""
        return self._on("stop")

    def create(self, cloud_init: Path) -> list[str]:
        """Make it, set up by ``cloud_init``; it gets no account of Google's to speak for it."""
        host = self.host
        wanted = [
            f"--machine-type={host.machine_type}",
            f"--image-family={host.image_family}",
            f"--image-project={host.image_project}",
            f"--boot-disk-size={host.disk_gb}GB",
            f"--boot-disk-type={host.disk_type}",
            f"--network={host.network}",
            f"--tags={host.tag}",
            f"--metadata-from-file=user-data={cloud_init}",
            "--no-service-account",
            "--no-scopes",
            "--shielded-secure-boot",
            "--deletion-protection",
        ]
        if host.address:
            wanted.append(f"--address={host.address}")
        return [*self._on("create"), *wanted]

    def ssh(self, command: str = "", *, tunnel: bool = False) -> list[str]:
        """A shell there, or one command; ``tunnel`` brings the monitoring to this machine."""
        words = self._ssh()
        if command:
            words.append(f"--command={command}")
        if tunnel:
            # No shell (-N): it only carries, until Ctrl-C.
            words += ["--", "-N", "-L", f"{MONITOR_PORT}:127.0.0.1:{MONITOR_PORT}"]
        return words

    def logs(self, lines: int, *, follow: bool) -> list[str]:
        """What nats-server wrote."""
        more = " --follow" if follow else ""
        return self.ssh(f"sudo journalctl --unit={UNIT} --lines={int(lines)} --no-pager{more}")

    def serial(self) -> list[str]:
        """What the machine wrote while it started, where ssh does not answer."""
        return self._on("get-serial-port-output")

    def push(self, files: Sequence[Path]) -> list[list[str]]:
        """Copy ``files``, then check and use them: three commands."""
        there = f"{self.host.instance}:{_INBOX}/"
        return [
            self.ssh(f"install -d -m 0700 {_INBOX}"),
            [*self._compute("scp"), *map(str, files), there, *self._where(), *self._iap()],
            self.ssh(_INSTALL),
        ]

    def rules(self) -> list[str]:
        """The firewall's rules for our tag."""
        chosen = f"--filter=targetTags:{self.host.tag}"
        return [*self._compute("firewall-rules", "list"), chosen, *self._project(), "--format=json"]

    def open(self, ranges: Sequence[str], *, exists: bool = False) -> list[str]:
        """Let ``ranges`` reach the clients' port, and nobody the monitoring's (spec 9.8)."""
        allowed = [f"--source-ranges={','.join(checked_ranges(ranges))}"]
        what = f"tcp:{CLIENT_PORT}"
        if exists:
            verb, allowed = "update", [f"--allow={what}", *allowed]
        else:
            verb = "create"
            allowed = [
                "--direction=INGRESS",
                f"--network={self.host.network}",
                f"--allow={what}",
                *allowed,
            ]
        return [
            *self._compute("firewall-rules", verb, self.host.rule),
            *allowed,
            f"--target-tags={self.host.tag}",
            f"--description={_DESCRIPTION}",
            *self._project(),
            "--quiet",
        ]

    def close(self) -> list[str]:
        """Take our rule away."""
        rule = self._compute("firewall-rules", "delete", self.host.rule)
        return [*rule, *self._project(), "--quiet"]

    def _on(self, verb: str) -> list[str]:
        return [*self._compute("instances", verb, self.host.instance), *self._where(), "--quiet"]

    def _ssh(self) -> list[str]:
        return [*self._compute("ssh", self.host.instance), *self._where(), *self._iap()]

    def _where(self) -> list[str]:
        return [f"--zone={self.host.zone}", *self._project()]

    def _project(self) -> list[str]:
        return [f"--project={self.host.project}"] if self.host.project else []

    def _iap(self) -> list[str]:
        return ["--tunnel-through-iap"] if self.host.iap else []

    @staticmethod
    def _compute(*words: str) -> list[str]:
        return [PROGRAM, "compute", *words]


def checked_ranges(ranges: Sequence[str]) -> list[str]:
    """Networks as the firewall writes them; raises ConfigError for none, and for all the world."""
    if not ranges:
        raise ConfigError(
            "Nobody is named who may reach the server: set source_ranges under [host], for "
            'example ["203.0.113.7/32"], or give --source-range.'
        )
    return [str(checked_range(text)) for text in ranges]


def checked_range(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """One network; raises ConfigError."""
    try:
        network = ipaddress.ip_network(text.strip())
    except ValueError as problem:
        raise ConfigError(
            f"{text[:60]!r} is no range of addresses ({problem}): write 203.0.113.7/32 or "
            "203.0.113.0/24."
        ) from None
    if network.prefixlen == 0:
        raise ConfigError(
            f"{text[:60]!r} is the whole world, to which the port is not opened: name the "
            "addresses of your servers and workers."
        )
    return network
