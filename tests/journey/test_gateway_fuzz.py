"""Hostile and broken requests against the running gateway: no crash, no 5xx, no growth.

The processes outlive the examples. Every answer is held to the promise; after the last one a good
event still arrives, through the same process, which has stayed within its memory.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from queue import Queue

import brotli  # type: ignore[import-untyped]  # brings no types
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway_stage import ENV, Credential, GatewayStage, gateway_stage
from tests.otlp_requests import Object, as_protobuf, exception, log, logs, span, traces

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ANSWERED_WITHIN_S = 30.0
MOST_MEMORY_MB = 400.0
"""Its own limits are 48 MiB in flight and 64 KiB inflated at once; the rest is the interpreter."""
hostile = settings(
    max_examples=int(os.environ.get("MENDWIRE_FUZZ_EXAMPLES", "80")),
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
EVENT = {
    "event_id": "9" * 32,
    "level": "error",
    "platform": "python",
    "release": "fuzz@1",
    "exception": {
        "values": [
            {
                "type": "ValueError",
                "value": "no",
                "mechanism": {"type": "generic", "handled": True, "exception_id": 0},
                "stacktrace": {
                    "frames": [
                        {
                            "filename": "shop.py",
                            "function": "charge",
                            "lineno": 3,
                            "in_app": True,
                            "vars": {"order": "17"},
                        }
                    ]
                },
            }
        ]
    },
    "logentry": {"message": "no %s", "params": ["x"], "formatted": "no x"},
    "breadcrumbs": {"values": [{"message": "before", "category": "log"}]},
    "request": {"url": "http://localhost/", "headers": {"Accept": "*/*"}},
    "contexts": {"trace": {"trace_id": "a" * 32}},
    "tags": {"plan": "gold"},
    "fingerprint": ["{{ default }}", "x"],
}


def envelope(event: object) -> bytes:
    payload = json.dumps(event).encode()
    item = json.dumps({"type": "event", "length": len(payload)}).encode()
    return b"{}\n%s\n%s\n" % (item, payload)


GOOD = envelope(EVENT)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayStage]:
    """Runs in a loop of its own thread, since Hypothesis' tests are not asynchronous."""
    ready: Queue[GatewayStage | BaseException] = Queue()
    over = threading.Event()

    async def hold() -> None:
        async with gateway_stage(tmp_path_factory.mktemp("gateway")) as made:
            made.key("server", "--env", ENV, "--trust", "trusted")
            made.start()
            ready.put(made)
            await asyncio.to_thread(over.wait)

    def run() -> None:
        try:
            asyncio.run(hold())
        except BaseException as problem:  # noqa: BLE001 - handed to the test
            ready.put(problem)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        made = ready.get()
        if isinstance(made, BaseException):
            raise made
        yield made
        still_well(made)
    finally:
        over.set()
        thread.join()


def still_well(stage: GatewayStage) -> None:
    """The process lives, has not grown, has logged no traceback and takes a good event."""
    assert stage.process is not None
    assert stage.process.poll() is None, stage.log[-3000:]
    status, _, body = stage.post(stage.key("server").envelope, GOOD)
    assert (status, json.loads(body)["id"]) == (200, "9" * 32)
    assert psutil.Process(stage.process.pid).memory_info().rss < MOST_MEMORY_MB * 1e6
    assert "Traceback" not in stage.log


def answered(stage: GatewayStage, request: bytes) -> int:
    """The status of the first answer; 0 where the connection was closed without one."""
    with socket.create_connection(("127.0.0.1", stage.port), ANSWERED_WITHIN_S) as line:
        try:
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            told = line.recv(65_536)
        except ConnectionError:
            return 0
    return int(told[9:12]) if told.startswith(b"HTTP/1.") else 0


def posted(
    stage: GatewayStage, path: str, body: bytes, headers: Mapping[str, str] | None = None
) -> int:
    """The status; never a 5xx."""
    status, _, told = stage.post(path, body, headers)
    assert status < 500, (status, told, stage.log[-2000:])
    return status


def paths(key: Credential) -> list[str]:
    given = f"?sentry_key={key.key}"
    doors = (f"/api/{key.project}/envelope/", f"/api/{key.project}/store/", "/v1/errors")
    return [door + given for door in (*doors, "/v1/logs", "/v1/traces")]


