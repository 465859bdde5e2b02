"""Where spans are sent, as people may read it."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit, urlunsplit

from mendwire.model.printable import printable

_HIDDEN: Final = "***"


def shown(url: str) -> str:
    """An endpoint as people may read it: a login and what is asked for may be secrets."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a password with a slash in it looks like a port that is no number
    except ValueError:
        return f"an address that cannot be read ({_HIDDEN})"
    login, _, host = parts.netloc.rpartition("@")
    _, at, path = ("", "", parts.path) if host else parts.path.rpartition("@")
    whole = (
        parts.scheme,
        f"{_HIDDEN}@{host}" if login else host,
        f"{_HIDDEN}@{path}" if at else path,
        _HIDDEN if parts.query else "",
        "",
    )
    return printable(urlunsplit(whole), 200)
