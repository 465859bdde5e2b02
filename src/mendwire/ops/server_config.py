"""The configuration of a shared nats-server, written from who shares it: pure.

Sized for a machine of 1 GB: what one client, or one project, may take is bounded everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from mendwire.ops.gcloud import MONITOR_PORT
from mendwire.ops.tenancy import Login, Tenancy, Tenant
from mendwire.wire.logins import Kind

STORE: Final = "/var/lib/nats"
TLS_FOLDER: Final = "/etc/nats/tls"
MAX_PAYLOAD: Final = 1024**2
MAX_CONNECTIONS: Final = 256
MAX_STREAMS: Final = 64
"""Of one project: a namespace has 14, and a few by hand beside them."""
MAX_CONSUMERS: Final = 1000
"""Of one project: the queue of tasks has one for each type, rank and receiver."""


def server_config(tenancy: Tenancy, *, store: str = STORE, tls_folder: str = TLS_FOLDER) -> str:
    """All of ``nats-server.conf``."""
    return "\n".join((*_head(tenancy, store, tls_folder), *_accounts(tenancy))) + "\n"


def _head(tenancy: Tenancy, store: str, tls_folder: str) -> Iterator[str]:
    everywhere = "0.0.0.0" if tenancy.tls else "127.0.0.1"  # noqa: S104 - by TLS alone (spec 9.8)
    yield "# Written by mendwire host config; the next call overwrites what is changed here."
    yield "# It holds no secret: hashes of random passwords, and public keys."
    yield f"server_name: {_text(tenancy.address)}"
    yield f"listen: {_text(f'{everywhere}:{tenancy.port}')}"
    yield ""
    yield "# Uptime, connections, streams: without a password, so for this machine alone."
    yield f'http: "127.0.0.1:{MONITOR_PORT}"'
    yield ""
    if tenancy.tls:
        yield "tls {"
        yield f"  cert_file: {_text(f'{tls_folder}/cert.pem')}"
        yield f"  key_file: {_text(f'{tls_folder}/key.pem')}"
        yield '  min_version: "1.2"'
        yield "  timeout: 5"
        yield "}"
    else:
        yield "# No TLS, so it listens on this machine alone."
    yield "authorization { timeout: 5 }"
    yield ""
    yield f"max_payload: {MAX_PAYLOAD}"
    yield f"max_connections: {MAX_CONNECTIONS}"
    yield "max_subscriptions: 1000"
    yield "# What one slow reader may hold up: bytes, and how long a write may take."
    yield "max_pending: 16777216"
    yield 'write_deadline: "5s"'
    yield 'ping_interval: "30s"'
    yield "ping_max: 3"
    yield ""
    yield "jetstream {"
    yield f"  store_dir: {_text(store)}"
    yield f"  max_file: {tenancy.disk}"
    yield "  max_mem: 16777216"
    yield f"  sync_interval: {tenancy.sync}"
    yield "}"
    yield ""


def _accounts(tenancy: Tenancy) -> Iterator[str]:
    yield "system_account: SYS"
    yield "accounts {"
    yield "  SYS {"
    if tenancy.system:
        yield f"    users: [ {{ {_identity(tenancy.system)} }} ]"
    yield "  }"
    for tenant in tenancy.tenants:
        yield from _account(tenant)
    yield "}"


def _account(tenant: Tenant) -> Iterator[str]:
    yield f"  {tenant.account} {{"
    yield "    jetstream {"
    yield f"      max_file: {tenant.disk}"
    yield "      max_mem: 0"
    yield f"      max_streams: {MAX_STREAMS}"
    yield f"      max_consumers: {MAX_CONSUMERS}"
    yield "      max_bytes_required: true"
    yield "    }"
    yield "    exports: ["
    for subject in tenant.offered:
        yield f"      {{ service: {_text(subject)}, accounts: [{_text(tenant.reporters)}] }}"
    yield "    ]"
    yield from _users(tenant, [one for one in tenant.logins if not one.role.only_reports])
    yield "  }"
    yield "  # Those who only report. The server confirms a message to the subject that its sender"
    yield "  # names: in the account above it could be an entry of the docket, from here it cannot."
    yield f"  {_text(tenant.reporters)} {{"
    yield "    imports: ["
    for subject in tenant.offered:
        source = f"account: {tenant.account}, subject: {_text(subject)}"
        yield f"      {{ service: {{ {source} }} }}"
    yield "    ]"
    yield from _users(tenant, [one for one in tenant.logins if one.role.only_reports])
    yield "  }"


def _users(tenant: Tenant, logins: Sequence[Login]) -> Iterator[str]:
    yield "    users: ["
    for login in logins:
        granted = tenant.rights(login)
        yield "      {"
        yield f"        {_identity(login)}"
        yield "        permissions {"
        yield f"          publish: {{ allow: {_list(granted.publish)} }}"
        yield f"          subscribe: {{ allow: {_list(granted.subscribe)} }}"
        yield "        }"
        yield "      }"
    yield "    ]"


def _identity(login: Login) -> str:
    if login.kind is Kind.NKEY:
        return f"nkey: {login.shadow}"
    return f"user: {_text(login.name)}, password: {_text(login.shadow)}"


def _list(subjects: Sequence[str]) -> str:
    lines = "".join(f"\n            {_text(subject)}" for subject in subjects)
    return f"[{lines}\n          ]"


def _text(text: str) -> str:
    # Quoted, a text is never taken for a variable, though it begins with a dollar.
    return json.dumps(text)
