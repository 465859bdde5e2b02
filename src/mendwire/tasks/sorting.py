"""What others publish to ``{ns}.tasks.<type>`` says its priority and receiver in its body only.

It is published again where its rank and receiver stand in the subject, under an id made of its
place, and then acknowledged: a crash in between repeats a step that the server refuses.
"""

from __future__ import annotations

from collections.abc import Callable

from mendwire.errors import MendwireError, Undecodable
from mendwire.model.delivery import SETTLED, DeliveryState, Outcome, Received
from mendwire.tasks.lanes import ANY
from mendwire.tasks.outcomes import Outcomes
from mendwire.tasks.reading import TASK_ID, read_task
from mendwire.wire.burial import GENERATION, own_headers, place
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.settling import Settler

_LATER_S = 5.0


async def sort(bus: JetStreamBus, outcomes: Outcomes, settler: Settler, received: Received) -> None:
    """Move one raw task to where its rank and receiver say; unreadable ones are buried."""
    outcome = await _sorted(bus, outcomes, received)
    await settler.settle(lambda: received, outcome, obstacle=_silent)


async def _sorted(bus: JetStreamBus, outcomes: Outcomes, received: Received) -> Outcome:
    try:
        task = read_task(bus.names, received)
    except Undecodable as problem:
        return Outcome(state=DeliveryState.UNDECODABLE, reason=str(problem))
    try:
        ended = await outcomes.find(task.id)
        if ended is not None and ended.generation >= task.generation:
            return Outcome(state=DeliveryState.SKIPPED, reason="it has its result")
        headers = own_headers(received.headers) | {TASK_ID: task.id}
        if task.generation:
            headers[GENERATION] = str(task.generation)
        await bus.publish(
            bus.names.task(task.type, task.priority, task.assigned_to or ANY),
            received.payload,
            msg_id=f"sorted-{place(received.ref)}",
            headers=headers,
        )
    except MendwireError as problem:
        return Outcome(state=DeliveryState.DEFERRED, reason=str(problem), delay_s=_LATER_S)
    return SETTLED


_silent: Callable[[str], None] = lambda _why: None  # noqa: E731 - nobody is held up by it
