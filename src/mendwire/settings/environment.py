"""What the environment says about the server: process variables and ``.env``, read once.

The variables are those of the ``nats`` command, so that whoever can use the one can use the other.
Nothing here opens a connection or reads a credential file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from mendwire.errors import ConfigError
from mendwire.settings.dotenv import MAX_BYTES, find_dotenv, parse_dotenv, repository_root
from mendwire.settings.secret import Secret

DEFAULT_TIMEOUT_S: Final = 5.0
_SCHEMES: Final = frozenset({"nats", "tls", "ws", "wss"})
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ms|s|m|h|)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}
_TRUE: Final = frozenset({"1", "t", "true", "yes", "on"})
_PRIVATE: Final = ("NATS_SERVER", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerAddress:
    """Where a server is and how to get in. Empty means: not given."""

    urls: tuple[str, ...] = ()
    """``nats://host:port`` without user or password."""
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    token: Secret = field(default_factory=lambda: Secret(""))
    creds: Secret = field(default_factory=lambda: Secret(""))
    """Path of a credentials file, or a ``file:``, ``env:`` or ``data:`` address of one; the last
    holds the secret itself, which is why it does not print."""
    nkey: Secret = field(default_factory=lambda: Secret(""))
    """Path or address of a file with an nkey seed."""
    jwt: Secret = field(default_factory=lambda: Secret(""))
    seed: Secret = field(default_factory=lambda: Secret(""))
    cert: Secret = field(default_factory=lambda: Secret(""))
    """Path or address of the client's certificate; counts only together with ``key``."""
    key: Secret = field(default_factory=lambda: Secret(""))
    ca: Secret = field(default_factory=lambda: Secret(""))
    """Path or address of the authorities that may sign the server's certificate."""
    tls_first: bool = False
    """TLS begins before the server's first line."""
    socks: str = ""
    """A SOCKS proxy; refused when a connection is made."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    """Seconds until the first connection must stand."""
    context: str = ""
    """Name of a context of the ``nats`` command."""
    inbox_prefix: str = ""
    """Where replies are received; ``_INBOX`` when empty."""
    monitor_url: str = ""
    """Address of the server's monitoring, if the operator gave one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """Everything that is read from the surroundings of the process."""

    namespace: str | None
    """NATS_NAMESPACE, else PROJECT_NAME, as written."""
    server: ServerAddress
    directory: Path
    """The working directory."""
    root: Path | None
    """The root of the repository that ``directory`` is in."""
    config_home: Path
    state_home: Path
    server_program: str = ""
    """NATS_SERVER: the nats-server to embed."""
    complaints: tuple[str, ...] = ()
    """One sentence for each thing that was written and not understood."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Process variables over those of ``.env``; they hold secrets."""


def read_environment(environ: Mapping[str, str], directory: Path) -> Environment:
    """Merge ``environ`` over the ``.env`` file found from ``directory``; raises ConfigError.

    The file may belong to a cloned repository, so it names no program to run and no home.
    """
    directory = directory.absolute()
    home = Path(environ.get("HOME") or Path("~").expanduser())
    written, complaints = _read_file(find_dotenv(directory, home), environ)
    variables = {name: text for name, text in written.items() if name not in _PRIVATE}
    variables.update(environ)
    return Environment(
        namespace=variables.get("NATS_NAMESPACE") or variables.get("PROJECT_NAME") or None,
        server=_server(variables),
        directory=directory,
        root=repository_root(directory),
        config_home=Path(environ.get("XDG_CONFIG_HOME") or home / ".config"),
        state_home=Path(environ.get("XDG_STATE_HOME") or home / ".local" / "state"),
        server_program=environ.get("NATS_SERVER", ""),
        complaints=complaints,
        variables=variables,
    )


def split_urls(text: str) -> tuple[tuple[str, ...], str, str]:
    """A comma list of server URLs -> the URLs without login, and the user and password in them.

    A user without a password is a token. Raises ConfigError, without repeating a login.
    """
    urls, logins = [], set()
    for part in filter(None, (item.strip() for item in text.split(","))):
        url = _split_url(part)
        login, _, address = url.netloc.rpartition("@")
        urls.append(f"{url.scheme}://{address}{url.path if url.scheme.startswith('ws') else ''}")
        if login:
            logins.add(login)
    if len(logins) > 1:
        raise ConfigError("NATS_URL names several users; all its addresses must have the same.")
    user, _, password = (logins.pop() if logins else "").partition(":")
    return tuple(urls), unquote(user), unquote(password)


def seconds(text: str, variable: str) -> float:
    """A duration as the ``nats`` command writes it (``5s``, ``1m30s``, plain seconds), in seconds.

    Raises ConfigError naming ``variable``.
    """
    parts = _DURATION.findall(text)
    total = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) == text.strip() and total > 0:
        return total
    raise ConfigError(f"{variable} is {text[:40]!r}; write a duration such as 5s or 500ms.")


def _split_url(part: str) -> SplitResult:
    try:
        url = urlsplit(part if "://" in part else f"nats://{part}")
        spaced = any(char.isspace() for char in part)
        if url.scheme in _SCHEMES and url.hostname and (url.port or 1) > 0 and not spaced:
            return url
    except ValueError:
        pass  # said below, in the same words
    shown = part.rpartition("@")[2][:80]
    raise ConfigError(f"{shown!r} is no server address; write it as nats://host:4222.")


def _read_file(
    path: Path | None, environ: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    if path is None:
        return {}, ()
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8-sig", errors="replace")
    except OSError as problem:
        return {}, (f"{path} cannot be read ({problem.strerror}), so it is ignored.",)
    values, unread = parse_dotenv(text, environ)
    return values, tuple(
        f"Line {line} of {path} is not NAME=value, so it is ignored." for line in unread
    )


def _server(variables: Mapping[str, str]) -> ServerAddress:
    def text(name: str) -> str:
        return variables.get(f"NATS_{name}", "").strip()

    urls, user, password = split_urls(text("URL"))
    token = user if user and not password else text("TOKEN")
    if not user:
        user, password = text("USER"), variables.get("NATS_PASSWORD", "")
    return ServerAddress(
        urls=urls,
        user="" if token == user else user,
        password=Secret(password),
        token=Secret(token),
        creds=Secret(text("CREDS")),
        nkey=Secret(text("NKEY")),
        jwt=Secret(text("JWT")),
        seed=Secret(text("SEED")),
        cert=Secret(text("CERT")),
        key=Secret(text("KEY")),
        ca=Secret(text("CA")),
        tls_first=text("TLS_FIRST").lower() in _TRUE,
        socks=text("SOCKS_PROXY"),
        timeout_s=seconds(text("TIMEOUT"), "NATS_TIMEOUT")
        if text("TIMEOUT")
        else DEFAULT_TIMEOUT_S,
        context=text("CONTEXT"),
        inbox_prefix=text("INBOX_PREFIX"),
        monitor_url=text("MONITOR_URL"),
    )
