"""Letters, codes and words that the transforms choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SMALL: Final = "abcdefghijklmnopqrstuvwxyz"
_LARGE: Final = _SMALL.upper()
_DIGITS: Final = "0123456789"


def _run(small: int, large: int, digits: int | None = None) -> dict[str, str]:
    """Letters that stand in a row in Unicode."""
    table = {char: chr(small + at) for at, char in enumerate(_SMALL)}
    table |= {char: chr(large + at) for at, char in enumerate(_LARGE)}
    if digits is not None:
        table |= {char: chr(digits + at) for at, char in enumerate(_DIGITS)}
    return table


# Shapes that were in Unicode before the mathematical block; their places in the block are empty.
_SCRIPT_HOLES: Final = dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True))
_STRUCK_HOLES: Final = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))

ALPHABETS: Final[Mapping[str, dict[str, str]]] = {
    "cyrillic": dict(zip("aceopxyisjkmTABCEHKMOPX", "асеорхуіѕјкмТАВСЕНКМОРХ", strict=True)),
    "greek": dict(zip("aoviunptkABEHIKMNOPTXYZ", "αονιυηρτκΑΒΕΗΙΚΜΝΟΡΤΧΥΖ", strict=True)),
    "fullwidth": {chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)} | {" ": "\u3000"},
    "math-bold": _run(0x1D41A, 0x1D400, 0x1D7CE),
    "math-script": _run(0x1D4B6, 0x1D49C) | _SCRIPT_HOLES,
    "math-mono": _run(0x1D68A, 0x1D670, 0x1D7F6),
    "double-struck": _run(0x1D552, 0x1D538, 0x1D7D8) | _STRUCK_HOLES,
    "circled": _run(0x24D0, 0x24B6),
    "small-caps": dict(zip("abcdefghijklmnopqrtuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀᴛᴜᴠᴡʏᴢ", strict=True)),
}
"""Shapes by name: what looks like a letter, by the letter."""

LEET: Final[Mapping[str, str]] = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"}

_CODES: Final = """
.- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..-
-.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.
"""
MORSE: Final[Mapping[str, str]] = dict(zip(_SMALL + _DIGITS, _CODES.split(), strict=True))

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "ignore": ("disregard", "overlook", "skip", "pay no heed to", "set aside", "neglect"),
    "previous": ("prior", "earlier", "preceding", "former", "foregoing"),
    "instructions": ("directions", "orders", "guidance", "directives", "commands"),
    "delete": ("remove", "erase", "drop", "get rid of", "wipe"),
    "remove": ("take out", "delete", "strip", "drop"),
    "disable": ("turn off", "switch off", "deactivate", "suspend"),
    "run": ("execute", "start", "invoke", "launch", "call"),
    "execute": ("run", "carry out", "perform", "launch"),
    "install": ("add", "set up", "pull in", "bring in"),
    "show": ("display", "present", "reveal", "let me see"),
    "print": ("write out", "output", "emit", "dump", "echo"),
    "reveal": ("disclose", "show", "give away", "tell"),
    "send": ("transmit", "forward", "pass", "submit", "deliver"),
    "upload": ("send", "transfer", "put", "submit"),
    "secret": ("confidential value", "hidden value", "credential"),
    "secrets": ("credentials", "confidential values", "keys"),
    "password": ("passphrase", "pass code", "login secret"),
    "agent": ("assistant", "bot", "model", "automated fixer", "AI"),
    "agents": ("assistants", "bots", "models", "automated fixers", "AIs"),
    "assistant": ("agent", "helper", "model", "AI"),
    "tests": ("checks", "test cases", "specs"),
    "review": ("approval", "inspection", "sign-off"),
    "push": ("publish", "send up", "transfer"),
    "merge": ("integrate", "land", "bring in"),
    "commit": ("check in", "record", "save"),
    "must": ("have to", "are required to", "need to", "should"),
    "please": ("kindly", "be so good as to", "would you"),
    "user": ("operator", "human", "person"),
    "fix": ("repair", "remedy", "correction"),
    "error": ("fault", "failure", "problem"),
    "without": ("with no", "skipping any"),
    "rules": ("policies", "constraints", "regulations"),
    "replace": ("substitute", "swap", "exchange"),
    "append": ("attach", "add", "tack on"),
    "mention": ("bring up", "refer to", "speak of"),
}
"""Other words for a word of an English payload; the sentence may come out a little odd."""
