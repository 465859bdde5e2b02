"""The check-up of the agent's program, where it is one of the operator's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mendwire.app.agent_checks import found_agent
from mendwire.errors import ConfigError
from mendwire.ops.findings import Level
from mendwire.settings.config import read_config
from mendwire.settings.environment import read_environment


@pytest.mark.parametrize(
    ("name", "level", "words"),
    [("sh", Level.OK, "a program of yours"), ("no-such-program", Level.BAD, "is not here")],
)
async def test_a_program_of_one_s_own_is_looked_for(
    tmp_path: Path, name: str, level: Level, words: str
) -> None:
    path = tmp_path / "mendwire.toml"
    path.write_text(f'[agent]\nkind = "command"\ncommand = ["{name}"]\n')
    config = read_config(path, tmp_path)
    (found,) = await found_agent(config, read_environment({}, tmp_path))
    assert found.level is level
    assert words in found.what


PEER = (
    "import json\nnumber = json.loads(input())['id']\n"
    "info = {'name': 'peer', 'version': '7'}\n"
    "print(json.dumps({'jsonrpc': '2.0', 'id': number, 'result': {'protocolVersion': VERSION,"
    " 'agentInfo': info}}))"
)


@pytest.mark.parametrize(
    ("script", "level", "words"),
    [
        (PEER.replace("VERSION", "1"), Level.OK, "peer 7"),
        (PEER.replace("VERSION", "9"), Level.BAD, "speaks version 9"),
        ("raise SystemExit(3)", Level.BAD, "does not answer as an agent"),
    ],
)
async def test_an_agent_by_protocol_is_greeted(
    tmp_path: Path, script: str, level: Level, words: str
) -> None:
    path = tmp_path / "mendwire.toml"
    command = json.dumps([sys.executable, "-I", "-S", "-c", script])
    path.write_text(f'[agent]\nkind = "acp"\ncommand = {command}\n')
    config = read_config(path, tmp_path)
    (found,) = await found_agent(config, read_environment({}, tmp_path))
    assert found.level is level
    assert words in found.what


async def test_codex_is_looked_for_and_its_prices_are_three(tmp_path: Path) -> None:
    path = tmp_path / "mendwire.toml"
    path.write_text('[agent]\nkind = "codex"\ncommand = ["no-such-codex"]\n')
    config = read_config(path, tmp_path)
    (found,) = await found_agent(config, read_environment({}, tmp_path))
    assert found.level is Level.BAD
    assert "kind is codex" in found.what
    path.write_text('[agent]\nkind = "codex"\ntoken_usd = [1.0]\n')
    with pytest.raises(ConfigError, match="three prices"):
        read_config(path, tmp_path)
