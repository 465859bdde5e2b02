"""``mendwire capacity`` on a real server: what is full is said, with what to do."""

from __future__ import annotations

import json
from pathlib import Path

from tests.journey.stage import NAMES, stage


async def test_a_full_stream_is_told_and_fails_the_check(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        code, out, err = await set_up.run("capacity")
        assert (code, err) == (0, "")
        assert "Nothing is to be done." in out
        assert NAMES.stream("RESULTS") in out
        jetstream = set_up.bus.api.client.jetstream()
        name = NAMES.stream("SECURITY")
        config = (await jetstream.stream_info(name)).config
        config.max_bytes = 10_000
        await jetstream.update_stream(config)
        for at in range(9):
            await jetstream.publish("shop.security.rejected", b"x" * 900, headers={"N": str(at)})
        code, out, _ = await set_up.run("capacity", "--json")
        assert code == 1
        found = json.loads(out)
        (advice,) = [one for one in found["advice"] if name in one["found"]]
        assert advice["trigger"] == "over 80% full"
        assert "mendwire streams subjects" in advice["remedy"]
        assert found["streams"][0]["name"] == name
