"""The keeper: a small parent between us and a child process. Run as a script, never imported.

It adopts every descendant of the child (on Linux, as their subreaper), so that none outlives the
run: not one that daemonised, and not when Mendwire itself is killed with SIGKILL, because then the
control socket reads as closed. Standard library alone, so that it starts in a few milliseconds.

    python -I -S keeper.py <control fd> <limit=value,...> program argument...

On the control socket each byte that arrives is a signal to pass on and the end of file means
"kill everything now". At the end the keeper writes the child's wait status there, in decimal.
"""

from __future__ import annotations

# The C half of "signal" alone: the whole loads enum, which doubles the keeper's start.
import _signal as signal  # type: ignore[import-not-found]  # typeshed leaves it out
import os
import resource
import select
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GIVE_UP_S = 5.0
"""How long a descendant that does not die of SIGKILL is waited for, in seconds."""


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - elsewhere its load time buys nothing

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _start(argv: list[str], limits: str) -> int:
    keeper = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        _limit(limits)
        os.execvp(argv[0], argv)  # noqa: S606 - a list of arguments, no shell, is the point
    except OSError as problem:
        os.write(2, f"{argv[0]}: {problem.strerror}\n".encode())
    os._exit(126)


def _limit(limits: str) -> None:
    for limit in filter(None, limits.split(",")):
        name, _, value = limit.partition("=")
        number = getattr(resource, f"RLIMIT_{name}")
        _soft, hard = resource.getrlimit(number)
        ceiling = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
        try:
            resource.setrlimit(number, (ceiling, ceiling))
        except (OSError, ValueError):
            os.write(2, f"mendwire: the limit {name} cannot be set here\n".encode())


def _children() -> dict[int, list[int]]:
    """Every process of this machine under its parent."""
    tree: dict[int, list[int]] = {}
    entries = os.listdir("/proc") if sys.platform == "linux" else ()  # noqa: PTH208 - as in _read
    for entry in entries:
        if entry.isdigit():
            _, _, rest = _read(f"/proc/{entry}/stat").rpartition(")")
            if rest:
                tree.setdefault(int(rest.split()[1]), []).append(int(entry))
    return tree


def _descendants() -> list[int]:
    tree, found, queue = _children(), [], [os.getpid()]
    while queue:
        children = tree.get(queue.pop(), [])
        found += children
        queue += children
    return found


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return


def _pass_on(child: int, number: int) -> None:
    """Signal the child's group; below bwrap, which would die of it, the program it runs."""
    tree, target = _children(), child
    while _name(target) == "bwrap" and len(tree.get(target, [])) == 1:
        target = tree[target][0]
    if target == child:
        try:
            os.killpg(child, number)
        except OSError:
            return
    else:
        _send(target, number)


def _name(pid: int) -> str:
    return _read(f"/proc/{pid}/comm").strip()


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:  # noqa: PTH123 - pathlib would double the start
            return file.read()
    except OSError:
        return ""


def _reap(child: int, status: int | None) -> tuple[bool, int | None]:
    """Collect whatever has ended; (no child is left, the child's status once known)."""
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True, status
        if not pid:
            return False, status
        if pid == child:
            status = ended


def _kill_all(child: int, status: int | None) -> int:
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        nothing_left, status = _reap(child, status)
        if nothing_left:
            break
        # Stopped first, so that none can fork while the others are being killed.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in _descendants():
                _send(pid, number)
        if status is None:
            _pass_on(child, signal.SIGKILL)
        time.sleep(0.002)
    return signal.SIGKILL if status is None else status


def _watch(control: int, wake: int, child: int) -> int | None:
    """Until the child ends (its status) or nobody wants it any more (None)."""
    status: int | None = None
    while status is None:
        ready, _, _ = select.select([control, wake], [], [])
        if wake in ready:
            os.read(wake, 64)
            _, status = _reap(child, status)
        if control in ready and status is None:
            orders = os.read(control, 64)
            if not orders:
                return None
            for number in orders:
                _pass_on(child, number)
    return status


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit


def main() -> None:
    """Start the child, watch it, leave nothing behind, tell its status."""
    control = int(sys.argv[1])
    os.set_inheritable(control, False)  # noqa: FBT003 - the standard library's own signature
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    child, status = _start(sys.argv[3:], sys.argv[2]), None
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    try:
        status = _watch(control, wake, child)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        status = _kill_all(child, status)
        try:
            os.write(control, str(status).encode())
        except OSError:
            os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
