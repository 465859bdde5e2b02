"""From an address to the options nats-py logs in with: every kind of login the server knows."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mendwire.errors import ConfigError
from mendwire.settings.environment import ServerAddress
from mendwire.settings.secret import Secret
from mendwire.wire.contexts import credential, credential_file

if TYPE_CHECKING:
    import ssl

_NO_SEED = "holds no user seed (a line that begins with SU); make it again with 'nsc' or 'nk'"


def client_options(address: ServerAddress, variables: Mapping[str, str]) -> dict[str, Any]:
    """Keyword arguments for ``Client.connect``; raises ConfigError.

    Precedence as in the ``nats`` command: user and password, credentials file, nkey, JWT with
    seed, JWT alone; a token beside any of them.
    """
    options: dict[str, Any] = _identity(address, variables)
    token = credential(address.token, variables)
    if token:
        options["token"] = token
    context = _tls(address, variables)
    if context:
        options.update(tls=context, tls_handshake_first=address.tls_first)
    if address.inbox_prefix:
        options["inbox_prefix"] = _inbox_prefix(address.inbox_prefix)
    return options


def login_fields(options: Mapping[str, Any], nonce: str) -> dict[str, str]:
    """The same options as the fields of the protocol's ``CONNECT``; ``nonce`` is the server's."""
    fields: dict[str, str] = {}
    if seed := options.get("nkeys_seed_str"):
        fields["nkey"] = _key_pair(seed).public_key.decode()
        fields["sig"] = _signer(seed)(nonce).decode()
    if "user_jwt_cb" in options:
        fields["jwt"] = options["user_jwt_cb"]().decode()
        fields["sig"] = options["signature_cb"](nonce).decode() if nonce else ""
    if "user" in options:
        fields.update({"user": options["user"], "pass": options["password"]})
    if "token" in options:
        fields["auth_token"] = options["token"]
    return fields


def wants_tls(address: ServerAddress) -> bool:
    """Whether the operator asked for an encrypted connection."""
    named = any(url.startswith("tls://") for url in address.urls)
    return bool(named or address.tls_first or address.ca or (address.cert and address.key))


def _identity(address: ServerAddress, variables: Mapping[str, str]) -> dict[str, Any]:
    password = credential(address.password, variables)
    if address.user and password:
        return {"user": address.user, "password": password}
    if address.creds:
        return _by_jwt(*_creds(address.creds, variables))
    if address.nkey:
        seed = _seed_line(credential_file(address.nkey, variables))
        return {"nkeys_seed_str": _checked_seed(seed, "The file in NATS_NKEY")}
    if address.jwt:
        jwt = credential(address.jwt, variables).strip()
        seed = _seed_line(credential(address.seed, variables))
        return _by_jwt(jwt, _checked_seed(seed, "NATS_SEED") if address.seed else "")
    return {}


def _by_jwt(jwt: str, seed: str) -> dict[str, Any]:
    # Given as functions: nats-py's own reader of credentials files never returns on a bad one.
    return {"user_jwt_cb": lambda: bytearray(jwt.encode()), "signature_cb": _signer(seed)}


def _signer(seed: str) -> Callable[[str], bytes]:
    def sign(nonce: str) -> bytes:
        return base64.b64encode(_key_pair(seed).sign(nonce.encode())) if seed else b""

    return sign


def _creds(value: Secret, variables: Mapping[str, str]) -> tuple[str, str]:
    text = credential_file(value, variables)
    jwt, seed = _block(text, "NATS USER JWT"), _block(text, "USER NKEY SEED")
    if jwt and seed:
        return jwt, _checked_seed(seed, "The credentials file")
    raise ConfigError(
        "The credentials file holds no user JWT with its seed: take the .creds file that nsc or "
        "your provider wrote, unchanged."
    )


def _block(text: str, title: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    for line, following in pairwise(lines):
        if line.startswith("---") and f"BEGIN {title}" in line:
            return following
    return ""


def _seed_line(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line.startswith("SU")), "")


def _checked_seed(seed: str, where: str) -> str:
    if not seed:
        raise ConfigError(f"{where} {_NO_SEED}.")
    try:
        _key_pair(seed).sign(b"tried before the server asks")
    except ConfigError:
        raise
    except Exception:  # noqa: BLE001 - nkeys and nacl raise what they like, also plain ValueError
        raise ConfigError(f"{where} {_NO_SEED}.") from None
    return seed


def _key_pair(seed: str) -> Any:  # noqa: ANN401 - nkeys has no types
    try:
        import nkeys  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra of the bare install
    except ModuleNotFoundError:
        raise ConfigError(
            "This login needs the nkeys library: pip install 'mendwire[nkeys]'."
        ) from None
    return nkeys.from_seed(bytearray(seed.encode()))


def _inbox_prefix(prefix: str) -> str:
    tokens = prefix.rstrip(".").split(".")
    if all(token and not set(token) & set("*> \t\r\n") for token in tokens):
        return ".".join(tokens)
    raise ConfigError(
        f"The inbox prefix {prefix[:40]!r} cannot be used: take letters and digits, for "
        "example _INBOX_me."
    )


def _tls(address: ServerAddress, variables: Mapping[str, str]) -> ssl.SSLContext | None:
    if not wants_tls(address):
        return None
    import ssl  # noqa: PLC0415 - some megabytes that a connection in the clear does not need

    try:
        context = ssl.create_default_context()
        if address.ca:
            context.load_verify_locations(cadata=credential_file(address.ca, variables))
        if address.cert and address.key:
            cert = credential_file(address.cert, variables)
            _load_pair(context, cert, credential_file(address.key, variables))
    except ssl.SSLError as problem:
        raise ConfigError(
            f"NATS_CA, NATS_CERT or NATS_KEY cannot be used ({problem.reason or 'no PEM text'}): "
            "give PEM files, and the key that belongs to the certificate, without a passphrase."
        ) from None
    return context


def _load_pair(context: ssl.SSLContext, cert: str, key: str) -> None:
    import tempfile  # noqa: PLC0415 - rarely needed

    # The ssl module reads certificates from files alone, and ours may come from a variable.
    with tempfile.TemporaryDirectory(prefix="mendwire-") as folder:
        path = Path(folder) / "pair.pem"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{cert}\n{key}\n")
        context.load_cert_chain(path, password=lambda: "")
