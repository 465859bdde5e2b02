"""``init``, ``capture`` and ``flush``: what a program calls.

Bounds: 2000 reports or 16 MB in memory, 64 MB on disk, one report and one count per kind of error
and minute, three seconds at exit. ``statistics()`` says what happened.
"""

from __future__ import annotations

import atexit
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mendwire.capture.frames import main_directory
from mendwire.capture.guard import Guard
from mendwire.capture.hooks import Hooks
from mendwire.capture.occurrence import fixed_fields, innermost, rough_key, taken
from mendwire.capture.outbox import Outbox, Target
from mendwire.capture.release import release_of
from mendwire.capture.sender import Sender
from mendwire.capture.spool import Spool, default_folder
from mendwire.capture.tally import Tally
from mendwire.model import names as naming
from mendwire.model.names import Names
from mendwire.model.scrub import ScrubPolicy, scrub_policy, scrub_policy_from
from mendwire.settings.environment import Environment, read_environment

WINDOW_S: Final = 60.0
SHUTDOWN_S: Final = 3.0
_SAME_EXIT_S: Final = 2.0
_FLUSH_SHARE: Final = 0.6
"""Of the time at exit for sending; the rest is for writing to disk what could not be sent."""
_SEEN: Final = "__mendwire_seen__"
_SUMS: Final = ("captured", "adopted", "stored", "counted", "spooled", "dropped", "waiting")
_log = logging.getLogger("mendwire")
_guard = Guard()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Installed:
    """What ``init`` set up."""

    target: Target
    sender: Sender
    tally: Tally
    fixed: Mapping[str, str]
    directory: str
    window_s: float
    shutdown_s: float


_lock = threading.Lock()
_installed: _Installed | None = None
_hooks: Hooks | None = None
_drained_in_vain = -math.inf


def init(  # noqa: PLR0913 - everything is optional and named
    service: str | None = None,
    environment: str | None = None,
    release: str | None = None,
    *,
    url: str | None = None,
    namespace: str | None = None,
    spool: str | os.PathLike[str] | None = None,
    automatic: bool = True,
    scrub: ScrubPolicy | Mapping[str, object] | None = None,
    window_s: float = WINDOW_S,
    shutdown_timeout_s: float = SHUTDOWN_S,
) -> bool:
    """Start reporting this process's errors; False (and a logged sentence) if that cannot be.

    What is not given is read from the surroundings: ``NATS_URL`` and the other variables of the
    ``nats`` command, ``NATS_NAMESPACE``, ``MENDWIRE_SERVICE``, ``MENDWIRE_ENVIRONMENT``,
    ``MENDWIRE_RELEASE`` (else the variables of common platforms), ``MENDWIRE_SPOOL``,
    ``MENDWIRE_SCRUB``. ``scrub`` decides what is taken out of reports: a ``ScrubPolicy`` or its
    fields, e.g. ``{"emails": "keep", "keys": ["tax_no"]}``. Without an environment reports go to
    ``{namespace}.errors``. ``automatic`` installs the hooks for uncaught and logged exceptions. Of
    one kind of error one report leaves in ``window_s`` seconds; the rest are counted. At exit at
    most ``shutdown_timeout_s`` seconds are spent on what is unsent. Call it again to change
    anything.
    """
    given = {"NATS_URL": url, "NATS_NAMESPACE": namespace}
    overrides = {name: text for name, text in given.items() if text}

    def install() -> bool:
        surroundings = read_environment({**os.environ, **overrides}, Path(main_directory()))
        found = surroundings.variables
        return _install(
            _target(
                surroundings,
                environment or found.get("MENDWIRE_ENVIRONMENT"),
                spool or found.get("MENDWIRE_SPOOL"),
                _policy(scrub, found),
            ),
            service=service or found.get("MENDWIRE_SERVICE") or "",
            release=release or release_of(found),
            automatic=automatic,
            window_s=window_s,
            shutdown_s=shutdown_timeout_s,
        )

    is_installed = _guard.run(install, otherwise=False)
    if not is_installed:
        _log.warning("Mendwire reports nothing from here: %s", _guard.last)
    return is_installed


def capture(exc: BaseException | None = None, /, **context: object) -> bool:
    """Report one exception, by default the one being handled; ``context`` is kept beside it.

    True when it was queued or counted, False when there is nothing to report or no room. Never
    raises and never waits for the network.
    """
    return _capture(exc if exc is not None else sys.exc_info()[1], "error", context)


def flush(timeout_s: float = 5.0) -> bool:
    """Wait until everything so far is on the server; False if it is not, or not in time."""
    installed = _installed
    if installed is None:
        return True
    return _guard.run(lambda: installed.sender.flush(timeout_s), otherwise=False)


