"""Extension for Flask.

MendwireFlask(app)

mendwire_flask = MendwireFlask()     # where applications are made by a function
mendwire_flask.init_app(app)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from mendwire.capture.sdk import signals
from mendwire.capture.wsgi import Application, MendwireWSGI


class FlaskLike(Protocol):
    """As much of an application as is touched."""

    wsgi_app: Application
    extensions: dict[str, Any]


class MendwireFlask:
    """Gives every request its scope; Flask's signal tells what the request failed of."""

    def __init__(self, app: Any = None) -> None:  # noqa: ANN401 - Flask's own class, not imported
        if app is not None:
            self.init_app(app)

    def init_app(self, app: FlaskLike) -> None:
        """Serve one application; a second call changes nothing."""
        if "mendwire" in app.extensions:
            return
        app.extensions["mendwire"] = self
        app.wsgi_app = MendwireWSGI(app.wsgi_app)
        import_module("flask.signals")  # the host runs Flask
        signals.flask()
