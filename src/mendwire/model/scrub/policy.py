"""What is taken out of reports: the operator's decisions as one record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from mendwire.errors import ConfigError
from mendwire.model.scrub.bounded import check_pattern

_MOST_NAMES: Final = 200
_SHORTEST_NAME: Final = 3


class Emails(StrEnum):
    """What becomes of an e-mail address."""

    KEEP = "keep"
    MASK = "mask"
    HASH = "hash"
    """``<ten hexadecimal digits>@hashed.invalid``: the same person is the same text."""


class Personal(StrEnum):
    """What becomes of an IP address or a telephone number."""

    KEEP = "keep"
    MASK = "mask"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScrubPolicy:
    """How reports are scrubbed. Raises ConfigError, in one sentence, for what cannot be used.

    The default masks e-mail addresses and telephone numbers: they are somebody's, hardly ever the
    cause of an error, and no signature is made of them. It keeps IP addresses: which machine did
    not answer is what many an error is about.
    """

    emails: Emails = Emails.MASK
    salt: str = ""
    """Goes into the hash of an e-mail address, so that only who knows it can test a guess."""
    addresses: Personal = Personal.KEEP
    """IP addresses, v4 and v6, but for loopback and the unspecified one."""
    phones: Personal = Personal.MASK
    """Telephone numbers, where the name of the key says that it is one."""
    keys: tuple[str, ...] = ()
    """Further names whose values are secret, compared without case and punctuation: a key of this
    name, or one that ends with it."""
    patterns: tuple[str, ...] = ()
    """Further regular expressions; what they match is secret. Every repetition has a bound."""
    allow: tuple[str, ...] = ()
    """Keys of exactly these names, compared without case and punctuation, are left as they are,
    with everything below them."""
    off: tuple[str, ...] = ()
    """Kinds that are not replaced, as they stand in the marks: ``jwt``, ``card``."""

    def __post_init__(self) -> None:
        """Refuse what cannot be used."""
        for name, choices in (("emails", Emails), ("addresses", Personal), ("phones", Personal)):
            given = getattr(self, name)
            if given not in tuple(choices):
                wanted = ", ".join(choices)
                raise ConfigError(f"scrub.{name} is {given!r}; write one of {wanted}.")
            object.__setattr__(self, name, choices(given))  # a plain text is as good
        for name in ("keys", "patterns", "allow", "off"):
            texts = getattr(self, name)
            if not isinstance(texts, tuple) or not all(isinstance(text, str) for text in texts):
                raise ConfigError(f"scrub.{name} is no list of texts.")
            if len(texts) > _MOST_NAMES:
                raise ConfigError(f"scrub.{name} has more than {_MOST_NAMES} entries.")
        if not isinstance(self.salt, str):
            raise ConfigError("scrub.salt is no text.")
        for key in self.keys:
            if len(folded(key)) < _SHORTEST_NAME or not key.isascii():
                raise ConfigError(
                    f"scrub.keys has {key!r}; a name has three or more ASCII letters or digits."
                )
        for pattern in self.patterns:
            check_pattern(pattern)


def folded(name: str) -> str:
    """The name without case and punctuation, so that ``apiKey`` is ``API-KEY``."""
    return "".join(char for char in name.lower() if char.isalnum())


DEFAULT: Final = ScrubPolicy()
VARIABLE: Final = "MENDWIRE_SCRUB"
"""Environment variable with a JSON object of the policy's fields."""


def scrub_policy(given: Mapping[str, object]) -> ScrubPolicy:
    """The policy with these fields, the rest by default; raises ConfigError."""
    known = {field.name for field in fields(ScrubPolicy)}
    if strange := sorted(set(given) - known):
        raise ConfigError(f"scrub.{strange[0]} is not known; there are {', '.join(sorted(known))}.")
    made: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    return ScrubPolicy(**made)


def scrub_policy_from(variables: Mapping[str, str]) -> ScrubPolicy:
    """The policy in ``MENDWIRE_SCRUB``, or the default; raises ConfigError."""
    text = variables.get(VARIABLE, "").strip()
    if not text:
        return DEFAULT
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise ConfigError(f'{VARIABLE} is no JSON object; write it like {{"emails": "keep"}}.')
    return scrub_policy(given)
