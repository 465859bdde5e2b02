"""``mendwire report --log``: a log on standard input, read to its end or as it grows."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from types import FrameType
from typing import BinaryIO, Final

from mendwire.capture.destination import policy_of, target_of
from mendwire.capture.log_errors import body_of_record
from mendwire.capture.log_records import MAX_LINE, Splitter
from mendwire.capture.log_reporter import LogReporter, Sums
from mendwire.cli.report_input import Body
from mendwire.errors import Unreachable
from mendwire.settings.environment import Environment

QUIET_S: Final = 1.0
"""After a second without a line, what is there of a record is all of it."""
_CHUNK: Final = 65_536
_LONGEST: Final = 4 * MAX_LINE
"""Bytes of a line: characters have up to four."""
_LOST: Final = 1
_BACK: Final = "The server is back and has everything that waited."


class Stop:
    """SIGINT and SIGTERM: the log ends there. They interrupt the wait for a line, nothing else."""

    def __init__(self) -> None:
        self.is_asked = False
        self._is_waiting = False

    def heed(self) -> None:
        """From here on, in this process."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        is_again, self.is_asked = self.is_asked, True
        if self._is_waiting or is_again:
            signal.default_int_handler(number, frame)

    def wait(self, source: BinaryIO) -> bool:
        """Until there is something to read, for a second at most; raises KeyboardInterrupt."""
        self._is_waiting = True
        try:
            if self.is_asked:
                raise KeyboardInterrupt
            return bool(select.select([source], [], [], QUIET_S)[0])
        finally:
            self._is_waiting = False


def errors_in(source: BinaryIO, stop: Stop) -> Iterator[Body | None]:
    """The report of each record that tells of an error; None where the log is quiet."""
    splitter = Splitter()
    for line in _lines(source, stop):
        for record in splitter.rest() if line is None else splitter.feed(line):
            if body := body_of_record(record):
                yield body
        if line is None:
            yield None
    for record in splitter.rest():
        if body := body_of_record(record):
            yield body


def send_log(
    bodies: Iterable[Body | None],
    surroundings: Environment,
    environment: str | None,
    stop: Stop,
    *,
    as_json: bool,
) -> int:
    """Report them as they come; the exit code. Raises ConfigError, InvalidName and Unreachable.

    A signal ends it as the log's end does: what was read is sent, or waits on disk.
    """
    found = surroundings.variables
    target = target_of(
        surroundings, environment, found.get("MENDWIRE_SPOOL"), policy_of(None, found)
    )
    reporter = LogReporter(target)
    told = ""
    for body in bodies:
        if body is not None:
            reporter.take(body)
        if (problem := reporter.problem) != told:
            told = problem
            news = f"{told} Reports wait on disk meanwhile." if told else _BACK
            print(f"mendwire: {news}", file=sys.stderr)
    sums = reporter.close(in_haste=stop.is_asked)
    _tell(sums, as_json=as_json)
    if sums.spooled:
        raise Unreachable(
            f"{reporter.problem or 'The server takes nothing now.'} {sums.spooled} wait in "
            f"{target.spool.folder} and are sent with the next report."
        )
    return _LOST if sums.dropped else 0


def _tell(sums: Sums, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(sums)), flush=True)
        return
    print(
        f"{sums.errors} found: {sums.stored} stored, {sums.counted} counted as repeats"
        + (f", {sums.spooled} on disk" if sums.spooled else "")
        + (f", {sums.dropped} lost for want of room" if sums.dropped else "")
        + ".",
        flush=True,
    )


def _lines(source: BinaryIO, stop: Stop) -> Iterator[str | None]:
    """Each line as it comes; None after a second of silence. What is no text becomes a mark."""
    rest, is_cut = b"", False
    for data in _chunks(source, stop):
        if data is None:
            yield None
            continue
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if not is_cut:
                yield line.decode("utf-8", "replace")
            is_cut = False
        if len(rest) > _LONGEST:  # what is left of so long a line is passed over
            if not is_cut:
                yield rest.decode("utf-8", "replace")
            rest, is_cut = b"", True
    if rest and not is_cut:
        yield rest.decode("utf-8", "replace")


def _chunks(source: BinaryIO, stop: Stop) -> Iterator[bytes | None]:
    while True:
        try:
            is_ready = stop.wait(source)
        except KeyboardInterrupt:
            return
        if not is_ready:
            yield None
        elif data := os.read(source.fileno(), _CHUNK):
            yield data
        else:
            return
