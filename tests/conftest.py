"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine must fail no test, and two runs of one commit must say the same.
# Neither a slow machine nor a busy one is a failure.
settings.register_profile(
    "mendwire",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("mendwire")
