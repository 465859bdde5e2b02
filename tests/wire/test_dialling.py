"""The publisher's line without an event loop: the same logins and sentences as ``connected``."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import nkeys  # type: ignore[import-untyped]  # it has no types
import pytest

from mendwire.errors import AccessRefused, ConfigError, MendwireError, ServerUnfit, Unreachable
from mendwire.settings.environment import Environment
from mendwire.wire.bus import Ack
from mendwire.wire.dialling import dialled
from mendwire.wire.refusals import NobodyListens, TooLarge
from mendwire.wire.wake import Ended, Wake
from mendwire.wire.window import Window
from tests.nats_server import RealServer, running
from tests.wire.test_connection import (
    LOGIN,
    answering,
    certificates,
    key_pair,
    operator_mode,
    read,
    tls,
)

__all__ = ["certificates"]  # a fixture
STREAM = json.dumps({"name": "S", "subjects": ["shop.>"], "max_msg_size": 4000}).encode()
CONFIG = """
authorization { users: [
  { user: "u", password: "hush" },
  { user: "low", password: "hush", permissions: { publish: ["shop.a"], subscribe: "_INBOX.>" } },
  { user: "deaf", password: "hush", permissions: { publish: "shop.>", subscribe: "none" } },
] }
"""


def send(
    environment: Environment, *messages: tuple[str, bytes], wake: Wake | None = None, size: int = 8
) -> list[Ack | MendwireError]:
    """What the server answers to each message, in order of the answers."""
    answers: list[Ack | MendwireError] = []
    with dialled(environment, wake or Wake(), name="test") as to:
        window = Window(to, size=size, timeout_s=2)
        window.check_jetstream(to.url)
        for subject, payload in messages:
            window.publish(subject, payload, {"Nats-Msg-Id": payload[:20].decode()}, answers.append)
        window.settle()
    return answers


async def works(environment: Environment) -> bool:
    return await asyncio.to_thread(send, environment) == []


async def test_what_is_stored_refused_and_doubled(tmp_path: Path) -> None:
    async with running(tmp_path / "nats", CONFIG) as server:
        async with server.client(user="u", password="hush") as client:
            await client.request("$JS.API.STREAM.CREATE.S", STREAM)
        environment = read(tmp_path, server.url, NATS_USER="u", NATS_PASSWORD="hush")
        many = [("shop.a", f"m{number:04d}".encode()) for number in range(500)]
        answers = await asyncio.to_thread(
            send, environment, *many, ("shop.a", b"m0007"), ("other", b"x"), ("shop.a", b"y" * 5000)
        )
        stored = [one for one in answers if isinstance(one, Ack)]
        assert [one.seq for one in stored if not one.duplicate] == list(range(1, 501))
        assert [one.seq for one in stored if one.duplicate] == [8]
        refused = {type(one) for one in answers if not isinstance(one, Ack)}
        assert refused >= {NobodyListens}
        assert len(answers) == 503
        with pytest.raises(TooLarge):
            await asyncio.to_thread(send, environment, ("shop.a", b"x" * 2_000_000))
        for subject in ("shop a", "shop..a", "shop.\n", ""):
            with pytest.raises(MendwireError, match="cannot be used"):
                await asyncio.to_thread(send, environment, (subject, b"x"))


async def test_permissions_are_told_in_words(tmp_path: Path) -> None:
    async with running(tmp_path / "nats", CONFIG) as server:
        async with server.client(user="u", password="hush") as client:
            await client.request("$JS.API.STREAM.CREATE.S", STREAM)
        low = read(tmp_path, server.url, NATS_USER="low", NATS_PASSWORD="hush")
        answers = await asyncio.to_thread(send, low, ("shop.a", b"1"), ("shop.b", b"2"))
        assert sorted(type(one).__name__ for one in answers) == ["AccessRefused", "Ack"]
        deaf = read(tmp_path, server.url, NATS_USER="deaf", NATS_PASSWORD="hush")
        with pytest.raises(AccessRefused, match=r"shop\.a"):
            await asyncio.to_thread(send, deaf, ("shop.a", b"3"))


async def test_every_login(tmp_path: Path) -> None:
    public, seed = key_pair(nkeys.PREFIX_BYTE_USER)
    nkey = f"data:;base64,{base64.b64encode(seed.encode()).decode()}"
    operator, jwt, user_seed = operator_mode()
    creds = tmp_path / "me.creds"
    creds.write_text(
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user_seed}\n------END USER NKEY SEED------\n"
    )
    for config, given in (
        (LOGIN, {"NATS_USER": "u", "NATS_PASSWORD": "hush"}),
        ('authorization { token: "hush" }', {"NATS_TOKEN": "hush"}),
        (f"authorization {{ users: [ {{ nkey: {public} }} ] }}", {"NATS_NKEY": nkey}),
        (operator, {"NATS_CREDS": str(creds)}),
        (operator, {"NATS_JWT": jwt, "NATS_SEED": user_seed}),
    ):
        async with running(tmp_path / "nats", config) as server:
            assert await works(read(tmp_path, server.url, **given)), config
            with pytest.raises(AccessRefused) as refused:
                await works(read(tmp_path, server.url, NATS_USER="u", NATS_PASSWORD="wrong-hush"))
            assert server.url in str(refused.value)
            assert "hush" not in str(refused.value)


async def test_tls(tmp_path: Path, certificates: Path) -> None:
    files = {
        f"NATS_{name.upper()}": str(certificates / file)
        for name, file in (("ca", "ca.pem"), ("cert", "client.pem"), ("key", "client.key"))
    }
    async with running(tmp_path / "nats", tls(certificates)) as server:
        async with server.client(tls=_trusting(certificates)) as client:
            await client.request("$JS.API.STREAM.CREATE.S", STREAM)
        url = server.url.replace("nats", "tls")
        ours = read(tmp_path, url, NATS_CA=files["NATS_CA"])
        many = [("shop.a", f"m{number:04d}".encode() * 500) for number in range(300)]
        answers = await asyncio.to_thread(send, ours, *many)
        assert sum(isinstance(one, Ack) for one in answers) == 300
        with pytest.raises(Unreachable, match="NATS_CA"):
            await works(read(tmp_path, url))
    async with running(
        tmp_path / "first", tls(certificates, "verify: true, handshake_first: true")
    ) as server:
        assert await works(read(tmp_path, server.url, NATS_TLS_FIRST="1", **files))


def _trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "ca.pem"))


async def test_no_login_goes_out_in_the_clear_when_tls_is_asked_for(tmp_path: Path) -> None:
    heard = bytearray()
    async with answering({"version": "2.15.1"}, heard.extend) as url:
        environment = read(tmp_path, url.replace("nats://", "tls://u:hush@"))
        with pytest.raises(Unreachable, match="offers none"):
            await works(environment)
    assert b"hush" not in heard


async def test_what_is_no_server_or_an_unfit_one(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9 .* start it") as refused:
        await works(read(tmp_path, "nats://u:hush@127.0.0.1:9", NATS_TIMEOUT="30s"))
    assert "hush" not in str(refused.value)
    with pytest.raises(ConfigError, match="websocket"):
        await works(read(tmp_path, "ws://127.0.0.1:9"))
    async with answering(None, lambda _: None) as url:
        with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
            await works(read(tmp_path, url, NATS_TIMEOUT="200ms"))
    async with answering({"version": "2.9.25", "jetstream": True}, lambda _: None) as url:
        with pytest.raises(ServerUnfit, match=r"version 2\.9\.25, .* 2\.12 or newer"):
            await works(read(tmp_path, url))
    config = 'accounts { PLAIN { users: [ { user: "u", password: "hush" } ] } }'
    async with running(tmp_path / "nats", config) as server:
        with pytest.raises(ServerUnfit, match="no JetStream"):
            await works(read(tmp_path, server.url.replace("://", "://u:hush@")))


async def test_the_second_of_two_servers_is_tried(tmp_path: Path) -> None:
    async with running(tmp_path / "nats", LOGIN) as server:
        urls = f"nats://u:hush@127.0.0.1:9,{server.url.replace('://', '://u:hush@')}"
        assert await works(read(tmp_path, urls))


async def test_a_lost_server_is_noticed_and_whoever_ends_it_is_heard(
    tmp_path: Path, server: RealServer
) -> None:
    def rest(wake: Wake, ready: Callable[[], object]) -> str:
        try:
            with dialled(read(tmp_path, server.url), wake) as to:
                ready()
                Window(to).rest(60)
        except (Ended, Unreachable) as problem:
            return type(problem).__name__
        return "called"

    loop = asyncio.get_running_loop()
    for act, expected in (
        (lambda wake: wake.call(), "called"),
        (lambda wake: wake.end(), "Ended"),
        (lambda _: server.kill(), "Unreachable"),
    ):
        wake, ready = Wake(), asyncio.Event()
        resting = asyncio.create_task(
            asyncio.to_thread(rest, wake, lambda: loop.call_soon_threadsafe(ready.set))  # noqa: B023 - awaited below
        )
        await ready.wait()
        act(wake)
        assert await resting == expected
        wake.close()


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n" * 3,
        b"INFO []\r\n",
        b"INFO {\r\n",
        b"x" * 2_000_000,
        b"MSG a 1 99999999999\r\n",
        b"MSG\r\n",
        b"HMSG a 1 9 5\r\nxxxxx\r\n",
        b"\xff\r\n-ERR 'no'\r\n",
    ],
)
def test_other_things_that_listen_are_one_sentence(tmp_path: Path, said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            file, _ = listener.accept()
            with file:
                file.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"nats://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Unreachable, match="No NATS server answers"):
            send(read(tmp_path, url, NATS_TIMEOUT="20s"))
        thread.join()


def test_calls_are_kept_until_they_are_looked_at() -> None:
    wake = Wake()
    wake.call()
    wake.call()
    wake.take()  # in the middle of something else
    assert wake.is_due()
    wake.wait(60)  # at once
    wake.clear()
    assert not wake.is_due()
    wake.call()
    wake.wait(60)
    wake.end()
    with pytest.raises(Ended):
        wake.clear()
    wake.close()
    wake.close()
    wake.call()  # in vain, and no error
