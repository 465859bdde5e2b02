from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import nkeys  # type: ignore[import-untyped]  # it has no types
import pytest

from mendwire.errors import AccessRefused, ConfigError, ServerUnfit, Unreachable
from mendwire.settings.environment import Environment, read_environment
from mendwire.telemetry import subscribed
from mendwire.wire.connection import Link, connected
from tests.nats_server import running

LOGIN = 'authorization { user: "u", password: "hush" }'


def read(folder: Path, url: str, **variables: str) -> Environment:
    given = {"HOME": str(folder), "NATS_URL": url, "NATS_NAMESPACE": "shop"}
    return read_environment(given | variables, folder)


async def works(link: Link) -> bool:
    """Whether this login reaches JetStream."""
    answer = json.loads((await link.client.request("$JS.API.INFO", b"")).data)
    return "memory" in answer


def key_pair(prefix: int) -> tuple[str, str]:
    """A fresh (public key, seed)."""
    seed = nkeys.encode_seed(os.urandom(32), prefix)
    return nkeys.from_seed(bytearray(seed)).public_key.decode(), seed.decode()


def signed(issuer_seed: str, subject: str, name: str, claims: dict[str, object]) -> str:
    """A JWT as nsc makes them."""
    pair = nkeys.from_seed(bytearray(issuer_seed.encode()))
    issuer = pair.public_key.decode()
    body = {"jti": name, "iat": 1, "iss": issuer, "name": name, "sub": subject, "nats": claims}
    parts = [{"typ": "JWT", "alg": "ed25519-nkey"}, body]
    text = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
    return f"{text}.{_encoded(pair.sign(text.encode()))}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def operator_mode() -> tuple[str, str, str]:
    """(server configuration, user JWT, user seed) of an operator with one account."""
    operator, operator_seed = key_pair(nkeys.PREFIX_BYTE_OPERATOR)
    system, _ = key_pair(nkeys.PREFIX_BYTE_ACCOUNT)
    account, account_seed = key_pair(nkeys.PREFIX_BYTE_ACCOUNT)
    user, user_seed = key_pair(nkeys.PREFIX_BYTE_USER)
    unlimited = dict.fromkeys(
        ("subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage"), -1
    ) | dict.fromkeys(("disk_storage", "streams", "consumer"), -1)
    limits = {"limits": unlimited | {"wildcards": True}, "type": "account", "version": 2}
    plain = {"limits": {"subs": -1, "conn": -1}, "type": "account", "version": 2}
    op = signed(operator_seed, operator, "op", {"type": "operator", "version": 2})
    shop = signed(operator_seed, account, "shop", limits)
    sys = signed(operator_seed, system, "sys", plain)
    me = signed(account_seed, user, "me", {"type": "user", "version": 2, "subs": -1, "data": -1})
    config = (
        f'operator: "{op}"\nresolver: MEMORY\nsystem_account: {system}\n'
        f'resolver_preload {{ {account}: "{shop}", {system}: "{sys}" }}'
    )
    return config, me, user_seed


async def test_a_user_with_a_password(tmp_path: Path) -> None:
    async with running(tmp_path / "nats", LOGIN) as server:
        environment = read(tmp_path, server.url, NATS_USER="u", NATS_PASSWORD="hush")
        async with connected(environment) as link:
            assert await works(link)
            assert (link.url, link.embedded) == (server.url, False)
            assert link.server_version.startswith("2.")
            assert link.names.namespace == "shop"
        assert link.client.is_closed


async def test_a_login_in_the_url_is_unescaped(tmp_path: Path) -> None:
    config = 'authorization { user: "u@x", password: "p/:%" }'
    async with running(tmp_path / "nats", config) as server:
        url = server.url.replace("://", "://u%40x:p%2F%3A%25@")
        async with connected(read(tmp_path, url)) as link:
            assert await works(link)
            assert link.url == server.url


async def test_a_token(tmp_path: Path) -> None:
    async with running(tmp_path / "nats", 'authorization { token: "hush" }') as server:
        async with connected(read(tmp_path, server.url, NATS_TOKEN="hush")) as link:
            assert await works(link)
        async with connected(read(tmp_path, server.url, NATS_USER="hush")) as link:
            assert await works(link)


async def test_an_nkey(tmp_path: Path) -> None:
    public, seed = key_pair(nkeys.PREFIX_BYTE_USER)
    path = tmp_path / "me.nk"
    path.write_text(f"{seed}\n")
    config = f"authorization {{ users: [ {{ nkey: {public} }} ] }}"
    async with running(tmp_path / "nats", config) as server:
        for value in (str(path), f"data:;base64,{base64.b64encode(seed.encode()).decode()}"):
            async with connected(read(tmp_path, server.url, NATS_NKEY=value)) as link:
                assert await works(link)


