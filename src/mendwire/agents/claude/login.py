"""Keeping the user's login working, out of sight of the agent's own shell.

In this order: an API key or gateway token (ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN); the cloud
variables of Bedrock and Vertex; CLAUDE_CODE_OAUTH_TOKEN (``claude setup-token``); the access token
of the login in ``~/.claude/.credentials.json``. Each is handed over through a file that its first
reading deletes: a key by ``apiKeyHelper``, a token through a pipe that the program reads empty. So
no environment and no file shows them while commands of the agent run. The variables of a cloud
must stand in the program's own environment; it is told to scrub what it starts of them, which it
cannot do inside bubblewrap: there the agent gets no shell with such a login.

The refresh token of the user's login is never used: a refresh by us would end the user's own
session. The price is that such a login works until its access token expires (hours), so for a
worker ``claude setup-token`` is the better way. On macOS the login lies in the keychain and is not
read; set one of the variables there.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KEYS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
TOKEN: Final = "CLAUDE_CODE_OAUTH_TOKEN"  # noqa: S105 - the name of a variable
CLOUD: Final = {
    "CLAUDE_CODE_USE_BEDROCK": (
        "ANTHROPIC_BEDROCK_BASE_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    ),
    "CLAUDE_CODE_USE_VERTEX": (
        "ANTHROPIC_VERTEX_BASE_URL",
        "ANTHROPIC_VERTEX_PROJECT_ID",
        "CLAUDE_CODE_SKIP_VERTEX_AUTH",
        "CLOUD_ML_REGION",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ),
}
_HELPER_TTL_MS: Final = 7 * 24 * 3600 * 1000
_SCRUB: Final = {"CLAUDE_CODE_SUBPROCESS_ENV_SCRUB": "1"}
_SOURCE: Final = '. "$0" && rm -f "$0" && exec "$@"'
_PIPE: Final = f"""token=$(cat "$0") && rm -f "$0" || exit 1
export {TOKEN}_FILE_DESCRIPTOR=9
exec 9<<END
$token
END
exec "$@"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """How the program is logged in for one run."""

    environment: dict[str, str] = field(default_factory=dict)
    """Nothing secret."""
    settings: dict[str, object] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    """Words before the program: what hands it the secrets."""
    scrubs: bool = False
    """The program has secrets in its environment and keeps them from what it starts."""
    readable: tuple[Path, ...] = ()
    """Files that a sandbox must leave visible."""
    files: tuple[Path, ...] = ()
    """Files with secrets that are ours to delete after the run."""

    def forget(self) -> None:
        """Delete what still lies on disk."""
        for path in self.files:
            path.unlink(missing_ok=True)


def prepare_login(environ: Mapping[str, str], home: Path, config_dir: Path) -> Login:
    """Lay the operator's login into ``config_dir`` (private, outside of any tree).

    Without any login the result is empty, and the program itself will say so.
    """
    path = config_dir / "login"
    for name in KEYS:
        if key := environ.get(name, "").strip():
            return _helped(key, path)
    for switch, names in CLOUD.items():
        if environ.get(switch):
            chosen = {name: environ[name] for name in (switch, *names) if environ.get(name)}
            return _cloud(chosen, path)
    token = environ.get(TOKEN, "").strip() or _access_token(home / ".claude/.credentials.json")
    if not token:
        return Login()
    _write_private(path, token + "\n")
    return Login(prefix=("/bin/sh", "-c", _PIPE, str(path)), files=(path,))


def _helped(key: str, path: Path) -> Login:
    _write_private(path, key + "\n")
    word = shlex.quote(str(path))
    return Login(
        environment={"CLAUDE_CODE_API_KEY_HELPER_TTL_MS": str(_HELPER_TTL_MS)},
        settings={"apiKeyHelper": f"cat {word} && rm -f {word}"},
        files=(path,),
    )


def _cloud(secrets: Mapping[str, str], path: Path) -> Login:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in secrets.items()]
    _write_private(path, "\n".join(lines) + "\n")
    credentials = secrets.get("GOOGLE_APPLICATION_CREDENTIALS")
    return Login(
        environment=dict(_SCRUB),
        prefix=("/bin/sh", "-c", _SOURCE, str(path)),
        scrubs=True,
        readable=(Path(credentials),) if credentials else (),
        files=(path,),
    )


def _access_token(path: Path) -> str:
    try:
        token = json.loads(path.read_text())["claudeAiOauth"]["accessToken"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return token if isinstance(token, str) else ""


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
