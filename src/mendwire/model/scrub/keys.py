"""What the keys are called under which secrets stand."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_ENDINGS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("password", ("password", "passwd", "passphrase", "passcode", "pwd", "passwort")),
    ("authorization", ("authorization", "wwwauthenticate", "proxyauthenticate", "bearer")),
    ("cookie", ("cookie", "cookies", "cookies2")),
    ("secret", ("secretaccesskey",)),
    (
        "api_key",
        (
            *("apikey", "accesskey", "accesskeyid", "authkey", "accountkey", "signingkey"),
            *("subscriptionkey", "masterkey", "licensekey", "applicationkey", "writekey"),
            *("sharedkey", "storagekey", "servicekey", "consumerkey", "functionskey"),
        ),
    ),
    (
        "private_key",
        (
            *("privatekey", "secretkey", "secretkeybase", "encryptionkey", "nkeyseed"),
            *("decryptionkey", "hmackey", "aeskey", "sessionkey", "deploykey"),
            *("seedphrase", "mnemonic"),
        ),
    ),
    ("secret", ("secret", "secretvalue", "secretstring", "credential", "credentials")),
    ("token", ("token", "csrf", "xsrf", "otp", "jwt", "codeverifier", "samlresponse")),
    ("cvv", ("cvv", "cvc", "cvv2", "cvc2", "cardsecuritycode")),
    ("card", ("cardnumber", "creditcard")),
    ("ssn", ("ssn", "socialsecuritynumber", "socialsecurityno", "socialsecurity")),
    ("session", ("phpsessid", "jsessionid", "aspnetsessionid", "aspxauth")),
    ("phone", ("phone", "phonenumber", "telephone", "mobilenumber", "msisdn", "cellphone")),
)
"""Kind, and what the folded name ends with."""
_INSIDE: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("password", ("password", "passwd")),
    ("authorization", ("authorization",)),
    ("api_key", ("apikey",)),
    ("cookie", ("setcookie",)),
)
"""Kind, and what is somewhere in the folded name."""
_ABOUT: Final = (
    *("length", "count", "policy", "required", "expiry", "expires", "expired", "expiresat", "ttl"),
    *("expiresin", "age", "attempts", "retries", "field", "fields", "url", "uri", "path", "file"),
    *("filename", "type", "strength", "enabled", "changed", "changedat", "updatedat", "createdat"),
    *("min", "max", "validator", "validators", "rules", "form", "page", "view", "reset", "error"),
    *("errors", "exception", "name", "column", "hasher", "hashers", "input", "label", "endpoint"),
    *("placeholder", "header", "prefix", "status", "strategy", "provider", "service", "middleware"),
)
"""What a name ends with that tells something about a secret: ``password_length``."""
_HARMLESS: Final = (
    *("cancellationtoken", "pagetoken", "continuationtoken", "nexttoken", "syntaxtoken"),
    *("otptype", "unexpectedtoken"),
)
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_WHOLE: Final = {
    **{name: name for name in ("auth", "session", "sessionid", "pin", "jsessionid")},
    "pass": "password",
    "ccnumber": "card",
    "mobile": "phone",
    "tel": "phone",
    "sid": "session",
    "connect.sid": "session",
}
"""Whole names that tell only in data, of a value that is a text or a number."""
FRAGMENTS: Final = (
    *("pass", "pwd", "auth", "bearer", "cookie", "key", "secret", "cred", "token"),
    *("srf", "otp", "jwt", "verif", "saml", "cvv", "cvc", "card", "ssn", "social", "sess", "seed"),
    *("mnemonic", "phone", "mobile", "msisdn"),
)
"""A telling name has one of these in it, in a row and in lower case, whatever else it has."""
LONGEST: Final = 64
"""Characters; of a longer name only the end is looked at."""
PERSONAL: Final = frozenset({"phone"})


def secret_kind(name: str) -> str | None:
    """What kind of secret a key of this name holds, or None."""
    return _kind(name[-LONGEST:])


def scalar_kind(name: str) -> str | None:
    """The same for names that tell only where the value is a single text or number."""
    lower = name.lower()
    if lower in _WHOLE:
        return _WHOLE[lower]
    ends = lower.endswith("pass") and _WORDS.findall(name[-LONGEST:])[-1].lower() == "pass"
    return "password" if ends else None


@lru_cache(maxsize=2048)
def _kind(name: str) -> str | None:
    lower = name.lower()
    if not any(fragment in lower for fragment in FRAGMENTS):
        return None
    plain = "".join(char for char in lower if char.isalnum())
    if plain.endswith(_HARMLESS):
        return None
    for kind, words in _ENDINGS:
        if plain.endswith(words):
            return kind
    if plain.endswith(_ABOUT):
        return None
    for kind, words in _INSIDE:
        if any(word in plain for word in words):
            return kind
    return None
