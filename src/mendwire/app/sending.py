"""What sends roles to specialists elsewhere, built and wired."""

from __future__ import annotations

from mendwire.app.parts import Grounds
from mendwire.away.dispatch import Dispatch
from mendwire.away.replies import Reader
from mendwire.docket.letters import Letters
from mendwire.docket.roster import SPECIALIST, Roster
from mendwire.model.letter import called
from mendwire.model.scrub import find_secret
from mendwire.screen import Screen
from mendwire.tasks.queue import TaskQueue


def elsewhere_of(grounds: Grounds, screen: Screen) -> Dispatch:
    """For the roles that the operator sends away; raises ConfigError for what is no role."""
    wanted, bus = grounds.config.specialists, grounds.bus

    async def knows(commit: str) -> bool:
        return await grounds.repository.origin.names_of(commit) is not None

    return Dispatch(
        queue=TaskQueue(bus),
        docket=grounds.docket,
        letters=Letters(bucket=bus.bucket(bus.names.bucket("DOCKET"))),
        roster=Roster(
            bus.bucket(bus.names.bucket("TASK_STATES")),
            grounds.roster.worker,
            heartbeat_s=grounds.config.worker.heartbeat_s,
            kind=SPECIALIST,
        ),
        reader=Reader(weigh=screen.weigh, knows=knows, has_secret=find_secret),
        roles=frozenset(map(called, wanted.remote)),
        here=wanted.otherwise == "here",
        patience_s=wanted.patience_s,
        wait_s=wanted.wait_s,
    )
