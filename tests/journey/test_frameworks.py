"""The real frameworks under their real servers: one failure, one report, with its request.

The applications are those of the page that tells people how to do it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mendwire.model.names import Names
from mendwire.wire.apply import ensure
from mendwire.wire.denials import Denials
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import topology
from tests.nats_server import RealServer, running
from tests.sdk_host import Host, repeats, stored

PAGE = Path(__file__).parents[2] / "docs/how-to/report-from-python-frameworks.md"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
BAIT = "hunter2-bait"
ADDRESS = re.compile(r"(?:Listening at: |running on )http://([\d.]+:\d+)")
DJANGO = {
    "urls.py": """
from django.urls import path
from views import price, slow_price
urlpatterns = [path("price/<item>", price), path("async/<item>", slow_price)]
""",
    "views.py": """
from django.http import HttpResponse
PRICES = {"tea": 3}
def price(request, item):
    return HttpResponse(PRICES[item])
async def slow_price(request, item):
    return HttpResponse(PRICES[item])
""",
    "wsgi.py": "from django.core.wsgi import get_wsgi_application\napp = get_wsgi_application()\n",
    "asgi.py": "from django.core.asgi import get_asgi_application\napp = get_asgi_application()\n",
}
DJANGO_SETTINGS = """
SECRET_KEY = "none"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
"""
CELERY_CONFIG = """
import os
for _name in ("queue", "control"):
    os.makedirs(_name, exist_ok=True)
broker_url = "filesystem://"
broker_transport_options = {
    "data_folder_in": "queue",
    "data_folder_out": "queue",
    "control_folder": "control",
    "polling_interval": 0.05,
}
task_ignore_result = True
worker_concurrency = 2
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RealServer]:
    async with running(tmp_path / "nats") as started:
        yield started


@pytest.fixture
async def bus(server: RealServer) -> AsyncIterator[JetStreamBus]:
    names = Names(namespace="ai_tutor")
    async with server.client() as client:
        bus = JetStreamBus(client, names, Denials())
        await ensure(bus.api, topology(names, ["production"]))
        yield bus


@pytest.fixture
def host(tmp_path: Path, server: RealServer) -> Host:
    folder = tmp_path / "host"
    folder.mkdir()
    return Host(folder, server.url)


def example(heading: str) -> dict[str, str]:
    """The files of one section of the page, by name."""
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"(?m)(?:^    .*\n|^\n(?=\n*    ))+", section)
    files = {}
    for block in blocks:
        lines = [line[4:] for line in block.strip("\n").splitlines()]
        name = re.fullmatch(r"# (\w+\.py)", lines[0])
        assert name, lines[0]
        files[name[1]] = "\n".join(lines) + "\n"
    assert files
    return files


def write(host: Host, files: dict[str, str]) -> None:
    for name, text in files.items():
        (host.folder / name).write_text(text)


async def listening(log: Path) -> str:
    """Where the server listens, as its log says."""
    async with asyncio.timeout(30):
        while not (found := ADDRESS.search(log.read_text())):
            await asyncio.sleep(0.05)
    return f"http://{found[1]}"


async def arrived(bus: JetStreamBus, count: int = 1) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while len(bodies := await stored(bus, "PRODUCTION_ERRORS")) < count:
            await asyncio.sleep(0.05)
    return bodies


async def ask(url: str, path: str) -> None:
    """One request that fails, with a secret in every part that nobody is to keep."""
    # With several workers the address is told before one of them listens.
    patient = httpx.AsyncHTTPTransport(retries=7)
    async with httpx.AsyncClient(transport=patient, timeout=20) as client:
        fine = await client.get(f"{url}{path}/tea")
        assert (fine.status_code, fine.text) == (200, "3")
        failed = await client.request(
            "GET",
            f"{url}{path}/coffee?token={BAIT}&page=2",
            json={"password": BAIT},
            headers={
                "Authorization": f"Bearer {BAIT}",
                "Cookie": f"session={BAIT}",
                "X-Api-Key": BAIT,
                "X-Request-Id": "req-17",
                "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
            },
        )
        assert failed.status_code == 500


async def the_one_report(bus: JetStreamBus) -> dict[str, Any]:
    (body,) = await stored(bus, "PRODUCTION_ERRORS")
    assert await repeats(bus) == 0
    assert BAIT not in json.dumps(body)
    assert (body["type"], body["error"]) == ("KeyError", "KeyError: 'coffee'")
    assert (body["service"], body["release"]) == ("shop", "1.4.2")
    assert "KeyError: 'coffee'" in body["stack"]
    return body


async def check_request(bus: JetStreamBus, file: str, function: str, route: str) -> None:
    body = await the_one_report(bus)
    crash = [frame for frame in body["frames"] if frame["in_app"]][-1]
    assert (crash["file"], crash["function"]) == (file, function)
    assert "PRICES[item]" in crash["code"]
    assert body["trace_id"] == TRACE
    assert body["context"]["request_id"] == "req-17"
    request = body["context"]["request"]
    assert request["method"] == "GET"
    assert request["route"].lstrip("/") == route
    assert request["path"].endswith("/coffee")
    assert request["query"] == "token, page"


