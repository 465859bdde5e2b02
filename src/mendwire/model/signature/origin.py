"""Where a frame's code comes from: the project or a library, and under which deployment root."""

from __future__ import annotations

import re
from typing import Final

_LIBRARY_PATH: Final = re.compile(
    r"(?:^|/)(?:site-packages|dist-packages|node_modules|bower_components|vendor/bundle|vendor"
    r"|gems|\.cargo/registry|\.rustup|rustc|pkg/mod|\.m2|\.pub-cache|__pypackages__)/"
    r"|/lib(?:64)?/(?:python[0-9.]*|ruby|perl5?|php|node|jvm|go)/|/usr/(?:lib|share)/"
    r"|^/(?:lib|lib64)/|/usr/local/go/|^(?:node:|internal/|native\b|<|\[|ext:|deno:)"
)
_LIBRARY_MODULE: Final = re.compile(
    r"^(?:java|javax|jdk|sun|com\.sun|kotlin|kotlinx|scala|groovy|clojure|org\.springframework"
    r"|org\.apache|org\.hibernate|org\.eclipse|org\.junit|io\.netty|reactor|akka|android|androidx"
    r"|dalvik|com\.android)[./$]"
)
_LIBRARY_PACKAGE: Final = frozenset(
    ("runtime", "testing", "net", "reflect", "syscall", "sync", "internal", "std", "core", "tokio")
)
_ORIGIN: Final = re.compile(r"^(?:webpack(?:-internal)?:/{2,3}|[a-z][a-z0-9+.-]{1,15}://[^/]*/?)")
_DEPLOYED: Final = (
    re.compile(r"^(?:.*/)?releases/[^/]+/"),
    re.compile(r"^(?:.*/)?(?:site-packages|dist-packages|node_modules)/"),
    re.compile(r"^/(?:[^/]+/)*current/"),
    re.compile(r"^/(?:home|Users|root/src|var/www|usr/src)/[^/]+/(?:[^/]+/)??(?:app|src|current)/"),
    re.compile(r"^/(?:home|Users)/[^/]+/[^/]+/"),
    re.compile(r"^/(?:srv|opt|var/www|usr/src|tmp|var/task|build|github/workspace)/[^/]+/"),
    re.compile(r"^/(?:app|code|workspace|src|project|function|data)/"),
)


def is_in_app(file: str, module: str = "") -> bool:
    """Whether a frame looks like the project's own code rather than a library's or a runtime's."""
    path = file.replace("\\", "/")
    if _LIBRARY_PATH.search(path):
        return False
    if path.endswith((".go", ".rs")) and module in _LIBRARY_PACKAGE:
        return False
    return not _LIBRARY_MODULE.match(f"{module}.")


def below_root(file: str) -> str:
    """The path without origin, query and the usual deployment roots, with forward slashes.

    The same file deployed under ``/app``, ``/srv/x/current`` or ``releases/20260101/`` reads alike.
    """
    path = file.replace("\\", "/").partition("?")[0].partition("#")[0]
    path = _ORIGIN.sub("/" if path.startswith("file:") else "", path, count=1)
    if path[1:3] == ":/":
        path = path[2:]
    for root in _DEPLOYED:
        shorter = root.sub("", path, count=1)
        if shorter != path:
            return shorter
    return path.removeprefix("./").lstrip("/")
