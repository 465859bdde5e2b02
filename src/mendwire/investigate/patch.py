"""Reading ``git diff --binary`` strictly: what is not understood to the byte is refused.

The order and form of the lines is that of git's diff-format documentation (generate_patch).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mendwire.errors import MendwireError

SYMLINK: Final = "120000"
SUBMODULE: Final = "160000"
FILE: Final = "100644"
_HUNK: Final = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@(?: .*)?")
_INDEX: Final = re.compile(r"index [0-9a-f]+\.\.[0-9a-f]+(?: (\d{6}))?")
_PERCENT: Final = re.compile(r"(?:dis)?similarity index \d{1,3}%")
_LITERAL: Final = re.compile(r"(?:literal|delta) \d+")
_BINARY_LINE: Final = re.compile(r"[A-Za-z][0-9A-Za-z!#$%&()*+\-;<=>?@^_`{|}~]+")
_HEADS: Final = {
    "old mode ": "old_mode",
    "new mode ": "new_mode",
    "deleted file mode ": "deleted",
    "new file mode ": "created",
    "rename from ": "rename_from",
    "rename to ": "rename_to",
    "copy from ": "copy_from",
    "copy to ": "copy_to",
}
_MODES: Final = frozenset({"old_mode", "new_mode", "deleted", "created"})
_ESCAPES: Final = {
    "a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92,
}  # fmt: skip


class UnreadablePatch(MendwireError):
    """The patch is not exactly what git writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePatch:
    """One file's section of a patch."""

    old: str | None
    """Path before; None when the file is new."""
    new: str | None
    """Path after; None when the file is deleted."""
    old_mode: str
    """Octal git mode before, empty when there was no file."""
    new_mode: str
    """Octal git mode after, empty when there is no file."""
    binary: bool
    added: tuple[str, ...]
    """Added lines without their sign."""
    removed: tuple[str, ...]
    text: str
    """The section, byte for byte."""
    copied: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path the section names, once."""
        return tuple(dict.fromkeys(path for path in (self.old, self.new) if path is not None))


def read_patch(patch: str) -> tuple[FilePatch, ...]:
    """The sections of ``patch``, which joined give it back exactly; raises UnreadablePatch."""
    if not patch:
        return ()
    if not patch.endswith("\n"):
        raise UnreadablePatch("The patch ends in the middle of a line.")
    reader = _Reader(patch[:-1].split("\n"))
    found: list[FilePatch] = []
    while not reader.at_end:
        found.append(_section(reader))
    return tuple(found)


def without(files: tuple[FilePatch, ...], paths: frozenset[str]) -> str:
    """The patch with the sections that touch any of ``paths`` left out."""
    return "".join(file.text for file in files if paths.isdisjoint(file.paths))


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.position = 0

    @property
    def at_end(self) -> bool:
        return self.position == len(self._lines)

    def peek(self) -> str:
        return "" if self.at_end else self._lines[self.position]

    def take(self) -> str:
        if self.at_end:
            raise UnreadablePatch("The patch ends in the middle of a file.")
        self.position += 1
        return self._lines[self.position - 1]

    def since(self, start: int) -> str:
        return "\n".join(self._lines[start : self.position]) + "\n"

    def refuse(self, what: str) -> UnreadablePatch:
        return UnreadablePatch(f"Line {self.position} of the patch is not {what}.")


def _section(reader: _Reader) -> FilePatch:
    start = reader.position
    header = reader.take()
    if not header.startswith("diff --git "):
        raise reader.refuse("the header of a file")
    heads = _heads(reader)
    names = _names(reader)
    added, removed, binary = _body(reader, named=names is not None)
    old, new = _paths(header.removeprefix("diff --git "), heads, names, reader)
    unchanged = heads.get("index", "")
    return FilePatch(
        old=old,
        new=new,
        old_mode=heads.get("deleted") or heads.get("old_mode") or (unchanged if old else ""),
        new_mode=heads.get("created") or heads.get("new_mode") or (unchanged if new else ""),
        binary=binary,
        added=tuple(added),
        removed=tuple(removed),
        text=reader.since(start),
        copied="copy_from" in heads,
    )


def _heads(reader: _Reader) -> dict[str, str]:
    found: dict[str, str] = {}
    while not reader.at_end:
        line = reader.peek()
        index = _INDEX.fullmatch(line)
        key = next((name for start, name in _HEADS.items() if line.startswith(start)), "")
        if index:
            key, value = "index", index[1] or ""
        elif key:
            value = line.split(" ", 3 if key in {"deleted", "created"} else 2)[-1]
        elif _PERCENT.fullmatch(line):
            key, value = "percent", line
        else:
            break
        reader.take()
        if key in found or (key in _MODES and not re.fullmatch(r"[0-7]{6}", value)):
            raise reader.refuse("a header git writes")
        found[key] = value
    return found


def _names(reader: _Reader) -> tuple[str, str] | None:
    if not reader.peek().startswith("--- "):
        return None
    old, new = reader.take()[4:], reader.take()
    if not new.startswith("+++ "):
        raise reader.refuse("the name of the new file")
    return old, new[4:]


def _body(reader: _Reader, *, named: bool) -> tuple[list[str], list[str], bool]:
    added: list[str] = []
    removed: list[str] = []
    if named:
        if not reader.peek().startswith("@@ "):
            reader.take()
            raise reader.refuse("the start of a hunk")
        while reader.peek().startswith("@@ "):
            _hunk(reader, added, removed)
        return added, removed, False
    if reader.peek() == "GIT binary patch":
        _binary(reader)
        return added, removed, True
    if reader.peek().startswith("Binary files ") and reader.peek().endswith(" differ"):
        reader.take()
        return added, removed, True
    return added, removed, False


def _hunk(reader: _Reader, added: list[str], removed: list[str]) -> None:
    counts = _HUNK.fullmatch(reader.take())
    if counts is None:
        raise reader.refuse("the start of a hunk")
    old, new = (int(count) if count is not None else 1 for count in counts.groups())
    while old or new:
        line = reader.take()
        sign = line[:1]
        if sign == "\\":
            continue
        if sign not in {" ", "+", "-"}:
            raise reader.refuse("a line of a hunk")
        old -= sign != "+"
        new -= sign != "-"
        if old < 0 or new < 0:
            raise reader.refuse("within the hunk's count")
        if sign != " ":
            (added if sign == "+" else removed).append(line[1:])
    if reader.peek().startswith("\\ "):
        reader.take()


def _binary(reader: _Reader) -> None:
    reader.take()
    for _ in range(2):
        if not _LITERAL.fullmatch(reader.take()):
            raise reader.refuse("the size of binary content")
        while line := reader.take():
            if not _BINARY_LINE.fullmatch(line):
                raise reader.refuse("binary content")


def _paths(
    header: str, heads: dict[str, str], names: tuple[str, str] | None, reader: _Reader
) -> tuple[str | None, str | None]:
    source = heads.get("rename_from", heads.get("copy_from"))
    target = heads.get("rename_to", heads.get("copy_to"))
    if (source is None) is not (target is None):
        raise reader.refuse("a rename with both its names")
    pairs = _pairs(header)
    if source is not None and target is not None:
        pairs = [pair for pair in pairs if pair == (_unquote(source), _unquote(target))]
    else:
        pairs = [pair for pair in pairs if pair[0] == pair[1]]
    if len(pairs) != 1 or {"created", "deleted"} <= heads.keys():
        raise reader.refuse("a section whose names agree")
    old, new = pairs[0]
    found = (None if "created" in heads else old, None if "deleted" in heads else new)
    if names is not None and _named(names) != found:
        raise reader.refuse("a section whose names agree")
    return found


def _named(names: tuple[str, str]) -> tuple[str | None, str | None]:
    sides: list[str | None] = []
    for name, prefix in zip(names, ("a/", "b/"), strict=True):
        plain = name.removesuffix("\t")
        path = _unquote(plain)
        if plain != "/dev/null" and not path.startswith(prefix):
            raise UnreadablePatch("A file's name in the patch has no a/ or b/ before it.")
        sides.append(None if plain == "/dev/null" else path[2:])
    return sides[0], sides[1]


def _pairs(header: str) -> list[tuple[str, str]]:
    """Every way to read the two names of ``diff --git``: unquoted ones may contain spaces."""
    spots = [match.start() for match in re.finditer(r" (?=b/|\"b/)", header)]
    pairs: list[tuple[str, str]] = []
    for spot in spots:
        try:
            old, new = _unquote(header[:spot]), _unquote(header[spot + 1 :])
        except UnreadablePatch:
            continue
        if old.startswith("a/") and new.startswith("b/"):
            pairs.append((old[2:], new[2:]))
    return pairs


def _unquote(name: str) -> str:
    if not name.startswith('"'):
        return name
    if len(name) == 1 or not name.endswith('"'):
        raise UnreadablePatch("A quoted name in the patch does not end.")
    raw = bytearray()
    rest = name[1:-1]
    while rest:
        piece = re.match(r'\\([0-3][0-7]{2})|\\([abtnvfr"\\])|([^"\\])', rest)
        if piece is None:
            raise UnreadablePatch("A quoted name in the patch cannot be read.")
        octal, escape, plain = piece.groups()
        if octal:
            raw.append(int(octal, 8))
        else:
            raw += bytes([_ESCAPES[escape]]) if escape else plain.encode(errors="surrogateescape")
        rest = rest[piece.end() :]
    return raw.decode(errors="surrogateescape")
