"""Files in a diff whose content is not UTF-8: found, and named to git as binary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mendwire.execution.plumbing import bytes_of


def undecodable_paths(diff: bytes, names: Sequence[str]) -> tuple[str, ...]:
    """Which of ``names``, the files of ``diff`` in its order, have a section that is no UTF-8."""
    sections = (b"\n" + diff).split(b"\ndiff --git ")[1:]
    pairs = zip(names, sections, strict=True)
    return tuple(name for name, section in pairs if not _decodes(section))


def attributes_for(paths: Iterable[str]) -> bytes:
    """Lines of a gitattributes file that make git treat exactly ``paths`` as binary."""
    return b"".join(b"%b -diff\n" % _pattern(path) for path in paths)


def _decodes(section: bytes) -> bool:
    try:
        section.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _pattern(path: str) -> bytes:
    """``path`` anchored, its wildcards escaped, quoted as git reads C strings."""
    plain = "".join(f"\\{char}" if char in "\\*?[" else char for char in f"/{path}")
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return b'"' + bytes_of(quoted) + b'"'
