"""Making logins for a server that is configured by a file: the secret here, its shadow there.

The shadow lets nobody in: a bcrypt hash, or the public half of an nkey.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mendwire.errors import ConfigError
from mendwire.settings.secret import Secret

_ROUNDS: Final = 4
"""The least there is. A password of 256 random bits is not guessed, however fast a guess is; and
each connection costs the server this work, which at the usual 11 rounds would let anyone who knows
a user's name keep a small machine busy."""
_BYTES: Final = 32


class Kind(StrEnum):
    """How a login proves itself."""

    PASSWORD = "password"  # noqa: S105 - a word for it
    NKEY = "nkey"


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeLogin:
    """A new login."""

    kind: Kind
    secret: Secret
    """The password, or the nkey's seed."""
    shadow: str
    """For the server's configuration."""


def make(kind: Kind) -> MadeLogin:
    """A login at random; raises ConfigError when the library for it is absent."""
    return _password() if kind is Kind.PASSWORD else _nkey()


def _password() -> MadeLogin:
    try:
        import bcrypt  # noqa: PLC0415 - an extra of the bare install
    except ModuleNotFoundError:
        raise _absent("bcrypt") from None
    password = secrets.token_hex(_BYTES)
    # nats-server knows a hash by this prefix, and takes anything else for the password itself.
    salt = bcrypt.gensalt(_ROUNDS, prefix=b"2a")
    shadow = bcrypt.hashpw(password.encode(), salt).decode()
    return MadeLogin(kind=Kind.PASSWORD, secret=Secret(password), shadow=shadow)


def _nkey() -> MadeLogin:
    try:
        import nkeys  # type: ignore[import-untyped]  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        raise _absent("nkeys") from None
    seed: bytes = bytes(nkeys.encode_seed(os.urandom(_BYTES), nkeys.PREFIX_BYTE_USER))
    public: bytes = nkeys.from_seed(bytearray(seed)).public_key
    return MadeLogin(kind=Kind.NKEY, secret=Secret(seed.decode()), shadow=public.decode())


def _absent(library: str) -> ConfigError:
    return ConfigError(f"Logins need the {library} library: pip install 'mendwire[worker]'.")