def statistics() -> dict[str, int | str]:
    """What became of every occurrence, so that anybody can check that none got lost.

    ``captured + adopted == stored + counted + spooled + dropped + waiting`` whenever nothing is
    moving, for example after ``flush()``: occurrences that ``capture`` took, and those sent for
    processes that had ended; stored as reports, told as counts, on disk, lost (``reasons`` says
    why), in memory. Beside them the ``swallowed`` problems and the last ``problem``.
    """
    installed = _installed
    if installed is None:
        return {**dict.fromkeys(_SUMS, 0), "swallowed": _guard.swallowed, "problem": _guard.last}
    outbox = installed.sender.outbox
    ledger, reasons = outbox.ledger, outbox.ledger.reasons()
    return {
        "captured": installed.tally.captured,
        "adopted": ledger.adopted,
        "stored": ledger.stored,
        "counted": ledger.counted,
        "spooled": ledger.spooled,
        "dropped": sum(reasons.values()),
        "waiting": outbox.waiting,
        "reasons": "; ".join(f"{reason}: {count}" for reason, count in reasons.items()),
        "swallowed": _guard.swallowed,
        "problem": installed.sender.problem or _guard.last,
    }


def _policy(
    given: ScrubPolicy | Mapping[str, object] | None, variables: Mapping[str, str]
) -> ScrubPolicy:
    if given is None:
        return scrub_policy_from(variables)
    return given if isinstance(given, ScrubPolicy) else scrub_policy(given)


def _target(
    surroundings: Environment,
    environment: str | None,
    folder: str | os.PathLike[str] | None,
    scrub: ScrubPolicy,
) -> Target:
    named = surroundings.namespace
    names = Names(namespace=naming.namespace(named)) if named else None
    where = (
        Path(folder)
        if folder
        else default_folder(surroundings.state_home, names.namespace if names else "default")
    )
    return Target(
        surroundings=surroundings,
        names=names,
        environment=naming.environment(environment) if environment else None,
        spool=Spool(where),
        scrub=scrub,
    )


def _install(
    target: Target,
    *,
    service: str,
    release: str,
    automatic: bool,
    window_s: float,
    shutdown_s: float,
) -> bool:
    tally = Tally(window_s)
    made = _Installed(
        target=target,
        sender=Sender(Outbox(target, tally, _guard)),
        tally=tally,
        fixed=fixed_fields(service, target.environment, release),
        directory=main_directory(),
        window_s=window_s,
        shutdown_s=shutdown_s,
    )
    _replace(made)
    if automatic:
        _hook()
    if not target.spool.is_empty():
        made.sender.start()
    return True


def _replace(made: _Installed) -> None:
    global _installed
    with _lock:
        before, _installed = _installed, made
    if before:
        before.sender.close()
    else:
        atexit.register(_at_exit)
        os.register_at_fork(after_in_child=_after_fork)


def _hook() -> None:
    global _hooks  # noqa: PLW0603 - the hooks of a process are installed once
    if _hooks is None:
        _hooks = Hooks(report=_capture, drain=_drain)
        _hooks.install()


def _capture(exc: BaseException | None, level: str, context: Mapping[str, object]) -> bool:
    installed = _installed
    if installed is None or exc is None:
        return False
    return _guard.once(_queue, installed, exc, level, context)


def _queue(
    installed: _Installed, exc: BaseException, level: str, context: Mapping[str, object]
) -> bool:
    if _was_seen(exc):
        return True
    key = rough_key(exc)
    seen = installed.tally.admit(key)
    if seen is None:
        return True
    sender = installed.sender
    try:
        occurrence = taken(exc, context, {**installed.fixed, "level": level}, _guard)
    except BaseException:
        sender.outbox.drop(installed.tally.forget(key, seen), "cannot be taken")
        raise
    is_queued = sender.outbox.put(key, seen, occurrence)
    sender.start()
    return is_queued


def _was_seen(exc: BaseException) -> bool:
    """Whether this occurrence was captured on its way up already: logged, then raised on."""
    try:
        mark = id(innermost(exc))
        if exc.__dict__.get(_SEEN) == mark and exc.__traceback__ is not None:
            return True
        exc.__dict__[_SEEN] = mark
    except Exception:  # noqa: BLE001 - the host's own class; then it may be counted twice
        return False
    return False


def _drain() -> None:
    """Send what is waiting, within the bound for the exit of the process."""
    global _drained_in_vain  # noqa: PLW0603 - the exit of a process is one thing
    if _installed and not flush(_FLUSH_SHARE * _installed.shutdown_s):
        _drained_in_vain = time.monotonic()


def _at_exit() -> None:
    installed = _installed
    if installed is None:
        return
    # After an uncaught exception this was tried a moment ago: do not wait twice.
    if time.monotonic() - _drained_in_vain > _SAME_EXIT_S:
        _drain()
    _guard.run(lambda: installed.sender.close((1 - _FLUSH_SHARE) * installed.shutdown_s), None)
    lost = installed.sender.outbox.ledger.dropped
    if lost:
        _log.warning("Mendwire lost %d occurrences: %s", lost, statistics().get("reasons"))


def _after_fork() -> None:
    """In a child: thread, connection and locks stayed with the parent, so begin anew."""
    global _installed, _lock  # noqa: PLW0603 - see above
    _lock = threading.Lock()
    if _installed:
        before = _installed
        tally = Tally(before.window_s)
        spool = before.target.spool
        # The files stay the parent's: it holds their locks through descriptors of its own.
        _guard.run(spool.let_go, None)
        target = replace(before.target, spool=Spool(spool.folder, max_bytes=spool.max_bytes))
        _installed = _Installed(
            target=target,
            sender=Sender(Outbox(target, tally, _guard)),
            tally=tally,
            fixed=before.fixed,
            directory=before.directory,
            window_s=before.window_s,
            shutdown_s=before.shutdown_s,
        )
