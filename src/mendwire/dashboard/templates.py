"""The template engine: it escapes everything, and makes every text inert before."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mendwire.dashboard import drawing, text

_HERE: Final = Path(__file__).parent
STATIC: Final = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "news.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "idiomorph-ext.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "LICENSES.txt": "text/plain; charset=utf-8",
}
"""The files that are served, and nothing else."""


def static_files() -> dict[str, bytes]:
    """All of them; together some hundred kilobytes."""
    return {name: (_HERE / "static" / name).read_bytes() for name in STATIC}


def templates(files: dict[str, bytes], namespace: str) -> Environment:
    """The engine, which knows the pages of this room alone."""
    engine = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        finalize=text.inert,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    versions = {name: sha256(body).hexdigest()[:12] for name, body in files.items()}
    engine.globals |= {
        "asset": lambda name: f"/static/{name}?{versions[name]}",
        "namespace": namespace,
        "spark": drawing.spark,
        "colour_of": drawing.colour_of,
    }
    engine.filters |= {
        "ago": text.ago,
        "moment": text.moment,
        "span": text.span,
        "usd": text.usd,
        "short": text.short,
        "tidy": text.tidy,
    }
    return engine
