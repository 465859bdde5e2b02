"""The environment of a child process, built from an allow-list; nothing is inherited unseen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

ALLOWED: Final = ("PATH", "LANG", "LANGUAGE", "TZ", "SHELL", "USER", "LOGNAME")
"""Names passed on when set; every ``LC_*`` too."""
NOWHERE: Final = "/nonexistent"
"""HOME when no private one was given, so that nothing of the user's is read by chance."""
_FALLBACK_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


def allowed_environment(
    extra_names: Iterable[str] = (),
    *,
    private: Path | None = None,
    keep_home: bool = False,
    source: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """A complete environment for ``execution.process.run``.

    ``extra_names`` are passed on as they are. ``private`` is a folder outside any tree; ``home``
    and ``tmp`` are made in it (mode 0700) and become HOME and TMPDIR. ``keep_home`` leaves the
    user's HOME, for programs that live off it. ``source`` is the environment read, by default
    this process's.
    """
    source = os.environ if source is None else source
    names = {*ALLOWED, *extra_names, *(name for name in source if name.startswith("LC_"))}
    chosen = {name: source[name] for name in sorted(names) if name in source}
    chosen.setdefault("PATH", _FALLBACK_PATH)
    chosen["HOME"] = source.get("HOME", NOWHERE) if keep_home else NOWHERE
    if private is not None:
        if not keep_home:
            chosen["HOME"] = str(_folder(private / "home"))
        chosen["TMPDIR"] = str(_folder(private / "tmp"))
    return chosen


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
