"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A busy machine must fail no test, and two runs of one commit must say the same.
settings.register_profile("mendwire", deadline=None, derandomize=True)
settings.load_profile("mendwire")