async def test_credentials_and_a_jwt_with_its_seed(tmp_path: Path) -> None:
    config, jwt, seed = operator_mode()
    events: list[str] = []
    creds = tmp_path / "me.creds"
    creds.write_text(
        f"-----BEGIN NATS USER JWT-----\r\n{jwt}\r\n------END NATS USER JWT------\r\n\r\n"
        f"-----BEGIN USER NKEY SEED-----\r\n{seed}\r\n------END USER NKEY SEED------\r\n"
    )
    async with running(tmp_path / "nats", config) as server:
        async with connected(read(tmp_path, server.url, NATS_CREDS=str(creds))) as link:
            assert await works(link)
            with subscribed(lambda event, _: events.append(event)):
                await server.restart()
                await until(lambda: "connection.restored" in events)
            assert await works(link)
        async with connected(read(tmp_path, server.url, NATS_JWT=jwt, NATS_SEED=seed)) as link:
            assert await works(link)
        _, other = key_pair(nkeys.PREFIX_BYTE_USER)
        with pytest.raises(AccessRefused):
            async with connected(read(tmp_path, server.url, NATS_JWT=jwt, NATS_SEED=other)):
                pass


@pytest.mark.parametrize("variable", ["NATS_CREDS", "NATS_NKEY"])
@pytest.mark.parametrize("text", [None, "", "SUhush", "-----BEGIN NATS USER JWT-----\nhush"])
async def test_a_bad_credential_file_is_one_sentence(
    tmp_path: Path, variable: str, text: str | None
) -> None:
    path = tmp_path / "bad"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        async with connected(read(tmp_path, "nats://127.0.0.1:9", **{variable: str(path)})):
            pass
    assert "hush" not in str(refused.value)


async def test_a_context_with_a_private_inbox(tmp_path: Path) -> None:
    contexts = tmp_path / ".config" / "nats" / "context"
    contexts.mkdir(parents=True)
    config = (
        'authorization { users: [ { user: "u", password: "hush", permissions: '
        '{ publish: "$JS.API.>", subscribe: "_INBOX_me.>" } } ] }'
    )
    async with running(tmp_path / "nats", config) as server:
        saved = {"url": server.url, "user": "u", "password": "hush", "inbox_prefix": "_INBOX_me"}
        (contexts / "shop.json").write_text(json.dumps(saved))
        given = {"HOME": str(tmp_path), "NATS_CONTEXT": "shop", "NATS_NAMESPACE": "shop"}
        async with connected(read_environment(given, tmp_path)) as link:
            assert await works(link)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, a server certificate for localhost and a client certificate."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("no openssl command to make certificates with")
    folder = tmp_path_factory.mktemp("tls")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    # From Python 3.13 on certificates are checked strictly.
    (folder / "names").write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    run("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", *usage)
    for name in ("server", "client"):
        run("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        run("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signing)
    return folder


def tls(folder: Path, more: str = "") -> str:
    return (
        f'tls {{ cert_file: "{folder}/server.pem", key_file: "{folder}/server.key", '
        f'ca_file: "{folder}/ca.pem", {more} }}'
    )


async def test_tls_with_our_own_authority(tmp_path: Path, certificates: Path) -> None:
    async with running(tmp_path / "nats", tls(certificates)) as server:
        url = server.url.replace("nats", "tls")
        ca = str(certificates / "ca.pem")
        async with connected(read(tmp_path, url, NATS_CA=ca)) as link:
            assert await works(link)
        with pytest.raises(Unreachable, match="NATS_CA"):
            async with connected(read(tmp_path, url)):
                pass


async def test_tls_with_a_client_certificate_before_the_first_line(
    tmp_path: Path, certificates: Path
) -> None:
    config = tls(certificates, "verify: true, handshake_first: true")
    async with running(tmp_path / "nats", config) as server:
        files = {
            f"NATS_{name.upper()}": str(certificates / file)
            for name, file in (("ca", "ca.pem"), ("cert", "client.pem"), ("key", "client.key"))
        }
        environment = read(tmp_path, server.url, NATS_TLS_FIRST="1", **files)
        async with connected(environment) as link:
            assert await works(link)


async def test_a_key_of_another_certificate_is_one_sentence(
    tmp_path: Path, certificates: Path
) -> None:
    files = {
        "NATS_CERT": str(certificates / "client.pem"),
        "NATS_KEY": str(certificates / "server.key"),
    }
    with pytest.raises(ConfigError, match="NATS_CERT"):
        async with connected(read(tmp_path, "nats://127.0.0.1:9", **files)):
            pass


