"""Version 1 of the signature, frozen: its golden vectors are tests/golden/signature/v1.jsonl."""
