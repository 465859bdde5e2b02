"""``mendwire dashboard`` and the dashboard within ``mendwire up``, as processes."""

from __future__ import annotations

import json
import signal
import socket
import stat
from pathlib import Path

import httpx
import psutil

from tests.journey.own_repository import log_until, own_repository


async def test_up_has_a_dashboard_and_the_command_one_of_its_own(tmp_path: Path) -> None:
    async with own_repository(tmp_path / "shop", tmp_path / "home") as yard:
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        up = await yard.spawn("up", "--log", "json")
        lines = await log_until(up, '"dashboard http')
        url = json.loads(lines[-1])["text"].split()[1].rstrip(";")
        token = (await yard.run("dashboard", "token"))[1].strip()
        kept = yard.folder / ".mendwire/dashboard/token"
        assert (kept.read_text().strip(), stat.S_IMODE(kept.stat().st_mode)) == (token, 0o600)
        async with httpx.AsyncClient(base_url=url, headers={"origin": url}) as client:
            await client.post("/login", data={"token": token})
            assert "agent alive" in (await client.get("/")).text
            alone = await yard.spawn("dashboard", "--port", "0", "--json", "--log", "json")
            assert alone.stdout is not None
            told = json.loads(await alone.stdout.readline())
            assert (await client.get(f"{told['url']}/healthz")).status_code == 200
            # A page that listens must not hold the end up.
            async with client.stream("GET", "/news") as news:
                assert await anext(news.aiter_lines()) == "retry: 3000"
                for process in (alone, up):
                    process.send_signal(signal.SIGTERM)
                    _, err = await process.communicate()
                    assert process.returncode == 0, err.decode()
                    assert b"Traceback" not in err
        assert not psutil.pid_exists(told["pid"])

        for words, said in (
            (("--port", port), "The dashboard cannot listen on 127.0.0.1 port"),
            (("--host", "0.0.0.0"), "would be open to others on 0.0.0.0"),  # noqa: S104 - refused
        ):
            code, _, told_us = await yard.run("dashboard", *words)
            assert code == 2
            assert said in told_us
        taken.close()