@pytest.mark.parametrize("workers", [1, 2])
async def test_fastapi_under_uvicorn(host: Host, bus: JetStreamBus, workers: int) -> None:
    write(host, example("FastAPI and Starlette"))
    arguments = ("uvicorn", "shop:app", "--port", "0", "--workers", str(workers))
    async with host.serving(*arguments) as log:
        await ask(await listening(log), "/price")
        await arrived(bus)
    await check_request(bus, "shop.py", "price", "price/{item}")


@pytest.mark.parametrize("preload", [(), ("--preload",)])
async def test_flask_under_gunicorn(
    host: Host, bus: JetStreamBus, preload: tuple[str, ...]
) -> None:
    write(host, example("Flask"))
    arguments = ("gunicorn", "shop:app", "--bind", "127.0.0.1:0", "--workers", "2", *preload)
    async with host.serving(*arguments) as log:
        await ask(await listening(log), "/price")
        await arrived(bus)
    await check_request(bus, "shop.py", "price", "price/<item>")


async def test_django_under_gunicorn(host: Host, bus: JetStreamBus) -> None:
    write(host, DJANGO)
    write(host, {"settings.py": example("Django")["settings.py"] + DJANGO_SETTINGS})
    arguments = ("gunicorn", "wsgi:app", "--bind", "127.0.0.1:0", "--workers", "2")
    async with host.serving(*arguments, DJANGO_SETTINGS_MODULE="settings") as log:
        await ask(await listening(log), "/price")
        await arrived(bus)
    await check_request(bus, "views.py", "price", "price/<item>")


@pytest.mark.parametrize(("path", "function"), [("price", "price"), ("async", "slow_price")])
async def test_django_under_uvicorn(
    host: Host, bus: JetStreamBus, path: str, function: str
) -> None:
    write(host, DJANGO)
    write(host, {"settings.py": example("Django")["settings.py"] + DJANGO_SETTINGS})
    arguments = ("uvicorn", "asgi:app", "--port", "0", "--lifespan", "off")
    async with host.serving(*arguments, DJANGO_SETTINGS_MODULE="settings") as log:
        await ask(await listening(log), f"/{path}")
        await arrived(bus)
    await check_request(bus, "views.py", function, f"{path}/<item>")


async def test_celery_in_its_prefork_pool(host: Host, bus: JetStreamBus) -> None:
    write(host, example("Celery"))
    write(host, {"celeryconfig.py": CELERY_CONFIG})
    async with host.serving("celery", "-A", "shop", "worker", "--pool", "prefork"):
        program = f"import shop; shop.price.delay('tea'); shop.price.delay(item={'coffee'!r})"
        sent = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, cwd=host.folder, env=host.environ
        )
        assert await sent.wait() == 0
        await arrived(bus)
    body = await the_one_report(bus)
    crash = [frame for frame in body["frames"] if frame["in_app"]][-1]
    assert (crash["file"], crash["function"]) == ("shop.py", "price")
    assert crash["arguments"] == {"item": "coffee"}
    task = body["context"]["task"]
    assert task.pop("id")
    assert task == {"name": "shop.price", "retries": 0, "arguments": "item", "queue": "celery"}


@pytest.mark.parametrize("heading", ["FastAPI and Starlette", "Flask"])
@pytest.mark.parametrize("is_first", [True, False])
async def test_without_the_line_the_log_is_enough(
    host: Host, bus: JetStreamBus, heading: str, is_first: bool
) -> None:
    lines = example(heading)["shop.py"].splitlines()
    if is_first:  # before the framework is loaded
        call = next(line for line in lines if line.startswith("mendwire.init"))
        lines.remove(call)
        lines.insert(lines.index("import mendwire") + 1, call)
    bare = "\n".join(line for line in lines if "Mendwire" not in line)
    write(host, {"shop.py": bare})
    is_flask = heading == "Flask"
    served = ("gunicorn", "-b", "127.0.0.1:0") if is_flask else ("uvicorn", "--port", "0")
    async with host.serving(*served, "shop:app") as log:
        await ask(await listening(log), "/price")
        await arrived(bus)
    body = await the_one_report(bus)
    assert ("request" in body["context"]) is is_flask  # whose signal was connected by itself


@pytest.mark.parametrize(
    "line", ["app.add_middleware(MendwireASGI)", "app = MendwireASGI(app)", ""]
)
async def test_an_application_that_cannot_start_is_one_report(
    host: Host, bus: JetStreamBus, line: str
) -> None:
    """Starlette hands uvicorn a text, uvicorn logs it and says that it gives up."""
    fails = "async def lifespan(app):\n    PRICES['coffee']\n    yield\n"
    shop = example("FastAPI and Starlette")["shop.py"]
    shop = shop.replace("app = FastAPI()", f"{fails}\napp = FastAPI(lifespan=lifespan)")
    write(host, {"shop.py": shop.replace("app.add_middleware(MendwireASGI)", "") + f"\n{line}\n"})
    async with host.serving("uvicorn", "shop:app", "--port", "0"):
        await arrived(bus)
    body = await the_one_report(bus)
    assert body["frames"][-1]["function"] == "lifespan"
