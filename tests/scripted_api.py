"""A Messages API on loopback that plays a script, so that real agent programs run without a model.

The turn is chosen by counting the assistant's messages in the request, so retries and concurrent
runs cannot put it out of step. The role is recognised from the answer schema that the program
offers as its StructuredOutput tool: no marker in a prompt is needed.

    script = {"research": [use("Read", file_path="/tree/shop.py"), answer(summary="...", ...)]}
    async with ScriptedApi(script) as api:
        environment["ANTHROPIC_BASE_URL"] = api.url
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

ROLE_MARKS: Final = {"cause": "research", "explanation": "implementation", "approved": "review"}
"""A property of the answer schema, and the role that it gives away."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Mapping[str, Any]

    @property
    def turn(self) -> int:
        """How often the assistant has spoken before."""
        return sum(message["role"] == "assistant" for message in self.body.get("messages", ()))

    @property
    def role(self) -> str:
        """From the answer schema; empty for requests without one."""
        for tool in self.body.get("tools", ()):
            if tool["name"] == "StructuredOutput":
                properties = tool["input_schema"].get("properties", {})
                return next((role for mark, role in ROLE_MARKS.items() if mark in properties), "")
        return ""

    @property
    def text(self) -> str:
        """Everything the model would see, as one JSON text."""
        return json.dumps(self.body, ensure_ascii=False)

    @property
    def results(self) -> list[str]:
        """The content of the tool results, oldest first, as text."""
        return [
            part["content"] if isinstance(part["content"], str) else json.dumps(part["content"])
            for message in self.body.get("messages", ())
            if message["role"] == "user" and isinstance(message["content"], list)
            for part in message["content"]
            if part["type"] == "tool_result"
        ]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What the model says once: text, then tool uses."""

    text: str = ""
    uses: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """(tool, input) each."""
    input_tokens: int = 100
    output_tokens: int = 20


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A request that goes wrong."""

    status: int = 0
    """HTTP status; 0 is a fault below HTTP."""
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "scripted fault"
    silent: bool = False
    """Take the request and never answer."""
    drop: bool = False
    """Break the stream off after its first event."""


Step = Turn | Fault | Callable[[Request], Turn | Fault]
Script = Mapping[str, Sequence[Step]]
DONE: Final = Turn(text="Done.")


def say(text: str) -> Turn:
    """Plain text."""
    return Turn(text=text)


def use(tool: str, /, **given: Any) -> Turn:
    """One tool use."""
    return Turn(uses=((tool, given),))


def answer(**fields: Any) -> Turn:
    """The structured answer."""
    return Turn(uses=(("StructuredOutput", fields),))


def costing(turn: Turn, *, input_tokens: int = 0, output_tokens: int = 0) -> Turn:
    """The same turn with another usage."""
    return replace(turn, input_tokens=input_tokens, output_tokens=output_tokens)


class ScriptedApi:
    """Plays ``script`` (role -> turns; ``""`` for requests without an answer schema).

    ``faults`` are played first, one a request, whoever asks; ``None`` among them lets one through.
    ``always`` is played for every request instead of the script.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        faults: Iterable[Fault | None] = (),
        always: Fault | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.url = ""
        self.asked = asyncio.Event()
        """Set by the first request."""
        self._script = script or {}
        self._faults = list(faults)
        self._always = always
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        for talk in tuple(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def turn_down(self, fault: Fault) -> None:
        """Answer every request with ``fault`` from now on."""
        self._always = fault

    def turn_up(self) -> None:
        """Go back to the script."""
        self._always = None

    def play(self, script: Script) -> None:
        """Play another script from now on."""
        self._script = script

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read_request(reader)
            if request:
                self.requests.append(request)
                self.asked.set()
                await self._reply(request, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def _step(self, request: Request) -> Turn | Fault:
        if self._always:
            return self._always
        if self._faults and (fault := self._faults.pop(0)):
            return fault
        steps = self._script.get(request.role, ())
        step: Step = steps[request.turn] if request.turn < len(steps) else DONE
        return step(request) if callable(step) else step

    async def _reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path.partition("?")[0] != "/v1/messages":
            await send(writer, 404, _error("not_found_error", request.path))
            return
        step = self._step(request)
        if isinstance(step, Turn):
            await _speak(step, request, writer)
        elif step.silent:
            await asyncio.Event().wait()
        elif step.drop:
            await stream(writer, _events(DONE, request)[:1])
        else:
            await send(writer, step.status, _error("api_error", step.message), step.headers)


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(path=first.split()[1], headers=headers, body=json.loads(body) if body else {})


async def _speak(turn: Turn, request: Request, writer: asyncio.StreamWriter) -> None:
    if request.body.get("stream"):
        await stream(writer, _events(turn, request))
    else:
        await send(writer, 200, _message(turn, request, content=_content(turn, request)))


def _content(turn: Turn, request: Request) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = [{"type": "text", "text": turn.text}] if turn.text else []
    for index, (tool, given) in enumerate(turn.uses):
        serial = f"toolu_{request.turn:04d}{index:04d}"
        content.append({"type": "tool_use", "id": serial, "name": tool, "input": dict(given)})
    return content


def _message(turn: Turn, request: Request, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"msg_{id(request):x}{request.turn:04d}",
        "type": "message",
        "role": "assistant",
        "model": request.body.get("model", "claude-sonnet-5"),
        "content": content,
        "stop_reason": "tool_use" if turn.uses else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": turn.input_tokens, "output_tokens": turn.output_tokens},
    }


def _events(turn: Turn, request: Request) -> list[dict[str, Any]]:
    # As the real API does: what is written is known at the end, and the beginning says 1.
    begun = {"input_tokens": turn.input_tokens, "output_tokens": min(1, turn.output_tokens)}
    start = {**_message(turn, request, content=[]), "stop_reason": None, "usage": begun}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(_content(turn, request)):
        if block["type"] == "text":
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            text = json.dumps(block["input"])
            empty, delta = (
                {**block, "input": {}},
                {"type": "input_json_delta", "partial_json": text},
            )
        events += [
            {"type": "content_block_start", "index": index, "content_block": empty},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    reason = {"stop_reason": "tool_use" if turn.uses else "end_turn", "stop_sequence": None}
    usage = {"input_tokens": turn.input_tokens, "output_tokens": turn.output_tokens}
    return [
        *events,
        {"type": "message_delta", "delta": reason, "usage": usage},
        {"type": "message_stop"},
    ]


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


async def send(
    writer: asyncio.StreamWriter,
    status: int,
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> None:
    data = json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} Scripted",
        "Content-Type: application/json",
        f"Content-Length: {len(data)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
    await writer.drain()


async def stream(writer: asyncio.StreamWriter, events: list[dict[str, Any]]) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    for event in events:
        writer.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
    await writer.drain()
