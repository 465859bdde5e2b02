"""``mendwire host config``: accounts, logins and the files of the machine, into one folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mendwire.app.looking import configured
from mendwire.cli.asking import AsJson, Yes, confirm
from mendwire.model.names import environment
from mendwire.ops.machine_setup import SERVER_UNIT, cloud_init
from mendwire.ops.server_config import server_config
from mendwire.ops.tenancy import (
    CLOUD_INIT,
    SERVER_CONF,
    STATE,
    UNIT,
    Settled,
    Tenancy,
    Tenant,
    Wanted,
    extra,
    keep,
    prepare,
    project,
    read_tenancy,
    settle,
    size_of,
    write_login,
)
from mendwire.wire.logins import Kind
from mendwire.wire.store import write_private


def write(  # noqa: PLR0913, PLR0917 - what a server is made of
    folder: Annotated[
        Path | None, typer.Argument(help="Where to write; default: [host] folder.")
    ] = None,
    projects: Annotated[
        list[str] | None,
        typer.Option("--project", help="A project and its disk: shop, or shop=2GB. Repeatable."),
    ] = None,
    environments: Annotated[
        list[str] | None,
        typer.Option(
            "--environment", help="Of those projects; default: staging, production. Repeatable."
        ),
    ] = None,
    login: Annotated[
        list[str] | None,
        typer.Option(help="One more login: shop:publisher:web. Repeatable."),
    ] = None,
    renew: Annotated[
        list[str] | None, typer.Option(help="A login that gets a new secret. Repeatable.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="A project that loses its account. Repeatable.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="The host as clients know it: nats.example.org.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: 4222.")] = None,
    disk: Annotated[
        str | None, typer.Option(help="For all that is stored; default: 7GB of a disk of 10.")
    ] = None,
    sync: Annotated[
        str | None,
        typer.Option(help="When messages are flushed to the disk: always (default), or 10s."),
    ] = None,
    tls: Annotated[
        bool | None,
        typer.Option("--tls/--no-tls", help="Without TLS it listens on its own machine alone."),
    ] = None,
    nkeys: Annotated[
        bool, typer.Option("--nkeys", help="New logins prove themselves by nkey, not password.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Write a nats-server configuration with an account for each project, and their logins.

    Run again it adds to what is there: logins that stay keep their secrets. Secrets are written to
    files that only you can read, and never printed.
    """
    config, _ = configured(None)
    place = folder or config.root / config.host.folder
    before = read_tenancy(place) if (place / STATE).exists() else None
    wanted = Wanted(
        projects=dict(map(project, projects or ())),
        environments=tuple(map(environment, environments)) if environments else None,
        extra=tuple(map(extra, login or ())),
        renew=tuple(renew or ()),
        remove=tuple(remove or ()),
        kind=Kind.NKEY if nkeys else Kind.PASSWORD,
        address=address,
        port=port,
        tls=tls,
        disk=size_of(disk) if disk else None,
        sync=sync,
    )
    if wanted.remove:
        gone = ", ".join(wanted.remove)
        confirm(
            f"Take the accounts of {gone} away? Once pushed, what they store is out of reach.",
            yes=yes,
        )
    settled = settle(before, wanted)
    written = _write(place, settled)
    _tell(place, settled, written, as_json=as_json)


def _write(place: Path, settled: Settled) -> list[Path]:
    """The logins first: a secret that was lost on the way is made again by --renew."""
    tenancy = settled.tenancy
    prepare(place)
    owners = {login.name: tenant for tenant in tenancy.tenants for login in tenant.logins}
    written: list[Path] = []
    for name, login in settled.made.items():
        written += write_login(place, tenancy, owners.get(name), login, name)
    for name, text in (
        (SERVER_CONF, server_config(tenancy)),
        (UNIT, SERVER_UNIT),
        (CLOUD_INIT, cloud_init()),
    ):
        write_private(place / name, text)
    keep(place, tenancy)
    return written


def _tell(place: Path, settled: Settled, written: list[Path], *, as_json: bool) -> None:
    tenancy = settled.tenancy
    if as_json:
        print(
            json.dumps(
                {
                    "folder": str(place),
                    "url": tenancy.url,
                    "accounts": {t.account: _account(t) for t in tenancy.tenants},
                    "made": sorted(settled.made),
                    "secrets": [str(path) for path in written],
                }
            )
        )
        return
    print(f"{place / SERVER_CONF} for {tenancy.url}")
    for tenant in tenancy.tenants:
        names = ", ".join(login.name for login in tenant.logins)
        print(f"  {tenant.account:<20}{tenant.disk / 1e9:g} GB  {names}")
    for path in written:
        print(f"  secret  {path}")
    _tell_next(place, tenancy)


def _account(tenant: Tenant) -> dict[str, object]:
    return {"disk": tenant.disk, "logins": [login.name for login in tenant.logins]}


def _tell_next(place: Path, tenancy: Tenancy) -> None:
    if tenancy.tls and not (place / "cert.pem").is_file():
        print(
            f"It needs a certificate for {tenancy.address}: {place / 'cert.pem'} and "
            f"{place / 'key.pem'}; see docs/how-to/host.md."
        )
    print("Next: mendwire host create, or mendwire host push where the instance is there.")
