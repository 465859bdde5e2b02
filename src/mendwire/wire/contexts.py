"""Contexts of the ``nats`` command: saved addresses and logins, read as that command reads them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from mendwire.errors import ConfigError
from mendwire.settings.environment import Environment, ServerAddress, split_urls
from mendwire.settings.secret import Secret

_RENAMED: Final = {"user_jwt": "jwt", "user_seed": "seed"}
_SECRET: Final = (
    "token",
    "password",
    "creds",
    "nkey",
    "user_jwt",
    "user_seed",
    "cert",
    "key",
    "ca",
)
_REFUSED: Final = {
    "nsc": "takes its login from nsc; export it with 'nsc generate creds' and set creds",
    "socks_proxy": "goes through a SOCKS proxy, which Mendwire cannot; give a direct address",
    "jetstream_domain": "selects a JetStream domain, which Mendwire cannot address; connect to a "
    "server of that domain",
    "jetstream_api_prefix": "changes the prefix of the JetStream API, which Mendwire cannot; use "
    "an account that has the plain one",
    "windows_cert_store": "takes its certificate from Windows; set cert and key to files",
}


def resolve(environment: Environment) -> ServerAddress:
    """What the variables say, completed by the context they name or the selected one.

    The selected one counts only without NATS_URL, so that its login is not sent elsewhere. An
    address without ``urls`` means that no server is named. Raises ConfigError.
    """
    server = environment.server
    name = server.context or ("" if server.urls else selected_context(environment.config_home))
    if name:
        server = _over(server, read_context(environment.config_home, name))
    if server.socks:
        raise ConfigError(
            "NATS_SOCKS_PROXY is set, but Mendwire cannot use a SOCKS proxy: unset it and give an "
            "address that is reachable directly."
        )
    if server.user and not server.password:
        # As in the nats command: a user without a password is a token.
        server = replace(server, user="", token=Secret(server.user))
    return server


def is_named(environment: Environment) -> bool:
    """Whether the operator named a server here, by URL or context, rather than left it to us."""
    return bool(environment.server.urls or environment.server.context)


def selected_context(config_home: Path) -> str:
    """The name of the context that ``nats context select`` chose, or ``""``."""
    try:
        return (config_home / "nats" / "context.txt").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def read_context(config_home: Path, name: str) -> ServerAddress:
    """One saved context, or a context file whose name ends in ``.json``.

    Raises ConfigError when it is absent, unreadable or not usable here.
    """
    if name.endswith(".json") and Path(name).expanduser().is_file():
        return _read_context(Path(name).expanduser(), name)
    if not name or ".." in name or "/" in name or "\\" in name or not name.isprintable():
        raise ConfigError(f"{name[:40]!r} is no name of a context; 'nats context ls' lists them.")
    return _read_context(config_home / "nats" / "context" / f"{name}.json", name)


def credential(value: Secret, variables: Mapping[str, str]) -> str:
    """A credential's text where ``value`` is an address of it; otherwise ``value`` itself.

    ``file://``, ``env://NAME`` and ``data:;base64,`` are followed; others raise ConfigError.
    """
    text = value.reveal()
    for prefix in ("op://", "nsc://"):
        if text.startswith(prefix):
            raise ConfigError(
                f"A credential is given as {prefix}…, which Mendwire does not open: put it into a "
                "file or an environment variable and write file:// or env:// instead."
            )
    if text.startswith("file://"):
        return read_credential_file(Path(unquote(urlsplit(text).path)).expanduser())
    if text.startswith("env://"):
        return _from_variable(text.removeprefix("env://"), variables)
    if text.startswith("data:") and ";base64," in text:
        return _from_base64(text.partition(";base64,")[2])
    return text


def credential_file(value: Secret, variables: Mapping[str, str]) -> str:
    """The content of a credential whose plain form is a path; raises ConfigError."""
    text = credential(value, variables)
    is_path = text == value.reveal()
    return read_credential_file(Path(text).expanduser()) if is_path else text


def read_credential_file(path: Path) -> str:
    """The text of a small file; raises ConfigError naming it."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        why = getattr(problem, "strerror", None) or "it is not text"
        raise ConfigError(f"The credential file {path} cannot be read: {why}.") from None


def _read_context(path: Path, name: str) -> ServerAddress:
    try:
        body = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(
            f"There is no context {name!r} ({path} is absent); 'nats context ls' lists them."
        ) from None
    except (OSError, ValueError, RecursionError) as problem:
        why = getattr(problem, "strerror", None) or "it is not JSON"
        raise ConfigError(f"The context {name!r} cannot be read from {path}: {why}.") from None
    if not isinstance(body, dict):
        raise ConfigError(f"The context {name!r} in {path} is not a JSON object; save it again.")
    return _address(name, body)


def _address(name: str, body: Mapping[str, object]) -> ServerAddress:
    def text(key: str) -> str:
        value = body.get(key)
        if value is None or isinstance(value, str):
            return (value or "").strip() if key != "password" else value or ""
        raise ConfigError(f"In the context {name!r} the value of {key} is not text; save it again.")

    for key, why in _REFUSED.items():
        if text(key):
            raise ConfigError(f"The context {name!r} {why}.")
    secrets: dict[str, Any] = {_RENAMED.get(key, key): Secret(text(key)) for key in _SECRET}
    urls, user, password = split_urls(text("url") or "nats://localhost:4222")
    address = ServerAddress(
        urls=urls,
        user=user or text("user"),
        tls_first=body.get("tls_first") is True,
        context=name,
        inbox_prefix=text("inbox_prefix"),
        **secrets,
    )
    return replace(address, password=Secret(password)) if user else address


def _over(explicit: ServerAddress, saved: ServerAddress) -> ServerAddress:
    """Each given variable over the context's value; a whole login replaces the context's login."""
    if explicit.token or explicit.creds or explicit.nkey or explicit.jwt or explicit.password:
        none = Secret("")
        user = saved.user if explicit.password and not explicit.user else ""
        saved = replace(
            saved, user=user, password=none, token=none, creds=none, nkey=none, jwt=none, seed=none
        )
    given = {
        item.name: getattr(explicit, item.name)
        for item in fields(explicit)
        if getattr(explicit, item.name)
    }
    return replace(saved, **given)


def _from_variable(name: str, variables: Mapping[str, str]) -> str:
    if name in variables:
        return variables[name]
    raise ConfigError(f"A credential is to come from the variable {name[:60]}, which is not set.")


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ConfigError(
            "A credential given as data:;base64, does not decode; write it again."
        ) from None
