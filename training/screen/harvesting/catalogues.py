"""Translated messages: gettext, properties, XLIFF, YAML, JSON and modules of literals."""

from __future__ import annotations

import gettext
import io
import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final
from xml.etree import ElementTree as ET

from training.screen.harvesting.fill import filled

_WORDS: Final = (
    "af am ar az be bg bn bs ca cs cy da de el eo es et eu fa fi fr ga gl gu he hi hr hu hy id is "
    "it ja ka kk km kn ko ky lo lt lv mk ml mn mr ms my nb ne nl nn no pa pl ps pt ro ru si sk sl "
    "sq sr sv sw ta te tg th tk tr ug uk ur uz vi zh zu"
)
_CODES: Final = frozenset(_WORDS.split())
_ALIASES: Final = {"cn": "zh", "tw": "zh", "iw": "he", "kr": "ko", "cz": "cs", "ua": "uk"}
_TAG: Final = re.compile(r"(?<![A-Za-z])([a-z]{2})(?:[-_@](?:[A-Za-z]{2,8}|\d{3}))*(?![A-Za-z])")
_LITERAL: Final = re.compile(
    r'"((?:[^"\\\n]|\\.){3,400})"|\'((?:[^\'\\\n]|\\.){3,400})\'|`((?:[^`\\]|\\.){3,400})`'
)
_YAML_LINE: Final = re.compile(
    r"\s*[\w./\"' -]{1,80}:\s+(?:\"(.{3,400})\"|'(.{3,400})'|([^#{&*>|].*))"
)
SUFFIXES: Final = frozenset(
    {".po", ".mo", ".properties", ".xlf", ".yml", ".yaml", ".json", ".js", ".ts", ".mjs", ".cjs"}
    | {".go", ".java", ".php", ".rb", ".var"}
)
_MARKUP: Final = re.compile(r"</?[a-zA-Z][^>]{0,200}>|&[a-z]{2,6};")


def language_of(path: str) -> str:
    """The language that the path of a catalogue names, last part first; empty if it names none."""
    pure = PurePosixPath(path)
    parts = [pure.name.removesuffix(pure.suffix), *reversed(pure.parts[:-1])]
    for part in parts[:4]:
        for found in reversed(list(_TAG.finditer(part))):
            code = found[1]
            if code in _CODES:
                return code
            if code in _ALIASES and found[0] == part:
                return _ALIASES[code]
    return ""


def messages(path: str, data: bytes) -> Iterator[str]:
    """Every translated text of a catalogue, filled; nothing for what cannot be read."""
    suffix = PurePosixPath(path).suffix
    try:
        for text in _READERS.get(suffix, _of_literals)(data):
            yield filled(_MARKUP.sub("", text))
    except (ValueError, OSError, ET.ParseError, IndexError, KeyError, RecursionError):
        return


def _of_mo(data: bytes) -> Iterator[str]:
    # The only public door to a catalogue's texts is one key at a time, and the keys are not told.
    catalogue: dict[object, str] = vars(gettext.GNUTranslations(io.BytesIO(data)))["_catalog"]
    yield from (text for key, text in catalogue.items() if key and text)


def _of_po(data: bytes) -> Iterator[str]:
    text = data.decode("utf-8", "replace")
    for block in re.split(r"\n\s*\n", text)[1:]:
        if re.search(r"^#,.*fuzzy", block, re.MULTILINE):
            continue
        match = re.search(r'^msgstr(?:\[0\])? ((?:"(?:[^"\\]|\\.)*"\s*)+)', block, re.MULTILINE)
        if match:
            joined = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', match[1]))
            yield joined.replace("\\n", "\n").replace('\\"', '"').replace("\\t", " ")


def _of_properties(data: bytes) -> Iterator[str]:
    text = data.decode("utf-8", "replace")
    text = re.sub(r"\\\r?\n\s*", "", text)
    for line in text.splitlines():
        match = re.match(r"\s*[^#!=\s][^=\n]{0,160}?\s*=\s*(.+)", line)
        if match:
            yield _unescaped(match[1]).replace("''", "'")


def _of_xliff(data: bytes) -> Iterator[str]:
    if b"<!ENTITY" in data:
        return
    for element in ET.fromstring(data).iter():  # noqa: S314 - entities were refused above
        if element.tag.endswith("target") and element.text:
            yield element.text.split("|")[0]


def _of_yaml(data: bytes) -> Iterator[str]:
    for line in data.decode("utf-8", "replace").splitlines():
        match = _YAML_LINE.fullmatch(line)
        if match:
            yield next(part for part in match.groups() if part is not None).strip()


def _of_json(data: bytes) -> Iterator[str]:
    stack: list[object] = [json.loads(data.decode("utf-8-sig"))]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            stack.extend(reversed(item))


def _of_literals(data: bytes) -> Iterator[str]:
    for literal in _LITERAL.finditer(data.decode("utf-8", "replace")):
        yield _unescaped(next(part for part in literal.groups() if part is not None))


def _of_html(data: bytes) -> Iterator[str]:
    text = re.sub(r"<!--.*?-->", " ", data.decode("utf-8", "replace"))
    yield from (" ".join(part.split()) for part in re.split(r"</?p>|\n\s*\n|</?blockquote>", text))


def _unescaped(text: str) -> str:
    text = re.sub(r"\\u\{?([0-9a-fA-F]{4})\}?", lambda m: chr(int(m[1], 16)), text)
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": " ", "r": ""}.get(m[1], m[1]), text)


_READERS: Final = {
    ".mo": _of_mo,
    ".po": _of_po,
    ".properties": _of_properties,
    ".xlf": _of_xliff,
    ".yml": _of_yaml,
    ".yaml": _of_yaml,
    ".json": _of_json,
    ".var": _of_html,
}
