"""``mendwire`` as a program that begins at once: each call is a fork of one that has read it all.

For pages full of commands, each of which would else spend half a second on importing. What runs is
the same ``main``, in a process of its own with the caller's folder, variables and streams.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Final

_SIZE: Final = struct.Struct("!I")
_CALLER: Final = dedent(
    """\
    #!{python} -IS
    import os, signal, socket, struct, sys
    place = socket.socket(socket.AF_UNIX)
    place.connect({socket!r})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the called one decides
    parts = [os.getcwd(), str(len(sys.argv)), *sys.argv]
    parts += [f"{{name}}={{value}}" for name, value in os.environ.items()]
    told = "\\0".join(parts).encode("utf-8", "surrogateescape")
    socket.send_fds(place, [struct.pack("!I", len(told))], [0, 1, 2])
    place.sendall(told)
    code = place.recv(1)
    sys.exit(code[0] if code else 70)
    """
)


@contextmanager
def quick_line(folder: Path) -> Iterator[Path]:
    """A folder with the program, to be put first on PATH; it works while the block runs."""
    folder.mkdir()
    address = folder / "socket"
    program = folder / "mendwire"
    program.write_text(_CALLER.format(python=sys.executable, socket=str(address)))
    program.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        words = [sys.executable, "-m", "tests.quick_line", str(listener.fileno())]
        variables = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path]),
            "OPENBLAS_NUM_THREADS": "1",  # threads do not survive a fork
        }
        parent = subprocess.Popen(
            words, pass_fds=[listener.fileno()], env=variables, start_new_session=True
        )
    try:
        yield folder
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()


def _serve(listener: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, lambda *_: None)
    whole = import_module("mendwire.cli.full").whole_line
    whole()
    import_module("mendwire.screen.detect").fresh_detector(None)
    while True:
        made, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _answer(made)
        made.close()
        _reap()


def _reap() -> None:
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                return
        except ChildProcessError:
            return


def _answer(made: socket.socket) -> None:
    """In the fork: run the command in a child of its own, and tell how it ended."""
    head, files, _, _ = socket.recv_fds(made, _SIZE.size, 3)
    (size,) = _SIZE.unpack(head)
    told = b""
    while len(told) < size:
        told += made.recv(size - len(told))
    command = os.fork()
    if command == 0:
        made.close()
        _become(told.decode("utf-8", "surrogateescape").split("\0"), files)
    for file in files:
        os.close(file)
    ended = os.pidfd_open(command)
    ready, _, _ = select.select([ended, made.fileno()], [], [])
    if made.fileno() in ready:  # the caller is gone: so is what it called
        os.kill(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    made.sendall(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))
    os._exit(0)


def _become(told: list[str], files: list[int]) -> None:
    folder, count, *rest = told
    arguments, variables = rest[: int(count)], rest[int(count) :]
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115 - as above
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(part.partition("=")[::2] for part in variables)
    sys.argv = arguments
    code = 70
    try:
        code = import_module("mendwire.cli").main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 0xFF)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
