"""The real `nats` command against our streams: what shell publishers and operators type by hand."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from shutil import which

import pytest

from mendwire.model.case import Verdict
from tests.journey.stage import NAMES, Stage, coupon_report, stage

pytestmark = pytest.mark.skipif(which("nats") is None, reason="the nats command is not installed")

PUBLISH = """
set -euo pipefail
ERROR_HASH=$(echo -n "$ERROR_MESSAGE:$FILE:$LINE" | sha256sum | cut -d' ' -f1)
SUBJECT="${NATS_NAMESPACE}.errors.production"
nats pub "$SUBJECT" "$(cat <<EOJ
{
  "error": "$ERROR_MESSAGE",
  "stack": "$STACK_TRACE",
  "timestamp": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "context": {
    "file": "$FILE",
    "line": $LINE,
    "request_id": "$REQUEST_ID"
  }
}
EOJ
)" -H "Nats-Msg-Id:${NATS_NAMESPACE}-production-$ERROR_HASH" --context=here
"""
CONSUMER = """
nats consumer add "${NATS_NAMESPACE^^}_PRODUCTION_ERRORS" claude-error-fixer \
  --filter "${NATS_NAMESPACE}.errors.production" --ack explicit --max-deliver 3 --wait 10m \
  --pull --defaults --context=here
"""


async def shell(set_up: Stage, script: str, **variables: str) -> tuple[int, str]:
    """A script with the `nats` command on PATH and a saved context called ``here``."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script),
        cwd=set_up.folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(set_up.folder / "home"),
            "NATS_NAMESPACE": NAMES.namespace,
            **variables,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def test_the_shell_snippet_is_fixed_and_its_repeat_is_dropped(tmp_path: Path) -> None:
    """No frames, no arguments: the operator's own reproduction makes it provable."""
    command = ["{python}", "-c", "import shop.pricing as p; p.discount(9, 'X')"]
    async with stage(tmp_path, project=f"reproduce = {json.dumps(command)}") as set_up:
        await set_up.run("streams", "apply")
        url = set_up.server.url
        code, out = await shell(set_up, f"nats context save here --server {url} --select")
        assert code == 0, out
        report = coupon_report()
        error = {
            "ERROR_MESSAGE": str(report["error"]),
            "STACK_TRACE": json.dumps(report["stack"])[1:-1],
            "FILE": "/app/shop/pricing.py",
            "LINE": "8",
            "REQUEST_ID": "r-1",
        }
        for _ in range(2):
            code, out = await shell(set_up, PUBLISH, **error)
            assert code == 0, out
        assert await set_up.waiting() == 1
        code, out = await shell(set_up, CONSUMER)
        assert code == 0, out
        code, out, _ = await set_up.run("streams", "plan")
        assert code == 0, out
        code, _, err = await set_up.run("work", "--until-empty")
        assert code == 0, err
        (case,) = await set_up.cases()
        assert case.verdict is Verdict.FIXED, case.reason
        code, out = await shell(
            set_up, f"nats stream get SHOP_RESULTS -S shop.results.fixed.{case.case_id} --json"
        )
        assert code == 0, out
        code, out = await shell(set_up, "nats stream info SHOP_PRODUCTION_ERRORS --json")
        assert json.loads(out)["state"]["messages"] == 0


async def test_operators_words_work_on_our_streams(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        await set_up.publish(coupon_report())
        script = f"""
        set -e
        nats context save here --server {set_up.server.url} --select
        nats stream report
        nats stream subjects SHOP_PRODUCTION_ERRORS
        nats consumer ls SHOP_PRODUCTION_ERRORS
        nats consumer info SHOP_PRODUCTION_ERRORS claude-error-fixer
        nats consumer next SHOP_PRODUCTION_ERRORS claude-error-fixer --no-ack --raw
        nats stream rmm SHOP_PRODUCTION_ERRORS 1 --force
        nats stream purge SHOP_PRODUCTION_ERRORS --force
        """
        code, out = await shell(set_up, script)
        assert code == 0, out
        assert '"KeyError"' in out
        assert await set_up.waiting() == 0
