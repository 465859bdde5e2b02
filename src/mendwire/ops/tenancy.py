"""Who shares a NATS server: projects, each with an account of its own, and their logins.

All of it lies in one folder. ``host.json`` is what the rest is written from; it holds no secret.
Each login's secret is written once, to files of its own that only their owner can read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from mendwire.errors import ConfigError
from mendwire.model.names import Names, environment, namespace
from mendwire.wire.logins import Kind, MadeLogin, make
from mendwire.wire.rights import Rights, Role, offered, rights
from mendwire.wire.store import write_private

STATE: Final = "host.json"
SERVER_CONF: Final = "nats-server.conf"
CLOUD_INIT: Final = "cloud-init.yaml"
UNIT: Final = "nats-server.service"
CERTIFICATE: Final = "cert.pem"
KEY: Final = "key.pem"
LOGINS: Final = "logins"
VERSION: Final = 1
DEFAULT_DISK: Final = 7 * 1000**3
"""Bytes for all that is stored: what a disk of 10 GB leaves beside the system."""
PROJECT_DISK: Final = 2 * 1000**3
SMALLEST_DISK: Final = 100 * 1000**2
_LOGIN: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_SYNC: Final = re.compile(r"always|[1-9][0-9]{0,3}[smh]")
_SIZE: Final = re.compile(r"([1-9][0-9]{0,5})(MB|GB|TB)")
_UNITS: Final = {"MB": 1000**2, "GB": 1000**3, "TB": 1000**4}
_READ_BYTES: Final = 4 * 1024**2


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """Somebody who may come in."""

    name: str
    role: Role
    kind: Kind
    shadow: str
    """A bcrypt hash or a public key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenant:
    """A project with its account."""

    namespace: str
    disk: int
    """Bytes that its streams may use together."""
    environments: tuple[str, ...]
    logins: tuple[Login, ...]

    @property
    def account(self) -> str:
        """The account's name."""
        return self.namespace.upper()

    @property
    def reporters(self) -> str:
        """Of the account for those who only report; no namespace has such a sign in it."""
        return f"{self.account}-REPORTERS"

    @property
    def offered(self) -> tuple[str, ...]:
        """What the project's account gives to that one."""
        return offered(Names(namespace=self.namespace), self.environments)

    def rights(self, login: Login) -> Rights:
        """What a login may do."""
        return rights(login.role, Names(namespace=self.namespace), self.environments, login.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenancy:
    """One server and those who share it."""

    address: str
    """Name or number by which clients know the host."""
    port: int = 4222
    tls: bool = True
    """Without it the server listens on loopback alone."""
    disk: int = DEFAULT_DISK
    """Bytes for all accounts together."""
    sync: str = "always"
    """When messages are flushed to the disk: ``always``, or after such a time."""
    system: Login | None = None
    """For the server's own account."""
    tenants: tuple[Tenant, ...] = ()

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"{'tls' if self.tls else 'nats'}://{self.address}:{self.port}"

    def tenant(self, name: str) -> Tenant | None:
        """By namespace."""
        return next((one for one in self.tenants if one.namespace == name), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What one call asks for; None leaves what is there."""

    projects: Mapping[str, int | None]
    """Disk by namespace, to be added or changed."""
    environments: tuple[str, ...] | None = None
    """Of those projects."""
    extra: tuple[tuple[str, Role, str], ...] = ()
    """Further logins: namespace, role, and the end of its name."""
    renew: tuple[str, ...] = ()
    """Logins that get a new secret."""
    remove: tuple[str, ...] = ()
    """Projects that lose their account."""
    kind: Kind = Kind.PASSWORD
    address: str | None = None
    port: int | None = None
    tls: bool | None = None
    disk: int | None = None
    sync: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What the folder holds afterwards."""

    tenancy: Tenancy
    made: Mapping[str, MadeLogin]
    """New secrets by login, to be written down once."""


def settle(  # noqa: C901 - what can be asked for, one after the other
    before: Tenancy | None, wanted: Wanted
) -> Settled:
    """Add, renew and remove; logins that stay keep their secrets. Raises ConfigError."""
    now = _server(before, wanted)
    made: dict[str, MadeLogin] = {}

    def login(name: str, role: Role) -> Login:
        made[name] = make(wanted.kind)
        return Login(name=name, role=role, kind=made[name].kind, shadow=made[name].shadow)

    tenants = {one.namespace: one for one in now.tenants}
    for name in wanted.remove:
        if tenants.pop(name, None) is None:
            raise ConfigError(f"There is no project {name!r} to remove.")
    for name, disk in wanted.projects.items():
        old = tenants.get(name)
        envs = wanted.environments or (old.environments if old else ("staging", "production"))
        fresh = tuple(login(f"{name}_{role}", role) for role in Role) if old is None else old.logins
        tenants[name] = Tenant(
            namespace=name,
            disk=disk or (old.disk if old else PROJECT_DISK),
            environments=envs,
            logins=fresh,
        )
    for name, role, ending in wanted.extra:
        one = _found(tenants, name)
        full = f"{name}_{role}_{ending}"
        if full not in {there.name for there in one.logins}:
            tenants[name] = replace(one, logins=(*one.logins, login(full, role)))
    system = now.system or login("system", Role.OPERATOR)
    known = {each.name: each for one in tenants.values() for each in one.logins}
    for name in wanted.renew:
        if name == system.name and name not in made:
            system = login(name, system.role)
        elif name not in known:
            raise ConfigError(f"There is no login {name[:60]!r}: {', '.join(known)}.")
    for one in tenants.values():
        renewed = tuple(
            login(each.name, each.role) if each.name in wanted.renew else each
            for each in one.logins
        )
        tenants[one.namespace] = replace(one, logins=renewed)
    now = replace(now, system=system, tenants=tuple(sorted(tenants.values(), key=_by_name)))
    _check(now)
    return Settled(tenancy=now, made=made)


def project(text: str) -> tuple[str, int | None]:
    """``shop`` or ``shop=2GB``; raises ConfigError."""
    name, _, size = text.partition("=")
    return namespace(name), size_of(size) if size else None


def extra(text: str) -> tuple[str, Role, str]:
    """``shop:publisher:web``; raises ConfigError."""
    name, _, rest = text.partition(":")
    role, _, ending = rest.partition(":")
    if role not in set(Role) or not _LOGIN.fullmatch(ending):
        raise ConfigError(
            f"{text[:60]!r} is no login: write project:role:name, for example shop:publisher:web; "
            f"roles are {', '.join(Role)}."
        )
    return namespace(name), Role(role), ending


def size_of(text: str) -> int:
    """``500MB``, ``2GB`` in bytes; raises ConfigError."""
    found = _SIZE.fullmatch(text.strip().upper())
    if found is None:
        raise ConfigError(f"{text[:20]!r} is no size: write 500MB or 2GB.")
    return int(found[1]) * _UNITS[found[2]]


def read_tenancy(folder: Path) -> Tenancy:
    """What stands in ``folder``; raises ConfigError."""
    path = folder / STATE
    try:
        with path.open("rb") as file:
            return _parsed(json.loads(file.read(_READ_BYTES)))
    except FileNotFoundError:
        raise ConfigError(f"{path} is absent: run mendwire host config first.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        why = getattr(problem, "strerror", None) or "it is not as we wrote it"
        raise ConfigError(f"{path} cannot be used: {why}.") from None


def keep(folder: Path, tenancy: Tenancy) -> None:
    """Write ``host.json``; at once or not at all."""
    body = {"version": VERSION, **asdict(tenancy)}
    write_private(folder / STATE, json.dumps(body, indent=2) + "\n")


def prepare(folder: Path) -> None:
    """Make the folder, which no repository shall take in. Raises ConfigError."""
    try:
        (folder / LOGINS).mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / LOGINS).chmod(0o700)
        if not (folder / ".gitignore").exists():
            (folder / ".gitignore").write_text("*\n", "utf-8")
    except OSError as problem:
        raise ConfigError(f"{folder} cannot be written: {problem.strerror}.") from None


def server_files(folder: Path) -> list[Path]:
    """What the host itself needs, the configuration first; raises ConfigError."""
    tenancy = read_tenancy(folder)
    wanted = [folder / SERVER_CONF]
    if tenancy.tls:
        wanted += [folder / CERTIFICATE, folder / KEY]
    absent = [path.name for path in wanted if not path.is_file()]
    if absent == [CERTIFICATE, KEY]:
        # One of a public authority lies on the host already, kept fresh there.
        return wanted[:1]
    if absent:
        raise ConfigError(f"{', '.join(absent)} is absent in {folder}: see docs/how-to/host.md.")
    return wanted


def write_login(
    folder: Path, tenancy: Tenancy, tenant: Tenant | None, login: MadeLogin, name: str
) -> list[Path]:
    """The secret of one login as variables and as a context of the ``nats`` command."""
    place = folder / LOGINS
    inbox = f"_INBOX_{name}" if tenant else ""
    fields = {"url": tenancy.url, "inbox_prefix": inbox}
    written = []
    if login.kind is Kind.NKEY:
        seed = place / f"{name}.nk"
        write_private(seed, login.secret.reveal() + "\n")
        written.append(seed)
        fields["nkey"] = str(seed.absolute())
    else:
        fields |= {"user": name, "password": login.secret.reveal()}
    if tenancy.tls and (folder / CERTIFICATE).is_file():
        fields["ca"] = str((folder / CERTIFICATE).absolute())
    context = place / f"{name}.json"
    write_private(context, json.dumps({"description": f"mendwire: {name}", **fields}, indent=2))
    lines = [f"NATS_{key.upper()}={value}" for key, value in fields.items() if value]
    if tenant:
        lines.insert(0, f"NATS_NAMESPACE={tenant.namespace}")
    variables = place / f"{name}.env"
    write_private(variables, "\n".join(lines) + "\n")
    return [*written, context, variables]


def _server(before: Tenancy | None, wanted: Wanted) -> Tenancy:
    if before is None and not wanted.address:
        raise ConfigError(
            "The name by which clients know the host is missing: --address nats.example.org."
        )
    now = before or Tenancy(address=str(wanted.address))
    given = {
        key: getattr(wanted, key)
        for key in ("address", "port", "tls", "disk", "sync")
        if getattr(wanted, key) is not None
    }
    return replace(now, **given)


def _check(tenancy: Tenancy) -> None:
    if not _ADDRESS.fullmatch(tenancy.address):
        raise ConfigError(
            f"{tenancy.address[:60]!r} is no name of a host: write nats.example.org or 203.0.113.7."
        )
    if not _SYNC.fullmatch(tenancy.sync):
        raise ConfigError(f"{tenancy.sync[:20]!r} is no time to flush: write always, 10s or 2m.")
    if not tenancy.tenants:
        raise ConfigError("No project is named: say --project shop, or --project shop=2GB.")
    for one in tenancy.tenants:
        if one.account in {"SYS", "SYSTEM"}:
            raise ConfigError(f"A project cannot be called {one.namespace}: the server's own is.")
        if one.disk < SMALLEST_DISK:
            raise ConfigError(f"{one.namespace} needs 100MB of disk at least.")
    total = sum(one.disk for one in tenancy.tenants)
    if total > tenancy.disk:
        raise ConfigError(
            f"The projects may use {total / 1e9:g} GB together, but --disk is "
            f"{tenancy.disk / 1e9:g} GB: give a project less (--project shop=1GB), or the "
            "host more."
        )
    names = [each.name for one in tenancy.tenants for each in one.logins]
    if len(set(names)) != len(names):
        raise ConfigError("Two projects would have logins of the same name: rename one of them.")


def _found(tenants: Mapping[str, Tenant], name: str) -> Tenant:
    if name not in tenants:
        raise ConfigError(f"There is no project {name!r}: say --project {name} first.")
    return tenants[name]


def _by_name(tenant: Tenant) -> str:
    return tenant.namespace


def _parsed(body: Mapping[str, Any]) -> Tenancy:
    if body["version"] != VERSION:
        raise ValueError(body["version"])
    return Tenancy(
        address=str(body["address"]),
        port=int(body["port"]),
        tls=bool(body["tls"]),
        disk=int(body["disk"]),
        sync=str(body["sync"]),
        system=_login(body["system"]),
        tenants=tuple(
            Tenant(
                namespace=namespace(one["namespace"]),
                disk=int(one["disk"]),
                environments=tuple(map(environment, one["environments"])),
                logins=tuple(map(_login, one["logins"])),
            )
            for one in body["tenants"]
        ),
    )


def _login(body: Mapping[str, Any]) -> Login:
    name, shadow = str(body["name"]), str(body["shadow"])
    if not re.fullmatch(r"[a-z0-9_]{1,120}", name) or not re.fullmatch(r"[\w$./]{1,100}", shadow):
        raise ValueError(name)
    return Login(name=name, role=Role(body["role"]), kind=Kind(body["kind"]), shadow=shadow)
