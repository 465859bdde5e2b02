"""Bugsink beside us: its own virtual environment, set up as its documentation says for one server.

gunicorn and snappea, SQLite, the ``singleserver`` configuration as its own command writes it. Only
what would stop the measurement is changed: the quotas of events, the plain http on loopback, and
its telephone home. The events in its database are what it has digested.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import subprocess
import sys
import venv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Processes, free_port, running, until_open

ROOT = Path(__file__).parents[1]
PINS = Path(__file__).with_name("bugsink.txt")
HOME = ROOT / ".tools" / "bugsink"
WORKERS = 2
"""Of gunicorn: one a core, as in Bugsink's own container."""
QUOTA = 10**9
_MORE = f"""
ALLOWED_HOSTS = ["*"]
BUGSINK["PHONEHOME"] = False
BUGSINK.update({{
    f"MAX_EVENTS_{{whose}}PER_{{period}}": {QUOTA}
    for whose in ("", "PER_PROJECT_") for period in ("5_MINUTES", "HOUR", "MONTH")
}})
"""
_PROJECT = """
from projects.models import Project
made = Project.objects.create(name="bench", alert_on_new_issue=False)
print("made", made.pk, made.sentry_key.hex)
"""


def environment() -> Path:
    """The folder of programs of a virtual environment with exactly what is pinned."""
    stamp = HOME / "pinned"
    wanted = hashlib.sha256(PINS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("installing bugsink into .tools/bugsink ...", file=sys.stderr, flush=True)
        venv.create(HOME, with_pip=True, clear=True)
        pip = [str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--require-hashes", "-r", str(PINS)], check=True)  # noqa: S603
        stamp.write_text(wanted)
    return HOME / "bin"


@dataclass(frozen=True, kw_only=True)
class Bugsink:
    """One running installation with one project."""

    port: int
    database: Path
    path: str
    """Of the project's endpoint."""
    key: str
    processes: Processes

    def digested(self) -> int:
        """Events that are in the database with all that belongs to them."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as link:
            (count,) = link.execute("select count(*) from events_event").fetchone()
        return int(count)


@asynccontextmanager
async def bugsink(folder: Path) -> AsyncIterator[Bugsink]:
    """Started in a fresh folder; ended with all its processes."""
    programs = environment()
    folder.mkdir()
    port = free_port()
    variables = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder),
        "DJANGO_SETTINGS_MODULE": "bugsink_conf",
        "PYTHONPATH": str(folder),
    }

    def ran(*words: str) -> str:
        done = subprocess.run(  # noqa: S603 - its own programs
            [str(programs / words[0]), *words[1:]],
            cwd=folder,
            env=variables,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    ran(
        "bugsink-create-conf",
        "--template=singleserver",
        "--host=127.0.0.1",
        f"--port={port}",
        f"--base-dir={folder}",
    )
    conf = folder / "bugsink_conf.py"
    conf.write_text(conf.read_text() + _MORE)
    ran("bugsink-manage", "migrate")
    ran("bugsink-manage", "migrate", "snappea", "--database=snappea")
    told = ran("bugsink-manage", "shell", "-c", _PROJECT).split()
    number, key = told[told.index("made") + 1 :][:2]
    gunicorn = [
        "gunicorn",
        "bugsink.wsgi",
        f"--bind=127.0.0.1:{port}",
        f"--workers={WORKERS}",
        "--timeout=60",
        "--access-logfile=/dev/null",
        "--forwarded-allow-ips=*",
    ]
    log = folder / "log"
    async with (
        running(["bugsink-runsnappea"], cwd=folder, env=variables, log=log) as snappea,
        running(gunicorn, cwd=folder, env=variables, log=log) as web,
    ):
        await until_open(port, web, log)
        await asyncio.sleep(1)  # its workers are forked by then; memory at rest is measured next
        yield Bugsink(
            port=port,
            database=folder / "db.sqlite3",
            path=f"/api/{number}/envelope/",
            key=key,
            processes=Processes([snappea.pid, web.pid]),
        )
