"""What a change may touch: every breach in words, decided before anything of it runs (rules B9)."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from mendwire.investigate.patch import SUBMODULE, SYMLINK, FilePatch, UnreadablePatch, read_patch
from mendwire.investigate.patterns import matching
from mendwire.investigate.testfiles import is_judge_file, is_test, patterns_of, weakened
from mendwire.model.printable import printable
from mendwire.model.project import ALWAYS_DENIED, MANIFESTS, Policy

_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SHADOWED: Final = frozenset(
    {*sys.stdlib_module_names, "pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments"}
)
_PROSE: Final = frozenset({".md", ".rst", ".txt", ".adoc"})
_ROOTS: Final = frozenset({"", "src", "lib", "python"})
_REACHES: Final = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        ("ends the process", r"\bos\._exit\b|\bos\.abort\b|\bos\.kill(?:pg)?\b|\bos\.exec[lv]"),
        ("ends the process with success", r"\bexit\s*\(\s*(?:0|None)?\s*\)|\bquit\s*\(\s*\)"),
        ("ends the process with success", r"\bSystemExit\b(?!\s*\(\s*[^0\s)])|\bprocess\.exit\b"),
        ("ends the process with success", r"\bos\.Exit\(0\)|\bsyscall\.Exit\("),
        ("reaches for the test runner", r"\b_?pytest\b|\bPYTEST_|\bjunit|\bunittest\b(?!\.mock)"),
        ("reaches for the judge", r"MENDWIRE|\bwitness\b.*\bnonce\b|/proc/self\b"),
        ("hooks into the interpreter", r"\bsys\.(?:settrace|setprofile|_getframe|meta_path)\b"),
        ("hooks into the interpreter", r"\bsys\.(?:path_hooks|excepthook|addaudithook)\b"),
        (
            "hooks into the interpreter",
            r"\bgc\.get_|\binspect\.(?:stack|currentframe)\b|\bctypes\b",
        ),
        ("hooks into the interpreter", r"\batexit\b|\bbuiltins\.\w+\s*=|\b__builtins__\b"),
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseFiles:
    """What the policy must know of the base commit."""

    modes: Mapping[str, str]
    """Path to octal git mode, of every tracked file."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Text of the configuration files that say where tests are."""


def check_patch(patch: str, base: BaseFiles, policy: Policy) -> tuple[str, ...]:
    """Every reason to refuse ``patch``, a sentence each, safe to print; empty when none is."""
    try:
        files = read_patch(patch)
    except UnreadablePatch as problem:
        return (f"The change cannot be read as git writes changes: {problem}",)
    reasons = [*_size(files, policy), *_collisions(files, base)]
    patterns = patterns_of(base.texts)
    for file in files:
        reasons += _file(file, base, policy, patterns)
    shown = (printable(reason, 300) for reason in reasons)
    return tuple(dict.fromkeys(shown))


def _file(
    file: FilePatch, base: BaseFiles, policy: Policy, patterns: tuple[str, ...]
) -> Iterator[str]:
    for path in file.paths:
        yield from _name(path, base)
        yield from _place(path, policy)
    yield from _kind(file, base, policy)
    yield from _shadows(file, base, patterns)
    yield from weakened(file, patterns, additive=policy.allow_test_changes == "additive")
    if file.new is not None and not is_test(file.new, patterns):
        yield from _reaches(file)


def _name(path: str, base: BaseFiles) -> Iterator[str]:
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or {"", ".", ".."} & set(parts):
        yield f"The path {path!r} does not stay inside the repository."
    if any(unicodedata.category(char) in _UNPRINTABLE for char in path):
        yield f"The path {path!r} contains a control or invisible character."
    if any(_is_git(part) for part in parts):
        yield f"The path {path!r} reaches into git's own folder."
    for above in PurePosixPath(path).parents:
        if base.modes.get(str(above)) == SYMLINK:
            yield f"The path {path!r} leads through the symbolic link {str(above)!r}."


