"""One policy, made ready: texts in, texts without secrets out."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from mendwire.model.scrub import numbers
from mendwire.model.scrub.assigned import scrub_assigned
from mendwire.model.scrub.forms import FORMS, HINTED
from mendwire.model.scrub.keys import FRAGMENTS, PERSONAL, scalar_kind, secret_kind
from mendwire.model.scrub.marks import MARK, mark
from mendwire.model.scrub.policy import DEFAULT, Emails, Personal, ScrubPolicy, folded

SHORTEST_FORM: Final = 12
"""Characters; a credential known by its form is longer, but for the login in an address."""
AUTH: Final = re.compile(
    r"(?i)(?<![A-Za-z0-9])(bearer|basic|token)( {1,3})([A-Za-z0-9._~+/=-]{8,})"
)
_DIGEST: Final = re.compile(r"(?i)(?<![A-Za-z0-9])(digest )(?=[a-z]{2,12}=)[^\r\n]+")
USERINFO: Final = re.compile(
    r"""(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9+.-]{1,30}://)"""
    r"""((?:[^\s/?#"'<>@]{1,256}|[^\s:/?#"'<>@]{0,128}:(?![0-9]{1,5}[/?#])[^\s"'<>]{1,256}))@(?=[\w\[.%-])"""
)
_QUERY: Final = re.compile(
    r"""(?i)((?:[?&;]|\\u0026|&amp;)(?:sig|signature|key|x-amz-signature|x-goog-signature"""
    r"""|x-amz-security-token)=)([^&\s"'<>#\\]{6,})"""
)
_CODE: Final = re.compile(r"""((?:[?&]|\\u0026|&amp;)code=)([^&\s"'<>#\\]{16,})""")
_SQL: Final = re.compile(
    r"(?i)((?:identified by|(?:with|encrypted) password)\s{1,3}')([^'\n]{1,200})(?=')"
)
_LOGIN: Final = re.compile(
    r"""([ '"](?:-u|--user)[ =]{1,2}['"]?[\w.@+-]{1,64}:)([^\s"'\\]{1,200})"""
)
_ORACLE: Final = re.compile(r"(?i)(jdbc:oracle:[a-z]{2,5}:)([^\s/@\[]{1,64}/[^\s@]{1,128})(?=@)")
_SCHEMES: Final = ("bearer ", "basic ", "token ")
_SIGNED: Final = ("sig=", "signature=", "key=", "token=")
_MOST_ROUNDS: Final = 5
_LONG: Final = 1_000
"""Characters; in a longer text each hint is found sooner by itself."""
_MIN_BEARER: Final = 20
_MOST_KEYS: Final = 4096
LOWER_HINTS: Final = (
    *("basic ", "digest ", "sig=", "signature=", "code=", "identified by", "-u", "jdbc:oracle"),
)
"""In lower case; one of these is in every text that the patterns here change, but for those that
a fragment of a telling name is in as well, and for logins in addresses.
"""


