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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mendwire.capture import loading, spans, trail
from mendwire.capture.children import Children
from mendwire.capture.destination import policy_of, target_of
from mendwire.capture.frames import main_directory
from mendwire.capture.guard import Guard
from mendwire.capture.hooks import Hooks
from mendwire.capture.logs import Logs, level_of
from mendwire.capture.messages import Message, message_key, message_taken
from mendwire.capture.occurrence import Key, Taken, fixed_fields, rough_key, taken
from mendwire.capture.outbox import Outbox, Target
from mendwire.capture.plain import shown
from mendwire.capture.release import release_of
from mendwire.capture.sender import Sender
from mendwire.capture.signals import Signals
from mendwire.capture.spool import Spool
from mendwire.capture.tally import Seen, Tally
from mendwire.capture.uncaught import is_error
from mendwire.settings.environment import read_environment

if TYPE_CHECKING:
    from mendwire.model.scrub import ScrubPolicy

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
_is_hooked = False
_parents: list[_Installed] = []
"""In a child: what its parent had. Taken apart here, it would tear at the parent's connection."""
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
    log_level: int | str | None = logging.ERROR,
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
    ``{namespace}.errors``. ``automatic`` installs the hooks for uncaught exceptions and for
    logging, and connects to the frameworks as they are loaded. What is logged at ``log_level`` and
    above is reported (None: nothing is); what is below becomes breadcrumbs. Of one kind of error
    one report leaves in ``window_s`` seconds; the rest are counted. At exit at most
    ``shutdown_timeout_s`` seconds are spent on what is unsent. Call it again to change anything.
    """
    given = {"NATS_URL": url, "NATS_NAMESPACE": namespace}
    overrides = {name: text for name, text in given.items() if text}

    def install() -> bool:
        surroundings = read_environment({**os.environ, **overrides}, Path(main_directory()))
        found = surroundings.variables
        return _install(
            target_of(
                surroundings,
                environment or found.get("MENDWIRE_ENVIRONMENT"),
                spool or found.get("MENDWIRE_SPOOL"),
                policy_of(scrub, found),
            ),
            service=service or found.get("MENDWIRE_SERVICE") or "",
            release=release or release_of(found),
            automatic=automatic,
            log_level=level_of(log_level),
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
    return report(exc if exc is not None else sys.exc_info()[1], "error", context)


@contextmanager
def scope(**tags: object) -> Iterator[None]:
    """One piece of work with breadcrumbs and tags of its own: a job, a message from a queue.

    The middleware opens one for each request.
    """
    with trail.inside(trail.opened()):
        tag(**tags)
        yield


def tag(**tags: object) -> None:
    """Keep values beside everything that is reported from here on in this scope; never raises.

    Outside of every scope: in this task or thread.
    """
    for name, value in tags.items():
        _tag(name, value)


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


def _install(
    target: Target,
    *,
    service: str,
    release: str,
    automatic: bool,
    log_level: int,
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
    _logs.level = log_level
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
        os.register_at_fork(
            before=loading.before_fork,
            after_in_parent=loading.in_parent,
            after_in_child=_after_fork,
        )


def _hook() -> None:
    global _is_hooked  # noqa: PLW0603 - the hooks of a process are installed once
    if not _is_hooked:
        _is_hooked = True
        Hooks(report=report, drain=_drain, guard=_guard).install()
        _logs.install()
        _children.install()
        signals.connect_as_they_come()


def report(exc: BaseException | None, level: str, context: Mapping[str, object]) -> bool:
    """The same for the hooks, with a level; what is no error (being cancelled) is left alone."""
    installed = _installed
    if installed is None or exc is None:
        return False
    if not isinstance(exc, Exception) and not is_error(exc):  # few are asked: see ``_queue``
        return False
    return _guard.once(_queue, installed, exc, level, context)


def _say(message: Message) -> bool:
    installed = _installed
    if installed is None:
        return False
    return _guard.once(_queue_message, installed, message)


def _queue(
    installed: _Installed, exc: BaseException, level: str, context: Mapping[str, object]
) -> bool:
    # Here, and in what is called from here, a repeat spends its time: with cold caches most of it
    # goes into calling functions, so few are.
    entry = exc.__traceback__
    while entry is not None and (inner := entry.tb_next) is not None:
        entry = inner
    try:
        # The innermost entry stays the same while one occurrence travels up: where it was captured
        # already, it was logged and then raised on.
        marks, mark = exc.__dict__, id(entry)
        if marks.get(_SEEN) == mark and entry is not None:
            return True
        marks[_SEEN] = mark
    except Exception:  # noqa: BLE001 - the host's own class; then it may be counted twice
        entry = None
    key = rough_key(exc)
    seen = installed.tally.admit(key)
    if seen is None:
        return True

    def take() -> Taken:
        around, fixed = _around(installed, level)
        return taken(exc, {**around, **context}, fixed, _guard)

    return _put(installed, key, seen, take)


def _queue_message(installed: _Installed, message: Message) -> bool:
    key = message_key(message)
    seen = installed.tally.admit(key)
    if seen is None:
        return True

    def take() -> Taken:
        around, fixed = _around(installed, message.level)
        return message_taken(message, around, fixed, _guard)

    return _put(installed, key, seen, take)


def _around(installed: _Installed, level: str) -> tuple[Mapping[str, object], Mapping[str, str]]:
    """What every report made here and now carries: of its surroundings, and of this process."""
    found = trail.surroundings(_guard)
    trace_id, span_id = _guard.run(spans.current, ("", ""))
    if not trace_id:
        trace_id, span_id = found.trace_id, found.span_id
    trace = {"trace_id": trace_id, spans.FIELD: span_id} if trace_id else {}
    return found.context, {**installed.fixed, "level": level, **trace}


def _put(installed: _Installed, key: Key, seen: Seen, take: Callable[[], Taken]) -> bool:
    sender = installed.sender
    try:
        occurrence = take()
    except BaseException:
        sender.outbox.drop(installed.tally.forget(key, seen), "cannot be taken")
        raise
    is_queued = sender.outbox.put(key, seen, occurrence)
    sender.start()
    return is_queued


def _tag(name: str, value: object) -> None:
    _guard.run(lambda: trail.tag(name, shown(value)), None)


def _drain() -> None:
    """Send what is waiting, within the bound for the exit of the process."""
    global _drained_in_vain  # noqa: PLW0603 - the exit of a process is one thing
    if _installed and not flush(_FLUSH_SHARE * _installed.shutdown_s):
        _drained_in_vain = time.monotonic()


def _at_exit() -> None:
    """Send what waits, as long as is allowed, and put the rest on disk. Legal twice."""
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
    loading.in_child()
    _guard.begin_anew()
    if _installed:
        before = _installed
        _parents.append(before)
        tally = Tally(before.window_s)
        spool = before.target.spool
        # The files stay the parent's: it holds their locks through descriptors of its own.
        _guard.run(spool.leave_to_the_parent, None)
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


_logs = Logs(report=report, say=_say, guard=_guard)
_children = Children(report=report, leave=_at_exit, guard=_guard)
signals = Signals(report=report, leave=_at_exit, guard=_guard)
"""For the extensions of frameworks."""
