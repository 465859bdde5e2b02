"""Runs a program without network. Run as a script, never imported.

    python -I -S offline.py program argument...
    python -I -S offline.py : "a command line for bash"

A network namespace of its own with loopback up; without the right to make one, inside a user
namespace that keeps the user's own id. Exits 125 when this machine allows neither.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
REFUSED = 125


def _unshare(flags: int) -> bool:
    return bool(ctypes.CDLL(None).unshare(flags) == 0)


def _cut() -> None:
    if _unshare(CLONE_NEWNET):
        return
    user, group = os.getuid(), os.getgid()
    if not _unshare(CLONE_NEWUSER | CLONE_NEWNET):
        raise OSError("no network namespace can be made here")
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except PermissionError:
        # Root without capabilities may not map itself. It keeps its rights to files all the same,
        # and only sees itself, and them, as nobody's.
        if user != 0:
            raise


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", IFF_UP)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


def main() -> None:
    """Cut the network, raise loopback, become the program."""
    try:
        _cut()
        _raise_loopback()
    except OSError as problem:
        sys.stderr.write(f"mendwire: {problem}\n")
        raise SystemExit(REFUSED) from None
    words = sys.argv[1:]
    if words[0] == ":":
        words = ["bash", "-c", *words[1:]]
    os.execvp(words[0], words)  # noqa: S606 - the caller's own words


if __name__ == "__main__":
    main()
