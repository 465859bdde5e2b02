"""An agent of the operator's for the tests: mends the shop; hangs in a role where a file says so.

elsewhere_agent.py PACE    PACE/hang-ROLE holds that role up as long as it exists; the first
                           thing that is said is the process's number
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time

task = json.loads(sys.stdin.readline())
pace = pathlib.Path(sys.argv[1])
sys.stdout.write(f"{os.getpid()}\n")
sys.stdout.flush()
while (pace / f"hang-{task['called']}").exists():
    time.sleep(0.05)
answers = {
    "research": {
        "summary": "An unknown coupon is looked up without a default.",
        "cause": "shop/pricing.py:8 COUPONS[code.upper()]",
        "files": ["shop/pricing.py"],
        "similar": [],
        "confidence": 0.9,
    },
    "implementation": {"explanation": "Unknown coupons take nothing off."},
    "review": {"approved": True, "comments": "Small and right."},
}
said = pace / f"say-{task['called']}"
if said.exists():
    answers[task["role"]] = json.loads(said.read_text())
if task["role"] == "implementation":
    file = pathlib.Path(task["tree"], "shop/pricing.py")
    text = file.read_text()
    file.write_text(text.replace("COUPONS[code.upper()]", "COUPONS.get(code.upper(), 0)"))
sys.stdout.write(json.dumps({"answer": answers[task["role"]], "cost_usd": 0.125}) + "\n")
