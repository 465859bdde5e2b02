"""Where a frame's code comes from: the project or a library, and under which deployment root."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mendwire.model.signature.v1.blocks import REMEMBERED
from mendwire.model.signature.v1.patterns import pattern, words
from mendwire.model.signature.v1.tables import CAPS

_PATH: Final = CAPS["path"]
_NAME: Final = CAPS["name"]


@lru_cache(REMEMBERED)
def place(file: str, module: str) -> tuple[str, bool]:
    """The file below its root, and whether it looks like the project's own."""
    file = file[-_PATH:]
    return below_root(file), is_in_app(file, module)


def is_in_app(file: str, module: str = "") -> bool:
    """Whether a frame looks like the project's own code rather than a library's or a runtime's."""
    path = file.replace("\\", "/")
    if pattern("library_start").match(path):
        return False
    if not words("library_folder").isdisjoint(path.split("/")[:-1]):
        return False
    if pattern("library_path").search(path if path[:1] == "/" else f"/{path}"):
        return False
    if path.endswith((".go", ".rs", ".s")) and module in words("library_package"):
        return False
    if path.endswith((".ex", ".exs", ".erl")):
        return module not in words("library_app")
    return not (module and pattern("library_module").match(f"{module}."))


def below_root(file: str) -> str:
    """The path without origin, query and the usual deployment roots, with forward slashes.

    The same file deployed under ``/app``, ``/srv/x/current`` or ``releases/20260101/`` reads alike.
    """
    path = file.replace("\\", "/").partition("?")[0]
    if origin := pattern("origin").match(path):
        path = path[origin.end() :].partition("#")[0]
        path = f"/{path}" if file.startswith("file:") else path
    if path[1:3] == ":/":
        path = path[2:]
    path = pattern("root").sub("", path, count=1)
    while path.startswith(("./", "../", "/")):
        path = path.lstrip("/").removeprefix("../").removeprefix("./")
    return path


def path_end(path: str) -> str:
    """The last two names of a path: what a file is known by wherever it was deployed.

    Of a bundle's name without the hash that bundlers put into it.
    """
    end = "/".join(path.rsplit("/", 2)[-2:])
    return pattern("bundle_hash").sub(".js", end) if end.endswith(("js", "css")) else end


def plain_name(function: str) -> str:
    """A function's name without what a runtime makes up anew each time."""
    name = function[:_NAME]
    if name.isalnum():
        return name
    return pattern("generated").sub("", name.removeprefix("async ").removeprefix("new "))
