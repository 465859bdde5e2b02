"""What the docket knows of a message that was delivered too often (rules A2)."""

from __future__ import annotations

from enum import StrEnum

from mendwire.errors import Damaged, ScreenBroken, Undecodable
from mendwire.investigate.intake import Intake, same_message
from mendwire.model.case import UNFINISHED, CaseState
from mendwire.model.delivery import Received


class Known(StrEnum):
    """How the docket stands to a message."""

    ALIVE = "alive"
    """Its case is being worked on, or will be: leave the message."""
    FINISHED = "finished"
    """Its case is over, or it was joined to one: the message may go."""
    STRANGER = "stranger"
    """No case has it: nobody ever got as far as filing it."""
    UNREADABLE = "unreadable"
    """It can never become a case."""


async def known_as(intake: Intake, received: Received) -> Known:
    """Find the case that this message opened, if any."""
    try:
        case = await intake.foresee(received)
        known = await intake.docket.get(case.issue) if case else None
    except (Undecodable, ScreenBroken):
        return Known.UNREADABLE
    except Damaged:
        return Known.ALIVE
    if known is None or not same_message(known.case.message, received.ref):
        return Known.STRANGER
    alive = known.case.state in UNFINISHED or known.case.state is CaseState.PARKED
    return Known.ALIVE if alive else Known.FINISHED
