"""Hostile and broken requests against the running gateway: no crash, no 5xx, no time-out, no growth.

The processes outlive the examples: each answer is held to the promise, and at the end a good event
still arrives, by the same process, within its memory.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import http.client
import json
import os
import random
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from io import BytesIO
from typing import Any

import brotli
import psutil
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from sentry_sdk.envelope import Envelope

from tests.gateway_stage import ENV, Credential, GatewayStage, gateway_stage

ANSWERED_WITHIN_S = 30.0
MOST_MEMORY_MB = 400.0
"""Of the process, whatever was sent to it. Its own limits: 48 MiB in flight, 100 MiB inflated."""
EXAMPLES = int(os.environ.get("MENDWIRE_FUZZ_EXAMPLES", "60"))
hostile = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
if "backports" in os.environ.get("PYTEST_NEVER", ""):  # pragma: no cover
    raise AssertionError