def _is_git(part: str) -> bool:
    visible = "".join(char for char in part if unicodedata.category(char) != "Cf")
    return visible.split(":")[0].rstrip(" .").casefold() in {".git", "git~1"}


def _place(path: str, policy: Policy) -> Iterator[str]:
    if denied := matching(path, ALWAYS_DENIED):
        yield f"{path} may not be changed by a fix ({denied})."
    elif denied := matching(path, policy.deny_paths):
        yield f"{path} is denied by your policy ({denied})."
    elif not matching(path, policy.allow_paths):
        yield f"{path} is outside the paths your policy allows."
    if matching(path, MANIFESTS) and not policy.allow_new_dependencies:
        yield f"{path} names or locks dependencies, which policy does not let a fix change."
    elif is_judge_file(path):
        yield f"{path} decides how the tests run; a fix may not change it."


def _kind(file: FilePatch, base: BaseFiles, policy: Policy) -> Iterator[str]:
    path = file.new or file.old or ""
    before = file.old_mode or (base.modes.get(file.old, "") if file.old else "")
    modes = {before, file.new_mode}
    if SUBMODULE in modes:
        yield f"{path} is a submodule; a fix may not add or move one."
    if SYMLINK in modes and not policy.allow_symlinks:
        yield f"{path} is a symbolic link; policy does not let a fix touch one."
    if file.binary and not policy.allow_binary:
        yield f"{path} is binary; policy does not let a fix change binary files."
    changed = file.old is not None and file.new is not None and file.new_mode not in {"", before}
    odd = file.old is None and file.new_mode not in {"100644", SYMLINK, SUBMODULE}
    if (changed or odd) and not policy.allow_mode_changes:
        yield f"{path} gets file mode {file.new_mode}; policy does not let a fix change modes."
    if file.old is not None and file.old not in base.modes:
        yield f"{file.old} is changed but does not exist at the base commit."
    if file.new is not None and file.new != file.old and file.new in base.modes:
        yield f"{file.new} is added but exists at the base commit."


def _shadows(file: FilePatch, base: BaseFiles, patterns: tuple[str, ...]) -> Iterator[str]:
    if file.new is None or file.new in base.modes:
        return
    path = PurePosixPath(file.new)
    if path.suffix in {".so", ".pyd", ".pyc", ".pyo"}:
        yield f"{path} is compiled code."
    if path.suffix != ".py":
        return
    for level, part in enumerate(path.parts):
        above = "/".join(path.parts[:level])
        name = part.removesuffix(".py")
        if name in _SHADOWED and (above in _ROOTS or is_test(f"{above}/x", patterns)):
            yield f"{path} would be imported in place of the module {name}."


def _reaches(file: FilePatch) -> Iterator[str]:
    if PurePosixPath(file.new or "").suffix in _PROSE:
        return
    for what, pattern in _REACHES:
        before = sum(bool(pattern.search(line)) for line in file.removed)
        after = [line for line in file.added if pattern.search(line)]
        if len(after) > before:
            yield f"A line added to {file.new} {what}: {after[-1].strip()[:80]}"


def _size(files: tuple[FilePatch, ...], policy: Policy) -> Iterator[str]:
    lines = sum(len(file.added) + len(file.removed) for file in files)
    if len(files) > policy.max_files:
        yield f"The change touches {len(files)} files; policy allows {policy.max_files}."
    if lines > policy.max_lines:
        yield f"The change has {lines} changed lines; policy allows {policy.max_lines}."


def _collisions(files: tuple[FilePatch, ...], base: BaseFiles) -> Iterator[str]:
    gone = {file.old for file in files if file.old and file.new != file.old and not file.copied}
    kept = {path.casefold(): path for path in base.modes if path not in gone}
    touched: set[str] = set()
    for file in files:
        if file.new is None:
            continue
        other = kept.setdefault(file.new.casefold(), file.new)
        if other != file.new:
            yield f"{file.new} differs from {other} in letter case alone."
        if file.new in touched:
            yield f"{file.new} is changed twice in one patch."
        touched.add(file.new)
