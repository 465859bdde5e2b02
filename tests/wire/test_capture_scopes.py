"""What a report takes along: its request, breadcrumbs and tags; what runs at once does not mix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mendwire.wire.jetstream import JetStreamBus
from tests.nats_server import RealServer
from tests.sdk_host import Host, repeats, stored


@pytest.fixture
def host(tmp_path: Path, server: RealServer, bus: JetStreamBus) -> Host:
    del bus  # the streams are there
    folder = tmp_path / "host"
    folder.mkdir()
    return Host(folder, server.url)


async def reports(host: Host, bus: JetStreamBus, program: str) -> list[dict[str, Any]]:
    code, output = await host.run(program)
    assert code == 0, output
    return await stored(bus)


def crumbs(body: dict[str, Any]) -> list[str]:
    return [crumb["message"] for crumb in body["context"].get("breadcrumbs", ())]


async def test_a_body_that_fails_while_it_is_sent_has_its_request(
    host: Host, bus: JetStreamBus
) -> None:
    (body,) = await reports(
        host,
        bus,
        """
        from mendwire.capture.wsgi import MendwireWSGI
        closed = []
        class Body:
            def __iter__(self):
                yield b"one"
                logging.warning("half way")
                total({"price": 3})
            def close(self):
                closed.append(True)
        def app(environ, start_response):
            start_response("200 OK", [])
            return Body()
        environ = {"REQUEST_METHOD": "PUT", "PATH_INFO": "/a b", "QUERY_STRING": "x=1&secret"}
        served = MendwireWSGI(app)(environ, lambda *_: None)
        pieces = iter(served)
        assert next(pieces) == b"one"
        logging.warning("of the server, not of the request")
        try:
            next(pieces)
        except ZeroDivisionError:
            logging.exception("the server's log")
        else:
            raise AssertionError
        served.close()
        assert closed == [True]
        plain = [b"x"]
        assert MendwireWSGI(lambda *_: plain)({}, None) is plain
        """,
    )
    assert body["context"]["mechanism"] == "wsgi"
    assert body["context"]["request"] == {"method": "PUT", "path": "/a b", "query": "x"}
    assert crumbs(body) == ["half way"]
    assert await repeats(bus) == 0


async def test_every_kind_of_asgi_scope_passes_and_is_reported(
    host: Host, bus: JetStreamBus
) -> None:
    bodies = await reports(
        host,
        bus,
        """
        from mendwire.capture.asgi import MendwireASGI
        class Failed(Exception): pass
        async def app(scope, receive, send):
            assert (await receive())["type"] == "begin"
            await send({"type": "half"})
            scope["path_params"] = {"token": "abc123"}
            raise Failed(scope["type"])
        async def drive(scope):
            sent = []
            async def receive(): return {"type": "begin"}
            async def send(message): sent.append(message)
            try:
                await MendwireASGI(app)(scope, receive, send)
            except Failed:
                assert sent == [{"type": "half"}]
                return
            raise AssertionError
        async def main():
            await drive({"type": "lifespan"})
            await drive({"type": "websocket", "path": "/ws/abc123", "query_string": b""})
            await drive({"type": "http", "method": "GET", "path": "/a/abc123/b",
                         "headers": [(b"x-request-id", b"not an id\\n"), (b"cookie", b"c")]})
            task = asyncio.ensure_future(MendwireASGI(cancelled)({"type": "http"}, None, None))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async def cancelled(*_):
            await asyncio.sleep(60)
        asyncio.run(main())
        """,
    )
    assert [body["error"] for body in bodies] == [
        "Failed: lifespan",
        "Failed: websocket",
        "Failed: http",
    ]
    contexts = [body["context"] for body in bodies]
    assert "request" not in contexts[0]
    assert contexts[1]["request"] == {"method": "WEBSOCKET", "path": "/ws/{token}"}
    assert contexts[2]["request"] == {"method": "GET", "path": "/a/{token}/b"}
    assert "request_id" not in contexts[2]


async def test_requests_at_once_do_not_mix(host: Host, bus: JetStreamBus) -> None:
    bodies = await reports(
        host,
        bus,
        """
        from mendwire.capture.asgi import MendwireASGI
        log = logging.getLogger("shop")
        log.setLevel(logging.INFO)
        log.info("started")
        async def app(scope, receive, send):
            name = scope["path"]
            log.info("begin %s password=%s", name, "hun" + "ter2")
            mendwire.tag(order=name)
            await asyncio.gather(child(name), asyncio.to_thread(log.info, "thread of " + name))
            raise RuntimeError("failed " + name)
        async def child(name):
            await asyncio.sleep(0.01)
            log.info("child of " + name)
        async def main():
            scopes = [{"type": "http", "path": name} for name in ("abc", "xyz")]
            await asyncio.gather(*(MendwireASGI(app)(scope, None, None) for scope in scopes),
                                 return_exceptions=True)
            mendwire.capture(RuntimeError("outside"))
        asyncio.run(main())
        mendwire.capture(RuntimeError("main"))
        """,
    )
    found = {body["error"].split(": ")[1]: body for body in bodies}
    for name in ("abc", "xyz"):
        assert sorted(crumbs(found[f"failed {name}"])) == [
            f"begin {name} password=[scrubbed:password]",
            f"child of {name}",
            f"thread of {name}",
        ]
        assert found[f"failed {name}"]["context"]["order"] == name
    assert crumbs(found["outside"]) == []
    assert "order" not in found["outside"]["context"]
    assert crumbs(found["main"]) == ["started"]


async def test_scopes_nest_and_breadcrumbs_are_bounded(host: Host, bus: JetStreamBus) -> None:
    (body,) = await reports(
        host,
        bus,
        """
        import warnings
        class Odd:
            def __repr__(self): raise ValueError
        with mendwire.scope(job="nightly", secret_token="abc", odd=Odd()):
            for number in range(100):
                logging.warning("line %d " + "x" * 1000, number)
            with mendwire.scope(job="inner", row=7):
                mendwire.tag(more={"password": "abc"})
                warnings.simplefilter("default")
                warnings.warn("old way")
                mendwire.capture(RuntimeError("deep"))
        """,
    )
    context = body["context"]
    assert (context["job"], context["row"]) == ("inner", 7)
    assert "abc" not in json.dumps(context)
    found = crumbs(body)
    assert len(found) == 50
    assert all(len(text) <= 300 for text in found)
    assert found[-1].endswith(": old way")
    assert context["breadcrumbs"][-1]["from"] == "UserWarning"


async def test_a_logged_error_without_exception_is_its_template_and_its_place(
    host: Host, bus: JetStreamBus
) -> None:
    first, second, critical = await reports(
        host,
        bus,
        """
        log = logging.getLogger("shop.price")
        log.addHandler(logging.NullHandler())
        def missing(item):
            log.error("no price for %s", item)
        for item in ("tea", "coffee", "milk"):
            missing(item)
        log.error("another")
        log.critical("the end of user 17")
        log.warning("not an error")
        logging.getLogger("uvicorn.error").error("Application startup failed. Exiting.")
        logging.getLogger("django.security.DisallowedHost").error("Invalid HTTP_HOST")
        logging.getLogger("nats.aio.client").error("nats: encountered error")
        logging.getLogger("mendwire").error("own")
        """,
    )
    assert first["error"] == "no price for tea"
    assert first["message_template"] == "no price for %s"
    (place,) = first["frames"]
    assert (place["file"], place["function"], place["in_app"]) == ("shop.py", "missing", True)
    assert place["code"] == 'log.error("no price for %s", item)'
    assert "arguments" not in place
    assert ", in <module>" in first["stack"]
    assert (first["context"]["logger"], first["context"]["line"]) == ("shop.price", place["line"])
    assert second["error"] == "another"
    assert (critical["level"], critical.get("message_template")) == ("fatal", None)
    assert await repeats(bus) == 2


async def test_a_line_about_the_exception_in_hand_is_that_exception(
    host: Host, bus: JetStreamBus
) -> None:
    bodies = await reports(
        host,
        bus,
        """
        import traceback
        def shout(text):
            logging.error(text)
        try:
            total({"price": 1})
        except ZeroDivisionError as problem:
            logging.error("failed: %s", problem)
            logging.exception("again")
        try:
            total({"cost": 1})
        except KeyError:
            shout("oh:\\n" + traceback.format_exc())
        try:
            raise RuntimeError("handled")
        except RuntimeError:
            shout("disk full")
        shout('Traceback (most recent call last):\\n  File "other.py", line 3, in work\\n'
              "    go()\\nTypeError: of somebody else")
        """,
    )
    assert [(body.get("type"), body["error"]) for body in bodies] == [
        ("ZeroDivisionError", "ZeroDivisionError: division by zero"),
        ("KeyError", "KeyError: 'price'"),
        (None, "disk full"),
        ("TypeError", "TypeError: of somebody else"),
    ]
    assert bodies[0]["context"]["message"] == "failed: %s"
    assert bodies[3]["context"]["file"] == "other.py"
    assert await repeats(bus) == 0


@pytest.mark.parametrize(
    ("level", "expected"),
    [("None", []), ("'warning'", ["careful", "bad"]), ("logging.CRITICAL", []), ("'loud'", None)],
)
async def test_the_level_is_the_hosts_choice(
    host: Host, bus: JetStreamBus, level: str, expected: list[str] | None
) -> None:
    bodies = await reports(
        host,
        bus,
        f"""
        is_on = mendwire.init(service="shop", log_level={level})
        assert is_on is {expected is not None}
        mendwire.init(log_level=None) if not is_on else None
        logging.warning("careful")
        logging.error("bad")
        """,
    )
    assert [body["error"] for body in bodies] == (expected or [])


async def test_structlog_through_logging(host: Host, bus: JetStreamBus) -> None:
    line, failure = await reports(
        host,
        bus,
        """
        import structlog
        formatter = structlog.stdlib.ProcessorFormatter(processor=structlog.dev.ConsoleRenderer())
        handler = logging.StreamHandler()
        handler.setFormatter(formatter)
        logging.getLogger().addHandler(handler)
        structlog.configure(
            processors=[structlog.stdlib.add_log_level,
                        structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
            logger_factory=structlog.stdlib.LoggerFactory(),
        )
        log = structlog.get_logger("shop")
        for item in ("tea", "milk"):
            log.error("no price", item=item, password="hun" + "ter2")
        try:
            total({"price": 3})
        except ZeroDivisionError:
            log.exception("checkout failed", order=7)
        """,
    )
    assert (line["error"], line["message_template"]) == ("no price", "no price")
    assert line["context"]["data"] == {"item": "tea", "password": "[scrubbed:password]"}
    assert line["frames"][0]["file"] == "shop.py"
    assert failure["type"] == "ZeroDivisionError"
    assert failure["context"]["message"] == "checkout failed"
    assert await repeats(bus) == 1
