"""Where secrets of a user lie, so that a sandbox can hide them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

IN_HOME: Final = (
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".netrc",
    ".git-credentials",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".vault-token",
    ".password-store",
    ".terraform.d",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".claude",
    ".claude.json",
    ".codex",
    ".config/nats",
    ".config/gh",
    ".config/glab-cli",
    ".config/git/credentials",
    ".config/gcloud",
    ".config/op",
    ".config/mendwire",
    ".local/share/mendwire",
    ".local/state/mendwire",
    ".local/share/keyrings",
    ".local/share/nats",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    ".bash_history",
    ".zsh_history",
    ".psql_history",
    ".python_history",
)


def secret_paths(home: Path | None = None, also: Iterable[Path] = ()) -> tuple[Path, ...]:
    """Those of the usual places, and of ``also``, that exist."""
    home = home or Path.home()
    return tuple(path for path in (*(home / name for name in IN_HOME), *also) if path.exists())
