"""The embedded server's folder: who owns it, which server runs on it, and how to log in there.

Two locks, both taken with flock, so that the dead never hold one: ``owner.lock`` by the Mendwire
process that minds the server, ``server.lock`` by the nats-server itself, which inherits it open.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from mendwire.errors import ConfigError, StoreInUse
from mendwire.settings.environment import ServerAddress
from mendwire.settings.secret import Secret

PRIVATE: Final = 0o600
OWNER_LOCK: Final = "owner.lock"
SERVER_LOCK: Final = "server.lock"
CONTEXT: Final = "context.json"
"""The login, as a context of the ``nats`` command, which takes it as ``--context FILE``."""
_RUNNING: Final = "running.json"
_READ_BYTES: Final = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """How to get into one embedded server; made once for each store."""

    name: str
    """The server's name, by which it is recognised."""
    user: str
    password: Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """The server that was started last on a store."""

    pid: int
    port: int
    version: str


def default_store(
    root: Path | None, *, state_home: Path | None = None, namespace: str = "default"
) -> Path:
    """``.mendwire/nats`` in the project, else ``<state home>/mendwire/<namespace>``.

    ``state_home`` is XDG_STATE_HOME, ``~/.local/state`` when None.
    """
    if root is not None:
        return root / ".mendwire" / "nats"
    return (state_home or Path.home() / ".local" / "state") / "mendwire" / namespace


def find_running(store: Path) -> ServerAddress | None:
    """The address of the server that runs on ``store`` now, login included, or None."""
    try:
        # A folder of somebody else could lead our login and messages to that somebody.
        if store.stat().st_uid != os.getuid() or not is_locked(store / SERVER_LOCK):
            return None
        running, login = read_running(store), read_login(store)
    except OSError:
        return None
    if running is None or login is None or not running.port:
        return None
    return ServerAddress(urls=(url_of(running),), user=login.user, password=login.password)


def make_store(store: Path) -> None:
    """Create the folder for its owner alone; raises ConfigError when that cannot be."""
    try:
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
        store.chmod(0o700)
        _ignore_in_git(store)
    except OSError as problem:
        raise ConfigError(
            f"The server's folder {store} cannot be made ({problem.strerror}): mend that, or "
            "choose another by --store or server.store in mendwire.toml."
        ) from None


async def own(store: Path) -> int:
    """Take the owner's lock; the open descriptor that holds it. Raises StoreInUse."""
    descriptor = await lock(store / OWNER_LOCK)
    if descriptor is None:
        pid = _first_number(store / OWNER_LOCK)
        raise StoreInUse(
            f"Another Mendwire (pid {pid}) already runs a server on {store}: stop it, or choose "
            "another folder by --store or server.store in mendwire.toml; other commands find that "
            "server by themselves."
        )
    with suppress(OSError):  # only for the sentence above; the lock itself needs no room
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


async def lock(path: Path, patience_s: float = 0.1) -> int | None:
    """Take a lock file; the open descriptor that holds it, or None while another has it.

    Tries for ``patience_s`` seconds, because ``is_locked`` holds it for an instant.
    """
    import asyncio  # noqa: PLC0415 - who only looks a store up loads no event loop

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
    ends = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > ends:
                os.close(descriptor)
                return None
        await asyncio.sleep(0.005)


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock file; False when there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_login(store: Path) -> Login | None:
    """The login of the store's server, or None where there is no readable one."""
    body = _read(store / CONTEXT)
    try:
        return Login(
            name=str(body["name"]), user=str(body["user"]), password=Secret(str(body["password"]))
        )
    except KeyError:
        return None


def make_login(store: Path) -> Login:
    """The store's login, made at random and kept when there is none yet."""
    login = read_login(store)
    if login is None:
        login = Login(
            name=f"mendwire-{os.urandom(8).hex()}",
            user="mendwire",
            password=Secret(os.urandom(32).hex()),
        )
        _write_context(store, login, "")
    return login


def read_running(store: Path) -> Running | None:
    """What is written about the server started last, or None."""
    body = _read(store / _RUNNING)
    try:
        return Running(
            pid=int(str(body["pid"])), port=int(str(body["port"])), version=str(body["version"])
        )
    except (KeyError, ValueError):
        return None


def write_running(store: Path, running: Running) -> None:
    """Keep what other processes, and the next start, need to know."""
    write_private(store / _RUNNING, json.dumps(asdict(running)))
    _write_context(store, make_login(store), url_of(running))


def url_of(running: Running) -> str:
    """Where that server listens."""
    return f"nats://127.0.0.1:{running.port}"


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def _write_context(store: Path, login: Login, url: str) -> None:
    body = {"name": login.name, "url": url, "user": login.user}
    body["password"] = login.password.reveal()
    write_private(store / CONTEXT, json.dumps(body, indent=2))


def _read(path: Path) -> dict[str, object]:
    try:
        body = json.loads(path.read_bytes()[:_READ_BYTES])
    except (OSError, ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _first_number(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()[:20] or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"


def _ignore_in_git(store: Path) -> None:
    """The password and the messages must not be committed with the project."""
    if store.parent.name == ".mendwire" and not (store.parent / ".gitignore").exists():
        (store.parent / ".gitignore").write_text("*\n", "utf-8")
