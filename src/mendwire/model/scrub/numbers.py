"""Numbers that prove themselves by a checksum, and addresses of people and machines."""

from __future__ import annotations

import re
from hashlib import blake2s
from typing import Final

CARD: Final = re.compile(
    r"[2-6](?<![\w.][2-6])(?<![0-9][-/][2-6])(?:[0-9]{12,18}"
    r"|[0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}"
    r"|[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5})(?![\w-]|\.[0-9])"
)
_BRANDS: Final = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"6(?:011|4[4-9]|5)"), (16, 19)),
    (re.compile(r"3(?:0[0-5]|[689])"), (14,)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16,)),
    (re.compile(r"62"), (16, 17, 18, 19)),
    (re.compile(r"5[06-9]|6[37]"), (16,)),
)
"""How the numbers of each brand begin, and how many digits they have."""
IBAN: Final = re.compile(
    r"[A-Z]{2}[0-9]{2}(?<![A-Za-z0-9][A-Z]{2}[0-9]{2})"
    r"(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)"
    r"(?![A-Za-z0-9])"
)
_COUNTRIES: Final = frozenset(
    (  # noqa: SIM905 - as a list it fills the screen
        "AD AE AL AT AZ BA BE BG BH BR BY CH CR CY CZ DE DJ DK DO EE EG ES FI FK FO FR GB GE "
        "GI GL GR GT HN HR HU IE IL IQ IS IT JO KW KZ LB LC LI LT LU LV LY MC MD ME MK MN MR "
        "MT MU NI NL NO OM PK PL PS PT QA RO RS RU SA SC SD SE SI SK SM SO ST SV TL TN TR UA "
        "VA VG XK YE"
    ).split()
)
EMAIL: Final = re.compile(
    r"(?<![A-Za-z0-9._+-])(?P<name>[A-Za-z0-9._+-]{1,64})(?:@|%40)"
    r"(?P<host>[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24})(?![A-Za-z0-9-])"
)
_IMAGE: Final = re.compile(r"[1-9]x\.(?:png|jpe?g|gif|webp|svg|avif)")
HASHED: Final = "hashed.invalid"
IPV4: Final = re.compile(
    r"(?<![\w.-])(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
    r"(?![\w-]|\.[0-9])"
)
IPV6: Final = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_PHONE: Final = re.compile(r"[+0-9() ./-]{7,30}(?:x[0-9]{1,6})?")
_FEWEST_DIGITS: Final = 7
"""Of a telephone number."""
_NO_DIGITS: Final = re.compile(r"[^0-9]+")


def is_card(text: str) -> bool:
    """Whether the digits in ``text`` are those of a card of some brand, its checksum included."""
    digits = _NO_DIGITS.sub("", text)
    if not any(len(digits) in sizes and start.match(digits) for start, sizes in _BRANDS):
        return False
    return _passes_luhn(digits)


def iban_length(text: str) -> int:
    """Characters at the beginning of ``text`` that are an account number; 0 for none.

    Words in capitals behind one look like further groups of it.
    """
    end = len(text)
    while end > 0 and not is_iban(text[:end]):
        end = max(0, text.rfind(" ", 0, end))
    return end


def is_iban(text: str) -> bool:
    """Whether ``text`` is an account number of a country that has them, with its checksum."""
    plain = text.replace(" ", "")
    if plain[:2] not in _COUNTRIES:
        return False
    numeric = "".join(str(int(char, 36)) for char in plain[4:] + plain[:4])
    return int(numeric) % 97 == 1


def is_email(match: re.Match[str]) -> bool:
    """Whether it is somebody's address: no login of git's, no image for fine screens."""
    host = match["host"]
    return match["name"] != "git" and host != HASHED and not _IMAGE.fullmatch(host)


def is_phone(text: str) -> bool:
    """Whether ``text`` can be a telephone number, where it is said to be one."""
    return _PHONE.fullmatch(text) is not None and len(_NO_DIGITS.sub("", text)) >= _FEWEST_DIGITS


def hashed_email(text: str, salt: str) -> str:
    """An address that has the form of one still, so that signatures mask it like any other."""
    digest = blake2s(text.lower().encode("utf-8", "replace"), key=_key(salt), digest_size=5)
    return f"{digest.hexdigest()}@{HASHED}"


def is_public_ipv6(text: str) -> bool:
    """Whether ``text`` is an address and no time of day, loopback or nothing at all."""
    groups = text.split(":")
    is_full = len(groups) == 8 and all(groups)  # noqa: PLR2004 - groups of a whole address
    return text not in {"::", "::1"} and (is_full or text.count("::") == 1) and any(groups)


def is_public_ipv4(text: str) -> bool:
    """Whether ``text`` names a machine other than this one or none."""
    return not text.startswith("127.") and text not in {"0.0.0.0", "255.255.255.255"}  # noqa: S104 - nothing is bound


def _key(salt: str) -> bytes:
    return blake2s(salt.encode("utf-8", "replace")).digest() if salt else b""


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, char in enumerate(reversed(digits)):
        doubled = int(char) * (1 + place % 2)
        total += doubled - 9 * (doubled > 9)  # noqa: PLR2004 - the sum of the digits of a product
    return total % 10 == 0 and len(set(digits)) > 1
