"""The plain way in: one report as JSON, several as JSON lines or as a list."""

from __future__ import annotations

from typing import Any

from mendwire.errors import Refused, Undecodable
from mendwire.gateway.delivery import Fate
from mendwire.gateway.haul import Haul, Result
from mendwire.gateway.parcels import Body
from mendwire.gateway.replies import Answer, json_answer
from mendwire.model.report import load_object


def parse_reports(payload: bytes) -> Haul:
    """A JSON object, else JSON lines; a line that is no report does not spoil the others."""
    if not payload.strip():
        raise Refused("The body is empty: send a report.", status=400, reason="malformed")
    lines = [line for line in payload.split(b"\n") if line.strip()]
    if len(lines) > 1 and isinstance(whole := _report(payload), dict):
        return Haul(bodies=[whole])
    return Haul(bodies=[_report(line) for line in lines])


class PlainFace:
    """A result for each report, in their order."""

    def accepted(self, _haul: Haul, results: list[Result]) -> Answer:
        return json_answer(200, {"results": [_shown(result) for result in results]})

    def refused(self, problem: Refused) -> Answer:
        return json_answer(problem.status, {"error": str(problem), "reason": problem.reason})


def _report(payload: bytes) -> Body | Undecodable:
    try:
        return load_object(payload)
    except Undecodable as problem:
        return problem


def _shown(result: Result) -> dict[str, Any]:
    if result.kind is None:
        return {"status": "refused", "error": str(result.problem)}
    return {
        "status": str(result.fate or Fate.STORED),
        "signature": result.kind.signature,
        "issue_key": result.kind.issue,
        "environment": result.kind.environment,
    }
