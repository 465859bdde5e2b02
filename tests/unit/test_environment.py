from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import ConfigError
from mendwire.settings.dotenv import MAX_BYTES, find_dotenv, parse_dotenv
from mendwire.settings.environment import Environment, read_environment
from mendwire.settings.secret import Secret


def read(folder: Path, **variables: str) -> Environment:
    return read_environment({"HOME": str(folder / "home"), **variables}, folder)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=1", "1"),
        ("export A=1", "1"),
        ("  A = spaced out  ", "spaced out"),
        ("A=1 # said", "1"),
        ("A=pa#ss", "pa#ss"),
        ("A=#empty", ""),
        ("A=", ""),
        ("A='it ${HOME} $x \"#' # literal", 'it ${HOME} $x "#'),
        ('A="a\\n\\"b\\" \\${HOME} c"', 'a\n"b" ${HOME} c'),
        ("A=${HOME}/x", "/me/x"),
        ('A="${NONE:-else}${NONE}"', "else"),
        ("A=pa$word`id`$(id)", "pa$word`id`$(id)"),
        ('A="two\nlines"', "two\nlines"),
        ("B=2\r\nA=${B}\r\n", "2"),
        ("A=1\nA=2", "2"),
    ],
)
def test_dotenv_reads(text: str, value: str) -> None:
    values, unread = parse_dotenv(text, {"HOME": "/me"})
    assert values["A"] == value
    assert unread == ()


def test_dotenv_names_the_lines_it_does_not_understand() -> None:
    values, unread = parse_dotenv("\n# c\nA=1\nnonsense\nB='open\n1X=2\nexport\nC=3", {})
    assert values == {"A": "1", "C": "3"}
    assert unread == (4, 5, 6)


@given(st.text(alphabet=st.sampled_from("AB=ab'\"\\$ {}:-#\n\r\texport`()é\x00"), max_size=60))
def test_dotenv_never_breaks_on_what_looks_like_one(text: str) -> None:
    values, unread = parse_dotenv(text, {})
    assert all(isinstance(value, str) for value in values.values())
    assert all(number >= 1 for number in unread)


@given(st.text())
def test_dotenv_never_breaks(text: str) -> None:
    parse_dotenv(text, {"A": "1"})


@given(st.text(alphabet=st.characters(exclude_characters="'\r", codec="utf-8")))
def test_single_quotes_keep_everything(text: str) -> None:
    assert parse_dotenv(f"A='{text}'\nB=2", {}) == ({"A": text, "B": "2"}, ())


def test_dotenv_takes_linear_time_on_the_longest_file() -> None:
    values, unread = parse_dotenv('A="x\n' * (MAX_BYTES // 5), {})
    assert not values or unread


def test_the_process_wins_over_the_file_and_the_file_is_found_above(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".env").write_text("NATS_NAMESPACE=file\nNATS_USER=me\nNATS_PASSWORD='p w'\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    found = read(inner, NATS_NAMESPACE="real")
    assert (found.namespace, found.server.user) == ("real", "me")
    assert found.server.password.reveal() == "p w"
    assert found.root == tmp_path


def test_the_file_is_not_searched_above_the_repository_nor_outside_of_home(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NATS_NAMESPACE=others\n")
    repository = tmp_path / "home" / "repository"
    (repository / ".git").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    assert find_dotenv(repository, tmp_path / "home") is None
    assert find_dotenv(tmp_path / "elsewhere", tmp_path / "home") is None
    (tmp_path / "home" / ".env").write_text("")
    (tmp_path / "home" / "plain").mkdir()
    above = find_dotenv(tmp_path / "home" / "plain", tmp_path / "home")
    assert above == tmp_path / "home" / ".env"


def test_a_cloned_file_names_no_program_and_no_home(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NATS_SERVER=/evil\nXDG_CONFIG_HOME=/evil\nHOME=/evil\n")
    found = read(tmp_path)
    assert found.server_program == ""
    assert found.config_home == tmp_path / "home" / ".config"


def test_project_name_is_the_second_choice_and_empty_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, PROJECT_NAME="shop").namespace == "shop"
    assert read(tmp_path, PROJECT_NAME="shop", NATS_NAMESPACE="b").namespace == "b"
    assert read(tmp_path, NATS_NAMESPACE="").namespace is None


def test_every_variable_of_the_nats_command_is_read(tmp_path: Path) -> None:
    names = ["CREDS", "NKEY", "JWT", "SEED", "CERT", "KEY", "CA", "TOKEN"]
    server = read(
        tmp_path,
        NATS_URL="nats://h:1,tls://g",
        NATS_CONTEXT="c",
        NATS_TIMEOUT="1m500ms",
        NATS_SOCKS_PROXY="socks5://p",
        NATS_MONITOR_URL="http://m",
        NATS_INBOX_PREFIX="_INBOX_me",
        NATS_TLS_FIRST="true",
        **{f"NATS_{name}": f"value of {name}" for name in names},
    ).server
    assert server.urls == ("nats://h:1", "tls://g")
    assert [getattr(server, name.lower()).reveal() for name in names] == [
        f"value of {name}" for name in names
    ]
    assert (server.context, server.timeout_s, server.socks) == ("c", 60.5, "socks5://p")
    assert (server.monitor_url, server.inbox_prefix) == ("http://m", "_INBOX_me")
    assert server.tls_first


@pytest.mark.parametrize(
    ("url", "user", "password", "token"),
    [
        ("nats://u:p%40ss@h:4222", "u", "p@ss", ""),
        ("nats://tok@h", "", "", "tok"),
        ("u:p@h:1", "u", "p", ""),
        ("nats://u:p@h,nats://u:p@g", "u", "p", ""),
        ("nats://h", "env", "env-pass", ""),
    ],
)
def test_a_login_in_the_url_is_taken_out_of_it(
    tmp_path: Path, url: str, user: str, password: str, token: str
) -> None:
    server = read(tmp_path, NATS_URL=url, NATS_USER="env", NATS_PASSWORD="env-pass").server
    assert (server.user, server.password.reveal(), server.token.reveal()) == (user, password, token)
    assert "@" not in "".join(server.urls)


@pytest.mark.parametrize(
    "url", ["http://u:hush@h", "nats://u:hush@", "nats://u:hush@h:99999", "nats://u:hush@a b"]
)
def test_a_bad_url_is_refused_without_its_login(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, NATS_URL=url)
    assert "hush" not in str(refused.value)


def test_two_users_in_one_list_of_urls_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="several users"):
        read(tmp_path, NATS_URL="nats://a:hush@h,nats://b:hush@g")


@pytest.mark.parametrize("text", ["soon", "5 s", "-1s", "0", "5s!"])
def test_a_bad_timeout_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="NATS_TIMEOUT"):
        read(tmp_path, NATS_TIMEOUT=text)


def test_unread_lines_become_complaints_without_their_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NATS_PASSWORD hush\n")
    (complaint,) = read(tmp_path).complaints
    assert complaint.startswith("Line 1 of ")
    assert "hush" not in complaint


def test_secrets_do_not_print(tmp_path: Path) -> None:
    found = read(tmp_path, NATS_URL="nats://u:hush@h", NATS_TOKEN="hush", NATS_SEED="hush")
    secret = Secret("hush")
    shown = [repr(found), str(asdict(found.server)), f"{secret}", repr(secret), f"{[secret]}"]
    assert "hush" not in "".join(shown)
    assert secret.reveal() == "hush"
    assert secret == Secret("hush") != Secret("other")
    assert not Secret("")
