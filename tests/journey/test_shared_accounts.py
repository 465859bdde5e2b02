"""Every part of Mendwire on a shared server, each with the login of least rights made for it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from mendwire.model.case import Verdict
from tests.journey.stage import coupon_report, stage
from tests.shared_server import SharedServer, settled

LOOKING = (("doctor", "--quiet"), ("capacity",))


async def test_a_case_goes_from_the_publisher_to_its_end_with_least_rights(tmp_path: Path) -> None:
    server = SharedServer(tmp_path / "nats", settled("shop", "blog"))
    async with stage(tmp_path, server=server, login=server.options("shop_operator")) as set_up:
        as_operator = server.variables("shop_operator")
        as_worker = server.variables("shop_worker")
        code, _, err = await set_up.run("streams", "apply", **as_operator)
        assert code == 0, err
        async with server.bus("shop_publisher", tmp_path) as publisher:
            payload = json.dumps(coupon_report()).encode()
            await publisher.publish("shop.errors.production", payload, msg_id="shop-1")
        code, _, err = await set_up.run("work", "--until-empty", **as_worker)
        assert code == 0, err
        (case,) = await set_up.cases()
        assert case.verdict is Verdict.FIXED
        assert len(await set_up.kept("RESULTS")) == 1
        assert server.violations() == []
        looked = await asyncio.gather(
            *(set_up.run(*words, **as_operator) for words in LOOKING),
            set_up.run("tasks", "publish", "investigation", "look", **as_worker),
            set_up.run("doctor", "--quiet", **as_worker),
        )
        assert [code for code, _, _ in looked] == [0] * len(looked), looked
        assert server.violations() == []
