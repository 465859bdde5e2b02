"""What credentials look like, and what the keys are called under which they stand."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

FORMS: Final[tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...]] = tuple(
    (kind, hints, re.compile(pattern))
    for kind, hints, pattern in (
        (
            "private_key",
            ("PRIVATE KEY",),
            (
                r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!-))*"
                r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
            ),
        ),
        ("jwt", ("eyJ",), r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?"),
        ("aws_key", ("AKIA", "ASIA"), r"\bA(?:KI|SI)A[0-9A-Z]{16}\b"),
        (
            "github_token",
            ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
            r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})",
        ),
        ("gitlab_token", ("glpat-",), r"\bglpat-[A-Za-z0-9_-]{16,}"),
        (
            "slack_token",
            ("xox", "xapp-", "hooks.slack.com"),
            (
                r"\b(?:xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"
                r"|hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]+)"
            ),
        ),
        (
            "stripe_key",
            ("_live_", "_test_", "whsec_"),
            r"\b(?:(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9]{16,})",
        ),
        (
            "google_key",
            ("AIza", "ya29.", "GOCSPX-"),
            r"\b(?:AIza[0-9A-Za-z_-]{30,}|ya29\.[0-9A-Za-z_-]{20,}|GOCSPX-[0-9A-Za-z_-]{20,})",
        ),
        ("anthropic_key", ("sk-ant-",), r"\bsk-ant-[A-Za-z0-9_-]{10,}"),
        ("openai_key", ("sk-",), r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}"),
        (
            "registry_token",
            ("npm_", "pypi-", "hf_"),
            r"\b(?:npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{40,}|hf_[A-Za-z0-9]{30,})",
        ),
        ("sendgrid_key", ("SG.",), r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
        ("nats_seed", ("SU", "SA", "SO", "SN", "SX"), r"\bS[UAONX][A-Z2-7]{56}\b"),
    )
)
"""Kind, texts of which one must be there at all, pattern of the whole."""
_WORDS: Final = (
    ("password", ("password", "passwd", "passphrase", "pwd", "passwort")),
    ("authorization", ("authorization",)),
    ("cookie", ("cookie", "cookies")),
    ("api_key", ("apikey", "accesskey", "accesskeyid", "authkey", "accountkey", "signingkey")),
    ("private_key", ("privatekey", "secretkey", "encryptionkey", "nkeyseed")),
    ("secret", ("secret", "clientsecret", "secretaccesskey", "credential", "credentials")),
    ("token", ("token", "csrf", "xsrf", "otp", "cvv", "cvc")),
)
_REMEMBERED: Final = 64
"""Characters of the longest key that is remembered: the keys of reports are few and short."""
_INSIDE: Final = (
    ("password", ("password", "passwd")),
    ("authorization", ("authorization",)),
    ("api_key", ("apikey",)),
    ("cookie", ("setcookie",)),
)


def secret_kind(name: str) -> str | None:
    """What kind of secret a key of this name holds, or None."""
    return _kind(name) if len(name) <= _REMEMBERED else _kind.__wrapped__(name)


@lru_cache(maxsize=2048)
def _kind(name: str) -> str | None:
    folded = "".join(char for char in name.lower() if char.isalnum())
    for kind, words in _WORDS:
        if folded.endswith(words):
            return kind
    for kind, words in _INSIDE:
        if any(word in folded for word in words):
            return kind
    return None