async def test_no_login_goes_out_in_the_clear_when_tls_is_asked_for(tmp_path: Path) -> None:
    heard = bytearray()
    async with answering({"version": "2.15.1"}, heard.extend) as url:
        environment = read(tmp_path, url.replace("nats://", "tls://u:hush@"))
        with pytest.raises(Unreachable, match="offers none"):
            async with connected(environment):
                pass
    assert b"hush" not in heard


async def test_a_wrong_login_is_refused_in_words(tmp_path: Path) -> None:
    async with running(tmp_path / "nats", LOGIN) as server:
        url = server.url.replace("://", "://u:wrong-hush@")
        with pytest.raises(AccessRefused) as refused:
            async with connected(read(tmp_path, url)):
                pass
        with pytest.raises(AccessRefused):
            async with connected(read(tmp_path, server.url)):
                pass
    assert server.url in str(refused.value)
    assert "hush" not in str(refused.value)


async def test_nobody_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9 .* start it") as refused:
        async with connected(read(tmp_path, "nats://u:hush@127.0.0.1:9", NATS_TIMEOUT="30s")):
            pass
    assert "hush" not in str(refused.value)


async def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async with answering(None, lambda _: None) as url:
        with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
            async with connected(read(tmp_path, url, NATS_TIMEOUT="200ms")):
                pass


async def test_the_second_of_two_servers_is_tried(tmp_path: Path) -> None:
    async with running(tmp_path / "nats", LOGIN) as server:
        urls = f"nats://u:hush@127.0.0.1:9,{server.url.replace('://', '://u:hush@')}"
        async with connected(read(tmp_path, urls)) as link:
            assert await works(link)


async def test_an_old_server_is_refused(tmp_path: Path) -> None:
    async with answering({"version": "2.9.25", "jetstream": True}, lambda _: None) as url:
        with pytest.raises(ServerUnfit, match=r"version 2\.9\.25, .* 2\.12 or newer"):
            async with connected(read(tmp_path, url)):
                pass


async def test_an_account_without_jetstream_is_refused(tmp_path: Path) -> None:
    config = 'accounts { PLAIN { users: [ { user: "u", password: "hush" } ] } }'
    async with running(tmp_path / "nats", config) as server:
        with pytest.raises(ServerUnfit, match="no JetStream"):
            async with connected(read(tmp_path, server.url.replace("://", "://u:hush@"))):
                pass


async def test_a_login_that_may_only_publish_gets_in_and_refusals_are_events(
    tmp_path: Path,
) -> None:
    config = (
        'authorization { users: [ { user: "u", password: "hush", permissions: '
        '{ publish: "shop.errors.>", subscribe: "_INBOX.>" } } ] }'
    )
    seen: list[tuple[str, dict[str, object]]] = []
    async with running(tmp_path / "nats", config) as server:
        url = server.url.replace("://", "://u:hush@")
        async with connected(read(tmp_path, url)) as link:
            with subscribed(lambda event, fields: seen.append((event, fields))):
                await link.client.publish("Other.subject", b"")
                await until(lambda: bool(seen))
            assert "Other.subject".lower() in (link.denials.find("Other.subject") or "")
    assert [event for event, _ in seen] == ["connection.refused"]


async def test_it_comes_back_after_a_kill_and_after_a_new_password(tmp_path: Path) -> None:
    events: list[str] = []
    async with running(tmp_path / "nats", LOGIN) as server:
        url = server.url.replace("://", "://u:hush@")
        with subscribed(lambda event, fields: events.append(f"{event} {fields.get('url')}")):
            async with connected(read(tmp_path, url)) as link:
                await server.restart()
                await until(lambda: len(events) == 2)
                assert await works(link)
                server.kill()
                server.config = LOGIN.replace("hush", "changed")
                await server.start()
                await until(lambda: len(events) == 3)
                server.kill()
                server.config = LOGIN
                await server.start()
                await until(lambda: len(events) == 4)
                assert await works(link)
    lost, restored = f"connection.lost {server.url}", f"connection.restored {server.url}"
    assert events == [lost, restored, lost, restored]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def answering(
    info: dict[str, object] | None, hear: Callable[[bytes], None]
) -> AsyncIterator[str]:
    """A server that cannot be had for real: it says one INFO line and answers pings."""
    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if info is not None:
            writer.write(b"INFO " + json.dumps({"max_payload": 1024} | info).encode() + b"\r\n")
        while line := await reader.readline():
            hear(line)
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
        writer.close()
        await writer.wait_closed()
        served.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await served.wait()