class Scrubber:
    """What scrubs by one policy."""

    def __init__(self, policy: ScrubPolicy = DEFAULT) -> None:
        self.policy = policy
        self.off = frozenset(policy.off)
        self.forms = tuple(form for form in FORMS if form[0] not in self.off)
        self.patterns = tuple(re.compile(pattern) for pattern in policy.patterns)
        self._named = tuple(folded(key) for key in policy.keys)
        self._allowed = frozenset(folded(key) for key in policy.allow)
        self.fragments = tuple(dict.fromkeys([*FRAGMENTS, *map(_longest_word, policy.keys)]))
        self._telling = re.compile("|".join(map(re.escape, self.fragments)))
        self._kinds: dict[str, str | None] = {}

    def kind(self, name: str) -> str | None:
        """What kind of secret stands under ``name``, or None."""
        if name in self._kinds:
            return self._kinds[name]
        kind = self._kind(name)
        if len(name) <= 64:  # noqa: PLR2004 - longer ones are no keys that come again
            if len(self._kinds) >= _MOST_KEYS:
                self._kinds.clear()
            self._kinds[name] = kind
        return kind

    def scalar_kind(self, name: str) -> str | None:
        """The same for names that tell only in data, of a single text or number."""
        kind = scalar_kind(name)
        return None if kind is None or self._is_off(kind) or self.is_allowed(name) else kind

    def is_allowed(self, name: str) -> bool:
        """Whether the operator wants to see what stands under ``name``."""
        return bool(self._allowed) and folded(name) in self._allowed

    def text(self, text: str) -> str:
        """A message, a value: everything is replaced in it."""
        return self._settled(text, self._text)

    def code(self, text: str) -> str:
        """A line of source code: of what stands beside a telling name only literals."""
        return self._settled(text, self._code)

    def place(self, text: str) -> str:
        """A file, a function: only credentials known by their form."""
        return self._settled(text, self._by_form)

    def _text(self, text: str) -> str:
        text = scrub_assigned(self._by_form(text), self._telling, self.kind)
        return self._personal(self.numbers(text))

    def _code(self, text: str) -> str:
        text = self._by_form(text)
        text = scrub_assigned(text, self._telling, self.kind, literals_only=True)
        return self._personal(self.numbers(text))

    @staticmethod
    def _settled(text: str, once: Callable[[str], str]) -> str:
        """Until nothing changes: a mark beside it can show what was no word of its own before."""
        for _ in range(_MOST_ROUNDS):
            before, text = text, once(text)
            if text == before:
                break
        return text

    def numbers(self, text: str) -> str:
        """Without cards and account numbers."""
        if len(text) < SHORTEST_FORM:
            return text
        if "card" not in self.off:
            text = numbers.CARD.sub(self._card, text)
        return text if "iban" in self.off else numbers.IBAN.sub(self._iban, text)

    def _kind(self, name: str) -> str | None:
        if self.is_allowed(name):
            return None
        if self._named and self._is_named(name):
            return "named"
        kind = secret_kind(name)
        return None if kind is None or self._is_off(kind) else kind

    def _is_named(self, name: str) -> bool:
        lower = name.lower()
        return folded(name).endswith(self._named) and any(
            fragment in lower for fragment in self.fragments
        )

    def _is_off(self, kind: str) -> bool:
        keeps_phones = kind in PERSONAL and self.policy.phones is Personal.KEEP
        return kind in self.off or keeps_phones

    def _by_form(self, text: str) -> str:
        if len(text) >= SHORTEST_FORM and (len(text) > _LONG or HINTED.search(text)):
            for kind, hints, pattern in self.forms:
                for hint in hints:
                    if hint in text:
                        text = pattern.sub(mark(kind), text)
                        break
        return self._by_place(text)

    def _by_place(self, text: str) -> str:
        """Logins in addresses and commands, signatures in queries, schemes of authorization."""
        lower = text.lower()
        if "authorization" not in self.off:
            if any(scheme in lower for scheme in _SCHEMES):
                text = AUTH.sub(_auth, text)
            if "digest " in lower:
                text = _DIGEST.sub(_second("authorization"), text)
        if "://" in text and "@" in text and "userinfo" not in self.off:
            text = USERINFO.sub(_userinfo, text)
        if "=" in text and "signature" not in self.off:
            if any(name in lower for name in _SIGNED):
                text = _QUERY.sub(_second("signature"), text)
            if "code=" in text:
                text = _CODE.sub(_second("signature"), text)
        return text if "password" in self.off else _passwords(text, lower)

    def _personal(self, text: str) -> str:
        emails = self.policy.emails
        if emails is not Emails.KEEP and "email" not in self.off and ("@" in text or "%40" in text):
            text = numbers.EMAIL.sub(self._email, text)
        if self.policy.addresses is Personal.MASK and "ip" not in self.off:
            text = numbers.IPV4.sub(_ipv4, text) if "." in text else text
            text = numbers.IPV6.sub(_ipv6, text) if ":" in text else text
        for pattern in self.patterns:
            text = pattern.sub(mark("pattern"), text)
        return text

    def _email(self, match: re.Match[str]) -> str:
        if not numbers.is_email(match):
            return match.group()
        if self.policy.emails is Emails.HASH:
            return numbers.hashed_email(match.group(), self.policy.salt)
        return mark("email")

    @staticmethod
    def _card(match: re.Match[str]) -> str:
        return mark("card") if numbers.is_card(match.group()) else match.group()

    @staticmethod
    def _iban(match: re.Match[str]) -> str:
        text: str = match.group()
        length = numbers.iban_length(text)
        return mark("iban") + text[length:] if length else text


def _passwords(text: str, lower: str) -> str:
    if "identified by" in lower or "password '" in lower:
        text = _SQL.sub(_second("password"), text)
    if "-u" in text:
        text = _LOGIN.sub(_login, text)
    return _ORACLE.sub(_second("userinfo"), text) if "jdbc:oracle" in lower else text


@lru_cache(maxsize=16)
def scrubber(policy: ScrubPolicy) -> Scrubber:
    """The scrubber of a policy; it remembers what it has seen to be clean."""
    return Scrubber(policy)


def auth_is_secret(match: re.Match[str]) -> bool:
    """Whether what follows ``Bearer`` or ``Basic`` is a secret and no word of a sentence."""
    scheme, _, value = match.groups()
    if scheme.lower() == "basic":
        return _is_basic(value)
    return len(value) >= _MIN_BEARER or any(map(str.isdigit, value))


def _auth(match: re.Match[str]) -> str:
    scheme, space, _ = match.groups()
    return f"{scheme}{space}{mark('authorization')}" if auth_is_secret(match) else match.group()


def _is_basic(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _userinfo(match: re.Match[str]) -> str:
    scheme, info = match.groups()
    return match.group() if info == "git" else f"{scheme}{mark('userinfo')}@"


def _login(match: re.Match[str]) -> str:
    return match.group() if match[2].isdigit() else f"{match[1]}{mark('password')}"


def _ipv4(match: re.Match[str]) -> str:
    return mark("ip") if numbers.is_public_ipv4(match.group()) else match.group()


def _ipv6(match: re.Match[str]) -> str:
    return mark("ip") if numbers.is_public_ipv6(match.group()) else match.group()


def _second(kind: str) -> Callable[[re.Match[str]], str]:
    """Keeps the first group and puts the mark in place of what follows it."""
    marked = mark(kind)

    def replaced(match: re.Match[str]) -> str:
        kept: str = match[1]
        is_marked = match.group().startswith(MARK, len(kept))
        return str(match.group()) if is_marked else kept + marked

    return replaced


def _longest_word(name: str) -> str:
    words: list[str] = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)
    return max(words, key=len).lower()
