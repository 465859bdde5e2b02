"""Views of one text: as a reader who sees through disguises would read it.

``fold`` undoes what characters hide; layers undo what hides the characters, at most ``MAX_DEPTH``
deep. Work is bounded by construction: linear patterns, and a budget of characters read and shown;
where it does not suffice, the reading says so. Every view can tell where in the raw text a part
of it stood.
"""

from __future__ import annotations

from mendwire.screen.normalise.fold import fold
from mendwire.screen.normalise.hidden import hidden
from mendwire.screen.normalise.layers import NAMES
from mendwire.screen.normalise.reading import MAX_DEPTH, MAX_VIEWS, Reading, read, views
from mendwire.screen.normalise.view import View

__all__ = ["MAX_DEPTH", "MAX_VIEWS", "NAMES", "Reading", "View", "fold", "hidden", "read", "views"]
