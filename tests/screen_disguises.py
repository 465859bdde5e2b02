"""Ways to write a text so that a filter reads past it, for the tests of the screen."""

from __future__ import annotations

import base64
import binascii
import codecs
import gzip
import random
import string
import zlib
from collections.abc import Callable

Disguise = Callable[[str], str]

_SMALL = string.ascii_lowercase
_MORSE = dict(
    zip(
        _SMALL,
        [
            ".-",
            "-...",
            "-.-.",
            "-..",
            ".",
            "..-.",
            "--.",
            "....",
            "..",
            ".---",
            "-.-",
            ".-..",
            "--",
            "-.",
            "---",
            ".--.",
            "--.-",
            ".-.",
            "...",
            "-",
            "..-",
            "...-",
            ".--",
            "-..-",
            "-.--",
            "--..",
        ],
        strict=True,
    )
)
_NAMES = dict(
    zip(
        _SMALL,
        [
            "alpha",
            "bravo",
            "charlie",
            "delta",
            "echo",
            "foxtrot",
            "golf",
            "hotel",
            "india",
            "juliett",
            "kilo",
            "lima",
            "mike",
            "november",
            "oscar",
            "papa",
            "quebec",
            "romeo",
            "sierra",
            "tango",
            "uniform",
            "victor",
            "whiskey",
            "xray",
            "yankee",
            "zulu",
        ],
        strict=True,
    )
)
_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VOWELS = "aeiou"


def _each(made: Callable[[str], str], gap: str = "") -> Disguise:
    return lambda text: gap.join(made(char) for char in text)


def _words(made: Callable[[str], str], gap: str = " ") -> Disguise:
    return lambda text: gap.join(map(made, text.split()))


def _letters(source: str, target: str) -> Disguise:
    table = str.maketrans(source, target)
    return lambda text: text.lower().translate(table)


def _row(first: int) -> Disguise:
    return _letters(_SMALL, "".join(chr(first + at) for at in range(26)))


def _bytes(made: Callable[[int], str], gap: str = "") -> Disguise:
    return lambda text: gap.join(map(made, text.encode()))


def _shift(by: int) -> Disguise:
    return _letters(_SMALL, _SMALL[by:] + _SMALL[:by])


def _scrambled(word: str) -> str:
    inner = list(word[1:-1])
    random.Random(word).shuffle(inner)
    return f"{word[0]}{''.join(inner)}{word[-1]}" if len(word) > 3 else word


def _pig(word: str) -> str:
    start = next((at for at, char in enumerate(word) if char in _VOWELS), 0)
    return f"{word[start:]}{word[:start]}{'ay' if start else 'way'}"


def _base58(text: str) -> str:
    number, digits = int.from_bytes(text.encode(), "big"), ""
    while number:
        number, rest = divmod(number, 58)
        digits = _B58[rest] + digits
    return digits


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _uuencoded(data: bytes) -> str:
    lines = [binascii.b2a_uu(data[at : at + 45]).decode() for at in range(0, len(data), 45)]
    return f"begin 644 note.txt\n{''.join(lines)}`\nend"


def _tag(char: str) -> str:
    return chr(0xE0000 + ord(char))


def _selector(byte: int) -> str:
    return chr(0xFE00 + byte) if byte < 16 else chr(0xE0100 + byte - 16)


