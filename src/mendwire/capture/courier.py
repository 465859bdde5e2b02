"""Sending what waits over one connection: the spool first, in order, then the queue.

Loaded by the sender's thread when there is something to send. Nothing here needs an event loop or
nats-py: see ``wire.line``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Final

from mendwire.capture.flow import LATER, Flow, Message, Place
from mendwire.capture.outbox import Outbox
from mendwire.capture.outgoing import PUBLISHER, outgoing
from mendwire.capture.segment import Segment, Spooled
from mendwire.capture.wishes import Wishes
from mendwire.errors import AccessRefused, MendwireError, Unreachable
from mendwire.model.fitting import ROOM_FOR_HEADERS
from mendwire.model.names import Names
from mendwire.model.scrub import DEFAULT
from mendwire.wire.ack import Ack
from mendwire.wire.dialling import dialled
from mendwire.wire.wake import Wake
from mendwire.wire.window import WINDOW, Window

COUNT_EVERY_S: Final = 5.0


def deliver(outbox: Outbox, wishes: Wishes, wake: Wake, brought: Callable[[], None]) -> None:
    """Connect, then send what comes until the connection is lost; blocks.

    ``brought`` is called whenever the server has all that waited. Raises Ended when ``wake`` says
    so, and what another try may mend; what could not be sent still waits in ``outbox`` then.
    """
    target = outbox.target
    with dialled(target.surroundings, wake, names=target.names, name="mendwire-sdk") as to:
        window = Window(to)
        window.check_jetstream(to.url)
        courier = Courier(outbox, window, to.names, to.max_payload)
        flow = Flow(window, courier.settle)
        try:
            courier.serve(flow, wishes, wake, brought)
        finally:
            outbox.ready.extendleft(reversed(flow.take_back()))


class Courier:
    """Brings what waits in one outbox over one connection."""

    def __init__(self, outbox: Outbox, window: Window, names: Names, max_payload: int) -> None:
        self._outbox = outbox
        self._window = window
        self._names = names
        self._limit = max_payload or 1024 * 1024

    def serve(self, flow: Flow, wishes: Wishes, wake: Wake, brought: Callable[[], None]) -> None:
        """Send whatever comes; ends by an exception only."""
        told = time.monotonic()
        while True:
            wake.clear()
            wished = wishes.open()
            self.send_spooled(flow)
            self.send_queued(flow)
            if wished or time.monotonic() - told > COUNT_EVERY_S:
                self._send_counts(flow)
                told = time.monotonic()
            brought()
            wishes.answer(wished, is_delivered=True)
            self._window.rest(COUNT_EVERY_S)

    def send_spooled(self, flow: Flow) -> None:
        """Everything on disk that nobody else holds, writer by writer.

        Where one writer's messages cannot be stored now, those of others still are: a stream may be
        full or missing for one environment only. Raises the first such problem at the end.
        """
        problem: MendwireError | None = None
        stuck: set[str] = set()
        for segment, is_own in self._outbox.target.spool.waiting():
            if segment.writer in stuck:
                continue
            try:
                self._send_segment(flow, segment, is_own=is_own)
            except Unreachable:
                raise
            except LATER as later:
                flow.take_back()
                stuck.add(segment.writer)
                problem = problem or later
        if problem is not None:
            raise problem

    def _send_segment(self, flow: Flow, segment: Segment, *, is_own: bool) -> None:
        records = segment.unsettled()
        while chunk := list(islice(records, WINDOW)):
            segment.note_sent(chunk[-1].end)
            for found in chunk:
                if found.item is None:
                    self._damaged(segment, is_own=is_own)
                else:
                    place = Place(segment=segment, end=found.end, is_own=is_own)
                    self._send(flow, found.item, place)
        flow.rest()
        self._outbox.target.spool.remove(segment)
        if is_own and segment.held:
            self._damaged(segment, is_own=True, count=segment.held)

    def send_queued(self, flow: Flow) -> None:
        """Everything in memory; returns when it is acknowledged."""
        outbox = self._outbox
        while outbox.ready or outbox.digest():
            while outbox.ready:
                # From here on the flow holds it, and gives it back if it cannot be sent.
                self._send(flow, outbox.ready.popleft(), None)
            # A report took a while to scrub: let the one before leave.
            self._window.breathe()
        flow.rest()

    def _send_counts(self, flow: Flow) -> None:
        self._outbox.ready.extend(self._outbox.take_counts())
        self.send_queued(flow)

    def _send(self, flow: Flow, item: Spooled, place: Place | None) -> None:
        message: Message | MendwireError
        try:
            message = self._message(item)
        except MendwireError as problem:
            message = problem
        flow.send(item, place, message)

    def _message(self, item: Spooled) -> Message:
        names, payload = self._names, item.payload
        if item.kind != "report":
            headers = {"Nats-Msg-Id": f"{names.namespace}-{item.kind}-{item.id}"}
            return Message(names.occurrences(item.issue), payload, headers)
        if item.namespace == names.namespace and len(payload) + ROOM_FOR_HEADERS <= self._limit:
            headers = _headers(item.id, item.issue)
            return Message(names.errors(item.environment), payload, {**headers, **item.trace})
        made = outgoing(
            payload, names, item.environment, self._limit, self._outbox.target.scrub or DEFAULT
        )
        headers = _headers(made.msg_id, made.issue)
        return Message(made.subject, made.payload, {**headers, **item.trace})

    def settle(self, item: Spooled, place: Place | None, answer: Ack | MendwireError) -> None:
        """The server has answered, and there is no other try."""
        outbox, count = self._outbox, item.occurrences
        ledger = outbox.ledger
        if place is None:
            ledger.in_hand -= count
        else:
            place.segment.note_settled(place.end)
            if place.is_own:
                place.segment.held -= count
                ledger.spooled -= count
            else:
                ledger.adopted += count
        if isinstance(answer, MendwireError):
            self._refused(item, answer)
        elif item.kind == "count":
            ledger.counted += count
        elif answer.duplicate and not item.is_tried:
            outbox.tally.add(item.signature, item.issue)
        elif item.kind == "report":
            ledger.stored += 1

    def _refused(self, item: Spooled, answer: MendwireError) -> None:
        if item.kind == "drops":
            # They stay in the statistics; telling again is no use where telling is refused.
            return
        reason = "report refused" if item.kind == "report" else "counts refused"
        if isinstance(answer, AccessRefused):
            reason = "no permission to tell counts"
        self._outbox.drop(item.occurrences, reason)

    def _damaged(self, segment: Segment, *, is_own: bool, count: int = 1) -> None:
        """Records that cannot be read; how many occurrences they held is known of our own only."""
        if is_own:
            count = min(count, segment.held)
            segment.held -= count
            self._outbox.ledger.spooled -= count
        else:
            self._outbox.ledger.adopted += count
        if count:
            self._outbox.drop(count, "spool damaged")


def _headers(msg_id: str, issue: str) -> dict[str, str]:
    return {
        "Nats-Msg-Id": msg_id,
        "Mendwire-Publisher": PUBLISHER,
        "Mendwire-Issue": issue,
    }