any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([[], {}, "", 2**70, -1, "\ud800", "a" * 5000]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
encodings: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=1),
    "zstd": lambda data: zstd.compress(data, 1),
}


def places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Every place in a JSON value."""
    yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from places(item, (*path, at))


def replaced(value: object, path: tuple[object, ...], by: object) -> object:
    """A copy with another value in that place."""
    if not path:
        return by
    if isinstance(value, dict):
        return {k: replaced(v, path[1:], by) if k == path[0] else v for k, v in value.items()}
    assert isinstance(value, list)
    return [replaced(v, path[1:], by) if at == path[0] else v for at, v in enumerate(value)]


@hostile
@given(place=st.sampled_from(list(places(EVENT))), value=any_json, door=st.integers(0, 2))
def test_an_event_with_anything_anywhere(
    stage: GatewayStage, place: tuple[object, ...], value: object, door: int
) -> None:
    event = replaced(EVENT, place, value)
    body = envelope(event) if door == 0 else json.dumps(event).encode()
    posted(stage, paths(stage.key("server"))[door], body)


@hostile
@given(
    cut=st.integers(0, len(GOOD)),
    at=st.integers(0, len(GOOD) - 1),
    junk=st.binary(max_size=30),
    encoding=st.sampled_from(list(encodings)),
    claimed=st.sampled_from([*encodings, "gzip, br", "identity", "nonsense"]),
    stump=st.floats(0, 1),
)
def test_an_envelope_that_was_cut_garbled_or_mislabelled(
    stage: GatewayStage,
    cut: int,
    at: int,
    junk: bytes,
    encoding: str,
    claimed: str,
    stump: float,
) -> None:
    garbled = (GOOD[:at] + junk + GOOD[at + len(junk) :])[: cut or None]
    body = encodings[encoding](garbled)
    headers = {"Content-Encoding": claimed} if claimed else {}
    for sent in (body, body[: int(len(body) * stump)]):
        posted(stage, paths(stage.key("server"))[0], sent, headers)


STACK = 'Traceback (most recent call last):\n  File "/app/a.py", line 3, in f\n    x()\nE: no\n'
RAISED = exception("shop.E", "no", STACK) | {"code.lineno": 3, "thread": {"id": 1, "names": ["a"]}}
RESOURCE: Object = {"service.name": "shop", "service.version": "fuzz@1"}
EXPORTS: dict[str, Object] = {
    "/v1/logs": logs(log("it failed", RAISED), resource=RESOURCE),
    "/v1/traces": traces(span(RAISED), resource=RESOURCE),
}
EXPORTED = {path: as_protobuf(request) for path, request in EXPORTS.items()}


@hostile
@given(
    where=st.sampled_from([(path, at) for path, whole in EXPORTS.items() for at in places(whole)]),
    value=any_json,
    encoding=st.sampled_from(list(encodings)),
)
def test_an_export_with_anything_anywhere(
    stage: GatewayStage, where: tuple[str, tuple[object, ...]], value: object, encoding: str
) -> None:
    path, place = where
    body = encodings[encoding](json.dumps(replaced(EXPORTS[path], place, value)).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    posted(stage, f"{path}?sentry_key={stage.key('server').key}", body, headers)


@hostile
@given(
    path=st.sampled_from(list(EXPORTED)),
    at=st.floats(0, 1),
    junk=st.binary(max_size=12),
    cut=st.floats(0, 1) | st.just(1.0),
    encoding=st.sampled_from(list(encodings)),
    stump=st.floats(0, 1) | st.just(1.0),
)
def test_an_export_in_protobuf_that_was_cut_or_garbled(
    stage: GatewayStage, path: str, at: float, junk: bytes, cut: float, encoding: str, stump: float
) -> None:
    whole = EXPORTED[path]
    place = int(len(whole) * at)
    garbled = whole[:place] + junk + whole[place + len(junk) :]
    body = encodings[encoding](garbled[: int(len(garbled) * cut)])
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": encoding}
    url = f"{path}?sentry_key={stage.key('server').key}"
    posted(stage, url, body[: int(len(body) * stump)], headers)


@pytest.mark.parametrize("encoding", list(encodings))
def test_a_whole_export_is_taken_in_every_encoding(stage: GatewayStage, encoding: str) -> None:
    """What the two tests above spoil."""
    for path, whole in EXPORTED.items():
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": encoding}
        url = f"{path}?sentry_key={stage.key('server').key}"
        assert posted(stage, url, encodings[encoding](whole), headers) == 200


@hostile
@given(
    body=st.binary(max_size=300),
    door=st.integers(0, 4),
    content=st.sampled_from(
        [
            "application/json",
            "application/x-protobuf",
            "text/plain",
            "multipart/form-data",
            "x" * 300,
        ]
    ),
    auth=st.sampled_from(
        ["", "Sentry", "Sentry sentry_key=", "Bearer \x7f", "Basic ====", "\xe9" * 50]
    ),
)
def test_bytes_with_any_label_at_every_door(
    stage: GatewayStage, body: bytes, door: int, content: str, auth: str
) -> None:
    key = stage.key("server")
    posted(stage, paths(key)[door], body, {"Content-Type": content})
    bare = paths(key)[door].partition("?")[0]
    headers = {"X-Sentry-Auth": auth, "Authorization": auth} if auth else {}
    assert posted(stage, bare, body, headers) in {401, 403, 404, 400}


@hostile
@given(
    line=st.sampled_from(
        [b"POST %s HTTP/1.1", b"POST %s HTTP/9.9", b"GET %s", b"\x16\x03\x01%s", b"PUT %s HTTP/1.1"]
    ),
    length=st.sampled_from([b"", b"-1", b"0", b"10", b"1e9", b"99999999999999999999", b"5, 6"]),
    more=st.binary(max_size=80),
    is_chunked=st.booleans(),
    body=st.binary(max_size=80),
)
def test_what_is_hardly_http(
    stage: GatewayStage, line: bytes, length: bytes, more: bytes, is_chunked: bool, body: bytes
) -> None:
    head = [line % paths(stage.key("server"))[0].encode(), b"Host: localhost", b"X: " + more]
    if length:
        head.append(b"Content-Length: " + length)
    if is_chunked:
        head.append(b"Transfer-Encoding: chunked")
    assert answered(stage, b"\r\n".join([*head, b"", body])) < 500


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd"])
def test_a_bomb_is_put_out(stage: GatewayStage, encoding: str) -> None:
    """200 MiB in a few hundred kilobytes: refused, not inflated into memory."""
    inner = b'{}\n{"type":"event"}\n' + bytes(200 << 20)
    bomb = encodings[encoding](inner)
    del inner
    status = posted(stage, paths(stage.key("server"))[0], bomb, {"Content-Encoding": encoding})
    assert status == 413
    still_well(stage)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 200_000, id="brackets"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="objects"),
        pytest.param(b'{"error":"' + b"a.b@c " * 150_000 + b'"}', id="addresses"),
        pytest.param(b'{"error":"x","stack":"' + b" at f (a:1:1)\\n" * 60_000 + b'"}', id="frames"),
        pytest.param(b"9" * 900_000, id="digits"),
    ],
)
def test_what_is_deep_or_long_is_read_in_time(stage: GatewayStage, body: bytes) -> None:
    for path in paths(stage.key("server")):
        posted(stage, path, body, {"Content-Type": "application/json"})
    wrapped = b'{}\n{"type":"event","length":%d}\n%s\n' % (len(body), body)
    posted(stage, paths(stage.key("server"))[0], wrapped)


def test_a_body_larger_than_it_may_be_is_refused_before_it_is_read(stage: GatewayStage) -> None:
    path = paths(stage.key("server"))[0].encode()
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n{}" % path
    with socket.create_connection(("127.0.0.1", stage.port), ANSWERED_WITHIN_S) as line:
        line.sendall(head)
        assert line.recv(65_536)[9:12] == b"413"


def test_many_bodies_that_never_end_keep_nobody_waiting(stage: GatewayStage) -> None:
    path = paths(stage.key("server"))[0].encode()
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n{" % path
    with ExitStack() as lines:
        for _ in range(200):
            line = lines.enter_context(
                socket.create_connection(("127.0.0.1", stage.port), ANSWERED_WITHIN_S)
            )
            line.sendall(head)
        still_well(stage)
