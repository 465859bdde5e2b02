from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from mendwire.errors import ConfigError
from mendwire.settings.environment import Environment, ServerAddress, read_environment
from mendwire.settings.secret import Secret
from mendwire.wire.contexts import credential, credential_file, is_named, resolve
from mendwire.wire.finding import find_server, names_for


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".config" / "nats" / "context").mkdir(parents=True)
    return tmp_path


def save(home: Path, name: str, **values: object) -> None:
    (home / ".config" / "nats" / "context" / f"{name}.json").write_text(json.dumps(values))


def select(home: Path, name: str) -> None:
    (home / ".config" / "nats" / "context.txt").write_text(f"{name}\n")


def read(home: Path, **variables: str) -> Environment:
    return read_environment({"HOME": str(home), **variables}, home)


def resolved(home: Path, **variables: str) -> ServerAddress:
    return resolve(read(home, **variables))


def test_every_key_of_a_context_is_read(home: Path) -> None:
    save(
        home,
        "shop",
        description="the shop's",
        url="nats://a:1,nats://b:2",
        user="u",
        password=" p ",
        token="t",
        creds="/c",
        nkey="/n",
        cert="/cert",
        key="/key",
        ca="/ca",
        user_jwt="j",
        user_seed="s",
        inbox_prefix="_INBOX_u",
        tls_first=True,
        color_scheme="",
        socks_proxy="",
    )
    server = resolved(home, NATS_CONTEXT="shop")
    assert server.urls == ("nats://a:1", "nats://b:2")
    assert (server.user, server.password.reveal()) == ("u", " p ")
    keys = ("token", "creds", "nkey", "cert", "key", "ca", "jwt", "seed")
    assert [getattr(server, key).reveal() for key in keys] == [
        "t", "/c", "/n", "/cert", "/key", "/ca", "j", "s",
    ]  # fmt: skip
    assert server.tls_first
    assert (server.inbox_prefix, server.context) == ("_INBOX_u", "shop")


def test_a_context_without_a_url_is_the_local_server(home: Path) -> None:
    save(home, "bare")
    assert resolved(home, NATS_CONTEXT="bare").urls == ("nats://localhost:4222",)


def test_variables_win_over_the_context_key_by_key(home: Path) -> None:
    save(home, "shop", url="nats://saved", user="u", password="p", ca="/ca")
    server = resolved(home, NATS_CONTEXT="shop", NATS_URL="nats://given", NATS_PASSWORD="mine")
    assert server.urls == ("nats://given",)
    assert (server.user, server.password.reveal(), server.ca.reveal()) == ("u", "mine", "/ca")


def test_a_login_given_in_variables_replaces_the_context_s_login(home: Path) -> None:
    save(home, "shop", user="u", password="p", nkey="/n")
    server = resolved(home, NATS_CONTEXT="shop", NATS_CREDS="/mine.creds")
    assert not server.user
    assert not server.password
    assert not server.nkey
    assert server.creds.reveal() == "/mine.creds"


def test_a_user_without_a_password_is_a_token(home: Path) -> None:
    server = resolved(home, NATS_URL="nats://h", NATS_USER="tok")
    assert (server.user, server.token.reveal()) == ("", "tok")


def test_the_selected_context_counts_unless_a_url_is_given(home: Path) -> None:
    save(home, "one", url="nats://one")
    select(home, "one")
    assert resolved(home).urls == ("nats://one",)
    assert resolved(home, NATS_URL="nats://other").user == ""
    assert resolved(home, NATS_URL="nats://other").urls == ("nats://other",)
    assert not is_named(read(home))
    assert is_named(read(home, NATS_CONTEXT="one"))


def test_nothing_at_all_names_no_server(home: Path) -> None:
    assert resolved(home).urls == ()
    assert find_server(read(home, NATS_NAMESPACE="shop"))[0].urls == ("nats://localhost:4222",)


def test_a_context_may_be_a_file(home: Path) -> None:
    path = home / "mine.json"
    path.write_text('{"url": "nats://file"}')
    assert resolved(home, NATS_CONTEXT=str(path)).urls == ("nats://file",)


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "..", "a\nb"])
def test_bad_names_are_refused(home: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no name of a context"):
        resolved(home, NATS_CONTEXT=name)


def test_an_absent_context_is_said_so(home: Path) -> None:
    with pytest.raises(ConfigError, match="no context 'gone'"):
        resolved(home, NATS_CONTEXT="gone")


@pytest.mark.parametrize("text", ["{", "[]", "\x00", "[" * 100_000, '{"url": 7}', '{"user": []}'])
def test_unreadable_contexts_are_one_sentence(home: Path, text: str) -> None:
    (home / ".config" / "nats" / "context" / "bad.json").write_text(text)
    with pytest.raises(ConfigError, match="context 'bad'") as refused:
        resolved(home, NATS_CONTEXT="bad")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("nsc", "nsc://o/a/u"),
        ("socks_proxy", "socks5://x"),
        ("jetstream_domain", "hub"),
        ("jetstream_api_prefix", "$JS.hub.API"),
        ("windows_cert_store", "user"),
    ],
)
def test_what_cannot_be_honoured_is_refused(home: Path, key: str, value: str) -> None:
    save(home, "shop", **{key: value})
    with pytest.raises(ConfigError, match="context 'shop'"):
        resolved(home, NATS_CONTEXT="shop")


def test_a_socks_proxy_is_refused(home: Path) -> None:
    with pytest.raises(ConfigError, match="NATS_SOCKS_PROXY"):
        resolved(home, NATS_URL="nats://h", NATS_SOCKS_PROXY="socks5://x")


def test_credentials_by_address(home: Path) -> None:
    (home / "seed file").write_text("SUhush")
    encoded = base64.b64encode(b"SUhush").decode()
    for address in (
        f"file://{home}/seed%20file",
        "env://SEED_OF_MINE",
        f"data:;base64,{encoded}",
        f"data:text/plain;base64,{encoded}",
    ):
        assert credential(Secret(address), {"SEED_OF_MINE": "SUhush"}) == "SUhush"
        assert credential_file(Secret(address), {"SEED_OF_MINE": "SUhush"}) == "SUhush"
    assert credential(Secret("pass:word//x"), {}) == "pass:word//x"
    assert credential_file(Secret(str(home / "seed file")), {}) == "SUhush"


@pytest.mark.parametrize(
    "address", ["op://vault/hush", "nsc://hush", "env://GONE", "data:;base64,?!", "file:///gone"]
)
def test_credentials_that_cannot_be_had_are_one_sentence(address: str) -> None:
    with pytest.raises(ConfigError) as refused:
        credential(Secret(address), {})
    assert "hush" not in str(refused.value)


def test_a_shared_server_needs_a_namespace(home: Path) -> None:
    assert names_for(read(home), embedded=True).namespace == "default"
    assert names_for(read(home, NATS_NAMESPACE="Shop"), embedded=False).namespace == "shop"
    with pytest.raises(ConfigError, match="set NATS_NAMESPACE"):
        names_for(read(home), embedded=False)
    with pytest.raises(ConfigError, match="cannot be used"):
        names_for(read(home, NATS_NAMESPACE="a.b*"), embedded=True)