def _chunks(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _places(word: str) -> str:
    return "-".join(str(ord(char) - 96) for char in word.lower())


CHARACTERS: dict[str, Disguise] = {
    "upper case": str.upper,
    "alternating case": lambda text: "".join(
        char.upper() if at % 2 else char for at, char in enumerate(text)
    ),
    "colours": lambda text: text.replace("o", "\x1b[31mo\x1b[0m"),
    "overstruck": _each(lambda char: f"{char}\x08{char}"),
    "terminal link": lambda text: f"\x1b]8;;{text}\x07x\x1b]8;;\x07",
    "tag characters": lambda text: "order 7" + _each(_tag)(text),
    "zero width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "variation selectors": "\ufe0f".join,
    "bytes in variation selectors": lambda text: "😀" + _bytes(_selector)(text),
    "full width": _row(0xFF41),
    "mathematical": _row(0x1D41A),
    "circled": _row(0x24D0),
    "in brackets": _row(0x249C),
    "white on black": _row(0x1F150),
    "squared": _row(0x1F130),
    "regional": _row(0x1F1E6),
    "small capitals": _letters("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"),
    "superscript": _letters("abdeghijklmnoprstuvwxyz", "ᵃᵇᵈᵉᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"),
    "upside down": lambda text: _letters(
        "abcdefghijklmnopqrtuvwy", "ɐqɔpǝɟƃɥıɾʞlɯuodbɹʇnʌʍʎ"
    )(text)[::-1],
    "cyrillic look-alikes": _letters("oeapc", "оеарс"),
    "greek look-alikes": _letters("ovi", "ονι"),
    "syllabics": _letters("abcdefhijlmnoprstuvwxyz", "ᗩᗷᑕᗪᗴᖴᕼᓰᒍᒪᗰᑎᗝᑭᖇᔕᖶᑌᐯᗯ᙭ᖻᘔ"),
    "accents": _each(lambda char: f"{char}\u0301" if char.isalpha() else char),
    "struck out": _each(lambda char: f"{char}\u0336\u0489"),
    "right to left": lambda text: f"\u202e{text[::-1]}\u202c",
    "braille": _letters(_SMALL, "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵"),
}  # fmt: skip
ESCAPES: dict[str, Disguise] = {
    "entities": _each(lambda char: f"&#{ord(char)};"),
    "hex entities": _each(lambda char: f"&#x{ord(char):x};"),
    "entities twice": _each(lambda char: f"&amp;#{ord(char)};"),
    "named entities": lambda text: text.replace(" ", "&nbsp;"),
    "url": _bytes(lambda byte: f"%{byte:02x}"),
    "url twice": _bytes(lambda byte: f"%25{byte:02x}"),
    "url thrice": _bytes(lambda byte: f"%2525{byte:02x}"),
    "url with plus": lambda text: text.replace("o", "%6f").replace(" ", "+"),
    "unicode escapes": _each(lambda char: f"\\u{ord(char):04x}"),
    "unicode escapes in braces": _each(lambda char: f"\\u{{{ord(char):x}}}"),
    "percent u": _each(lambda char: f"%u{ord(char):04x}"),
    "code points": _each(lambda char: f"U+{ord(char):04X}", " "),
    "byte escapes": _bytes(lambda byte: f"\\x{byte:02x}"),
    "octal escapes": _bytes(lambda byte: f"\\{byte:03o}"),
    "uuencoded": lambda text: _uuencoded(text.encode()),
    "quoted printable": _bytes(lambda byte: f"={byte:02X}"),
    "tags within words": lambda text: text.replace("o", "<b></b>o").replace("t", "t<!-- x -->"),
    "comment": lambda text: f"<!-- {text} -->",
    "strings put together": lambda text: " + ".join(f'"{part}"' for part in _chunks(text, 7)),
    "escaped line breaks": lambda text: text.replace(" ", "\\n"),
}

BLOBS: dict[str, Disguise] = {
    "base64": lambda text: _base64(text.encode()),
    "base64 for urls": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: base64.encodebytes(text.encode() * 2).decode(),
    "base64 in groups": lambda text: " ".join(_chunks(_base64(text.encode()), 8)),
    "base64 thrice": lambda text: _base64(_base64(_base64(text.encode()).encode()).encode()),
    "base64 of hex": lambda text: _base64(text.encode().hex().encode()),
    "base64 of gzip": lambda text: _base64(gzip.compress(text.encode(), mtime=0)),
    "base64 of zlib": lambda text: _base64(zlib.compress(text.encode())),
    "base64 of deflate": lambda text: _base64(zlib.compress(text.encode())[2:-4]),
    "base64 of UTF-16": lambda text: _base64(text.encode("utf-16-le")),
    "base64 of rot13": lambda text: _base64(codecs.encode(text, "rot13").encode()),
    "base64 backwards": lambda text: _base64(text.encode())[::-1],
    "rot13 of base64": lambda text: codecs.encode(_base64(text.encode()), "rot13"),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base58": _base58,
    "base85": lambda text: base64.b85encode(text.encode()).decode(),
    "ascii85": lambda text: base64.a85encode(text.encode(), adobe=True).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex with spaces": lambda text: text.encode().hex(" "),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex with prefixes": _bytes(lambda byte: f"0x{byte:02x}", ", "),
    "bits": _bytes(lambda byte: f"{byte:08b}", " "),
    "bits in a row": _bytes(lambda byte: f"{byte:08b}"),
    "seven bits": _bytes(lambda byte: f"{byte:07b}", " "),
    "octal": _bytes(lambda byte: f"{byte:03o}", " "),
    "codes": _bytes(str, " "),
    "list of codes": lambda text: f"[{', '.join(map(str, text.encode()))}]",
    "chr": _bytes(lambda byte: f"chr({byte})", "+"),
    "places in the alphabet": _words(_places),
    "morse": lambda text: " / ".join(
        " ".join(_MORSE[char] for char in word) for word in text.lower().split()
    ),
    "spelling alphabet": lambda text: " ".join(
        _NAMES[char] for char in text.lower() if char != " "
    ),
}

CIPHERS: dict[str, Disguise] = {
    "rot13": _shift(13),
    **{f"shift by {by}": _shift(by) for by in (1, 3, 7, 20, 25)},
    "atbash": _letters(_SMALL, _SMALL[::-1]),
    "rot47": _each(lambda char: chr(33 + (ord(char) + 14) % 94) if char != " " else char),
    "backwards": lambda text: text[::-1],
    "words backwards": _words(lambda word: word[::-1]),
    "rot13 backwards": lambda text: codecs.encode(text, "rot13")[::-1],
    "pig latin": _words(_pig),
    "last word first": lambda text: " ".join(reversed(text.split())),
}

WORDS: dict[str, Disguise] = {
    "leet": _letters("eaot", "3407"),
    "more leet": _letters("eaotis", "3@07!$"),
    "set apart": _words(" ".join, "  "),
    "set apart, no gaps": lambda text: " ".join(text.replace(" ", "")),
    "one letter a line": _words("\n".join, "\n\n"),
    **{f"set apart by {sign}": _words(sign.join) for sign in ".-_/*|·🔥"},
    "camel case": _words(str.capitalize, ""),
    "snake case": lambda text: text.replace(" ", "_"),
    "kebab case": lambda text: text.replace(" ", "-"),
    "plus signs": lambda text: text.replace(" ", "+"),
    "squeezed": lambda text: text.replace(" ", ""),
    "stretched": _each(lambda char: char * 3 if char.isalpha() else char),
    "dots within": lambda text: text.replace("o", ".o"),
    "scrambled": _words(_scrambled),
    "hyphens at line ends": lambda text: text.replace("ns", "-\nns").replace("vi", "-\nvi"),
    "narrow lines": lambda text: "\n".join(_chunks(text, 6)),
    "groups of five": lambda text: " ".join(_chunks(text.replace(" ", ""), 5)),
}

DISGUISES: dict[str, Disguise] = {**CHARACTERS, **ESCAPES, **BLOBS, **CIPHERS, **WORDS}
