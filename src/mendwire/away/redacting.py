"""What erasing leaves of a letter to a specialist: one that can be read and is vouched for still.

Otherwise the specialist would refuse it, and what a case waits for would have to be sent again.
"""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import TypeVar

from mendwire.docket.letters import Letters, letter_in
from mendwire.errors import Undecodable
from mendwire.model.codec import convert_as, encode
from mendwire.model.delivery import Received
from mendwire.model.erasure import Eraser
from mendwire.model.letter import TASK_TYPE, Letter
from mendwire.model.names import Names
from mendwire.tasks.reading import read_task

T = TypeVar("T")


async def redacted_letter(
    letters: Letters, names: Names, eraser: Eraser, sent: Received, cleared: bytes
) -> bytes:
    """The body to send instead of ``sent``; ``cleared`` is what the eraser made of any body.

    Only what an orchestrator vouched for is vouched for again (rules B4).
    """
    try:
        task = read_task(names, sent)
        if not task.type.startswith(TASK_TYPE):
            return cleared
        before = letter_in(task.context)
        after = redacted(eraser, before)
    except Undecodable:
        return cleared
    if not await letters.is_genuine(before, task.id):
        return cleared
    body = json.loads(cleared)
    body["context"] = json.loads(encode(after))
    await letters.vouch(after, task.id)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def redacted(eraser: Eraser, letter: Letter) -> Letter:
    """The texts without the person; what places the letter stays. Raises Undecodable. Pure."""
    report = eraser.payload(letter.report.encode()).decode("utf-8", "replace")
    same = report == letter.report
    return replace(
        letter,
        prompt=eraser.text(letter.prompt),
        system=eraser.text(letter.system),
        feedback=eraser.text(letter.feedback),
        report=report,
        # What was screened lost words by an operator's hand; what is left was screened.
        screened_sha256=(letter.screened_sha256 if same else sha256(report.encode()).hexdigest()),
        finding=_without(eraser, letter.finding),
        change=_without(eraser, letter.change),
        stands=_without(eraser, letter.stands),
        reproduction=_without(eraser, letter.reproduction),
    )


def _without(eraser: Eraser, record: T) -> T:
    raw = encode(record)
    cleared = eraser.payload(raw)
    return record if cleared is raw else convert_as(type(record), json.loads(cleared))
