"""The scripted API in the form of OpenAI's Responses, for programs that speak it.

The same script is played; a turn has at most one tool use here. What is a structured answer there
is a message of plain JSON here, for the schema goes with the request.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.scripted_api import ROLE_MARKS, Fault, Request, ScriptedApi, Turn, send, stream

_SPOKEN: Final = {"message", "function_call", "custom_tool_call"}
_ANSWERED: Final = {"function_call_output", "custom_tool_call_output"}


@dataclass(frozen=True, kw_only=True)
class ResponsesRequest(Request):
    """One request as it arrived."""

    @property
    def items(self) -> list[Mapping[str, Any]]:
        return [item for item in self.body.get("input", ()) if isinstance(item, dict)]

    @property
    def turn(self) -> int:
        """How often the model has spoken before."""
        return sum(
            item.get("type") in _SPOKEN and item.get("role") in {None, "assistant"}
            for item in self.items
        )

    @property
    def role(self) -> str:
        """From the answer schema; empty for requests without one."""
        schema = self.body.get("text", {}).get("format", {}).get("schema", {})
        properties = schema.get("properties", {})
        return next((role for mark, role in ROLE_MARKS.items() if mark in properties), "")

    @property
    def results(self) -> list[str]:
        """What the tools gave, oldest first, as text."""
        return [json.dumps(item["output"]) for item in self.items if item.get("type") in _ANSWERED]


class ScriptedResponses(ScriptedApi):
    """Plays a script at ``/v1/responses``."""

    async def _reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        asked = ResponsesRequest(path=request.path, headers=request.headers, body=request.body)
        self.requests[self.requests.index(request)] = asked
        if request.path.partition("?")[0] != "/v1/responses":
            await send(writer, 404, {"error": {"message": f"no {request.path}"}})
            return
        step = self._step(asked)
        if isinstance(step, Fault):
            if step.silent:
                await asyncio.Event().wait()
            problem = {"error": {"message": step.message, "type": "scripted", "code": None}}
            await send(writer, step.status, problem, step.headers)
        else:
            await stream(writer, _events(step, asked))


def _events(turn: Turn, request: ResponsesRequest) -> list[dict[str, Any]]:
    serial = f"{request.turn:04d}"
    used = turn.input_tokens + turn.output_tokens
    usage = {
        "input_tokens": turn.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": turn.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used,
    }
    return [
        {"type": "response.created", "response": {"id": f"resp_{serial}"}},
        {"type": "response.output_item.done", "output_index": 0, "item": _item(turn, serial)},
        {
            "type": "response.completed",
            "response": {"id": f"resp_{serial}", "usage": usage, "end_turn": _answers(turn)},
        },
    ]


def _answers(turn: Turn) -> bool:
    return not turn.uses or turn.uses[0][0] == "StructuredOutput"


def _item(turn: Turn, serial: str) -> dict[str, Any]:
    if _answers(turn):
        text = json.dumps(turn.uses[0][1]) if turn.uses else turn.text
        content = [{"type": "output_text", "text": text, "annotations": []}]
        return {"type": "message", "role": "assistant", "id": f"msg_{serial}", "content": content}
    ((tool, given),) = turn.uses
    common = {"id": f"fc_{serial}", "call_id": f"call_{serial}", "name": tool}
    if "input" in given:  # a tool whose input is free text
        return {"type": "custom_tool_call", **common, "input": given["input"]}
    return {"type": "function_call", **common, "arguments": json.dumps(given)}
