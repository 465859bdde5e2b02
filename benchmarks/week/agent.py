"""The agent of the week: it asks the provider what to do and does it, without a thought.

Started by Mendwire as a program of the operator's (``[agent] kind = "command"``); the standard
library alone. All skill and honesty are the provider's, so that its books can be compared with
Mendwire's. An answer that does not come is the provider's outage.
"""

import json
import pathlib
import re
import socket
import sys
import time


def main() -> None:
    """One run."""
    task = json.loads(sys.stdin.readline())
    words = re.findall(r"mod_([a-z]{5})", task["prompt"])
    question = {"role": task["role"], "case": task["case_id"], "words": words}
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5) as line:
            line.sendall(json.dumps(question).encode() + b"\n")
            told = json.loads(line.makefile().readline())
    except (OSError, ValueError) as problem:
        print(json.dumps({"error": f"the model does not answer: {problem}", "reason": "outage"}))
        return
    print(json.dumps({"say": "working", "cost_usd": told["cost_usd"]}), flush=True)
    time.sleep(told["seconds"])
    for name, text in told["files"].items():
        path = pathlib.Path(task["tree"], name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if told["dies"]:
        sys.exit(1)
    print(json.dumps({"answer": told["answer"], "cost_usd": told["cost_usd"]}))


main()
