"""The keys on disk: one private file beside the project, read anew when it changes."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from mendwire.errors import ConfigError
from mendwire.gateway.keys import Issued, Key, digest_of, fresh_secret

LOOK_EVERY_S: Final = 1.0
_LOOK_FOR_NEW_S: Final = 0.05
"""The same where a key is unknown."""
GRACE_S: Final = 7 * 86_400.0
"""Seconds for which a rotated key is still taken."""
_decoder = msgspec.json.Decoder(tuple[Key, ...])


class KeyFile:
    """``gateway-keys.json``: made, changed under a lock and replaced at once."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock

    def read(self) -> tuple[Key, ...]:
        """Every key, revoked ones too; raises ConfigError for a file that is not ours."""
        try:
            found = self.path.stat()
            if found.st_uid != os.getuid() or found.st_mode & 0o077:
                raise ConfigError(
                    f"{self.path} can be read or was written by others: chown it to the user that "
                    "runs Mendwire and chmod it to 600."
                )
            return _decoder.decode(self.path.read_bytes())
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise ConfigError(f"The keys in {self.path} cannot be read: {problem}.") from None

    def add(self, wanted: Key, project: int = 0) -> Issued:
        """Store ``wanted`` under a fresh id and secret; ``project`` 0 takes the next number."""
        with self._changing() as keys:
            self._refuse_taken(keys, wanted.name)
            highest = max((key.project for key in keys), default=0)
            secret = fresh_secret()
            key = replace(
                wanted,
                id=secret_id(secret),
                project=project or highest + 1,
                digest=digest_of(secret),
            )
            self._write((*keys, key))
        return Issued(key=key, secret=secret)

    def rotate(self, name: str, grace_s: float = GRACE_S) -> Issued:
        """A new secret for the key; the old one is taken for ``grace_s`` more seconds."""
        secret = fresh_secret()

        def rotated(key: Key) -> Key:
            return replace(
                key,
                digest=digest_of(secret),
                former=key.digest,
                former_until=self._clock() + grace_s,
            )

        return Issued(key=self._change(name, rotated), secret=secret)

    def revoke(self, name: str) -> Key:
        """The key is taken no more, from the next look at the file on."""
        return self._change(name, lambda key: replace(key, revoked=True, former="", former_until=0))

    def _change(self, name: str, change: Callable[[Key], Key]) -> Key:
        with self._changing() as keys:
            found = [key for key in keys if name in {key.name, key.id} and not key.revoked]
            if not found:
                raise ConfigError(f"There is no key {name[:60]!r}: see mendwire gateway keys list.")
            changed = change(found[0])
            self._write(tuple(changed if key is found[0] else key for key in keys))
        return changed

    def _refuse_taken(self, keys: tuple[Key, ...], name: str) -> None:
        if any(key.name == name and not key.revoked for key in keys):
            raise ConfigError(
                f"There is a key {name[:60]!r} already: rotate it, or take another name."
            )

    @contextmanager
    def _changing(self) -> Iterator[tuple[Key, ...]]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.read()
        finally:
            os.close(lock)

    def _write(self, keys: tuple[Key, ...]) -> None:
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(keys), indent=2))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


class KeyRing:
    """The keys as the running gateway sees them."""

    def __init__(self, file: KeyFile, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        self._looked = -LOOK_EVERY_S
        self._stamp: object = None
        self._by_digest: Mapping[str, Key] = {}
        self.problem = ""
        """Why the file could not be read the last time; then the keys known before stay."""

    def find(self, secret: str) -> Key | None:
        """The key whose secret this is, rotated ones within their grace included."""
        self._refresh(LOOK_EVERY_S)
        digest = digest_of(secret)
        key = self._by_digest.get(digest)
        if key is None:  # it may be a moment old: an SDK that is refused drops its report
            self._refresh(_LOOK_FOR_NEW_S)
            key = self._by_digest.get(digest)
        if key is None or (digest == key.former and self._clock() > key.former_until):
            return None
        return key

    def living(self) -> tuple[Key, ...]:
        """Every key that is taken."""
        self._refresh(LOOK_EVERY_S)
        return tuple({key.id: key for key in self._by_digest.values()}.values())

    def _refresh(self, every_s: float) -> None:
        now = self._clock()
        if 0 <= now - self._looked < every_s:
            return
        self._looked = now
        try:
            found = self._file.path.stat()
            stamp: object = (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError:
            stamp = None
        if stamp == self._stamp and not self.problem:
            return
        try:
            keys = self._file.read()
        except ConfigError as problem:
            self.problem = str(problem)
            return
        self._stamp, self.problem = stamp, ""
        self._by_digest = {
            digest: key
            for key in keys
            if not key.revoked
            for digest in (key.former, key.digest)
            if digest
        }


def secret_id(secret: str) -> str:
    """A short name that tells nothing of the key."""
    return digest_of(f"id:{secret}")[:8]
