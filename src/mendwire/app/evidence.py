"""The evidence of each verdict, kept in the object store of the namespace and read from it."""

from __future__ import annotations

import platform

from mendwire import __version__
from mendwire.deliver.evidence import markdown
from mendwire.errors import ConfigError, WireError
from mendwire.model.case import Case
from mendwire.model.codec import encode
from mendwire.model.evidence import Evidence, evidence_of
from mendwire.model.scrub import ScrubPolicy
from mendwire.telemetry import emit
from mendwire.wire.jetstream import JetStreamBus

STORE = "EVIDENCE"


async def kept_evidence(bus: JetStreamBus, scrub: ScrubPolicy, case: Case, agent: str) -> str:
    """Its name, ``<STORE>/<case>``; empty where the store is full or missing, which is told.

    Evidence blocks no verdict. Raises ServerError while the server is away.
    """
    evidence = seen(case, agent, scrub)
    name = bus.names.bucket(STORE)
    store = bus.objects(name)
    try:
        await store.put(f"{case.case_id}.md", markdown(evidence).encode())
        await store.put(f"{case.case_id}.json", encode(evidence))
    except WireError as problem:
        emit("evidence.failed", case=case.case_id, error=str(problem))
        return ""
    return f"{name}/{case.case_id}"


def seen(case: Case, agent: str, scrub: ScrubPolicy) -> Evidence:
    """What a verdict of this process stands on."""
    return evidence_of(
        case, agent=agent, mendwire=__version__, python=platform.python_version(), scrub=scrub
    )


async def evidence_for(bus: JetStreamBus, case_id: str, kind: str) -> bytes:
    """The ``json`` or ``md`` of a case; raises ConfigError where there is none."""
    found = await bus.objects(bus.names.bucket(STORE)).get(f"{case_id}.{kind}")
    if found is None:
        raise ConfigError(
            f"There is no evidence of {case_id}: it has no verdict yet, or is older than 90 days."
        )
    return found
