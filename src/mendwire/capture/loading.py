"""Loading what the sender's thread needs, while nobody forks.

A module that is being loaded at a fork stays locked in the child for ever: neither we nor the host
could load it there. So a fork waits until the thread has loaded everything: a part of a
second, once in the life of a process, and only where its first error and a fork coincide.
"""

from __future__ import annotations

import threading
from typing import Final

LONGEST_S: Final = 5.0
"""So long at most a fork waits."""
_lock = threading.Lock()
_forking: int | None = None
"""The thread that forks, where it holds the lock."""


def load() -> None:
    """Load it all; on the sender's thread."""
    with _lock:
        from mendwire.capture import delivery, digest  # noqa: F401, PLC0415 - with all that sends


def before_fork() -> None:
    """Wait for the thread."""
    global _forking  # noqa: PLW0603 - a process forks as a whole
    if _lock.acquire(timeout=LONGEST_S):
        _forking = threading.get_ident()


def in_parent() -> None:
    """Go on."""
    global _forking  # noqa: PLW0603 - as above
    if _forking == threading.get_ident():
        _forking = None
        _lock.release()


def in_child() -> None:
    """Begin anew."""
    global _lock, _forking
    _lock, _forking = threading.Lock(), None
