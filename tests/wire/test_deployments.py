"""What runs where and who was heard from, against a real server."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mendwire.docket.cases import Docket, Filed
from mendwire.docket.deployments import Deployments
from mendwire.docket.roster import Roster
from mendwire.investigate.intake import TRUST_HEADER, Intake
from mendwire.model.boundary import pass_by
from mendwire.model.case import Case, CaseState
from mendwire.model.delivery import DeliveryState, Outcome, Received
from mendwire.model.names import Names
from mendwire.model.report import ErrorReport, Trust
from mendwire.model.screening import Screening
from mendwire.screen.stage import Screened, let_through
from mendwire.wire.jetstream import JetStreamBus

ERRORS = "AI_TUTOR_STAGING_ERRORS"


def deployments_of(bus: JetStreamBus) -> Deployments:
    return Deployments(bucket=bus.bucket(bus.names.bucket("DOCKET")))


def intake_of(bus: JetStreamBus) -> Intake:
    """One whose screen lets everything through."""

    async def tell(_case: Case, _then: str) -> None: ...

    async def screen(report: ErrorReport, payload: bytes, trust: Trust) -> Screened:
        return let_through(report, payload, trust)

    async def quarantine(received: Received, reason: str, screening: Screening | None) -> None:
        raise AssertionError(received, reason, screening)

    async def released(*_of: object) -> None: ...

    bucket = bus.bucket(bus.names.bucket("DOCKET"))
    return Intake(
        names=bus.names,
        docket=Docket(bucket, "us"),
        roster=Roster(bucket, "us", heartbeat_s=5.0),
        deployments=deployments_of(bus),
        tell=tell,
        screen=screen,
        quarantine=quarantine,
        released=released,
        boundary=pass_by,
    )


async def message(bus: JetStreamBus, names: Names, release: str, trust: str = "") -> Received:
    body = {"error": "KeyError: 'x'", "type": "KeyError", "service": "shop", "release": release}
    headers = {TRUST_HEADER: trust} if trust else {}
    ack = await bus.publish(names.errors("staging"), json.dumps(body).encode(), headers=headers)
    received = await bus.peek(ERRORS, ack.seq)
    assert received is not None
    return received


@pytest.mark.parametrize(("trust", "is_heard"), [("", True), ("low", False)])
async def test_rule_a12_a_source_of_low_trust_does_not_help_to_verify(
    bus: JetStreamBus, names: Names, trust: str, is_heard: bool
) -> None:
    known = deployments_of(bus)
    new = await known.add("staging", "shop", "shop@2", "c" * 40)
    await intake_of(bus).admit(await message(bus, names, "shop@2", trust))
    assert (await known.heard("staging", "shop") > new.at_ns) is is_heard


async def test_rule_a12_an_old_release_that_is_loud_does_not_drown_the_new_one(
    bus: JetStreamBus,
) -> None:
    known = deployments_of(bus)
    new = await known.add("staging", "shop", "shop@2", "c" * 40)
    await known.hear("staging", "shop", "shop@1")
    assert await known.heard("staging", "shop") == 0
    await known.hear("staging", "shop", "shop@2")
    assert await known.heard("staging", "shop") > new.at_ns


async def test_rule_a12_a_release_that_is_put_back_is_still_the_one_without_the_fix(
    bus: JetStreamBus, names: Names
) -> None:
    known, intake = deployments_of(bus), intake_of(bus)
    filed = await intake.admit(await message(bus, names, "shop@1"))
    assert isinstance(filed, Filed)
    await known.add("staging", "shop", "shop@1", "a" * 40)
    fixed = await known.add("staging", "shop", "shop@2", "b" * 40)
    await known.add("staging", "shop", "shop@1", "a" * 40)
    soaking = await intake.docket.change(
        filed, lambda case: replace(case, state=CaseState.SOAKING, deployed=fixed)
    )
    old = await intake.admit(await message(bus, names, "shop@1"))
    assert isinstance(old, Outcome)
    assert old.state is DeliveryState.SKIPPED
    again = await intake.admit(await message(bus, names, "shop@2"))
    assert isinstance(again, Filed)
    assert again.case.episode == soaking.case.episode + 1
