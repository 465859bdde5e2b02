"""Which release of a program runs here, as far as its surroundings say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mendwire.model.report import UNKNOWN_RELEASE

_VARIABLES: Final = (
    "MENDWIRE_RELEASE",
    "HEROKU_RELEASE_VERSION",
    "HEROKU_SLUG_COMMIT",
    "RENDER_GIT_COMMIT",
    "RAILWAY_GIT_COMMIT_SHA",
    "VERCEL_GIT_COMMIT_SHA",
    "K_REVISION",
    "FLY_IMAGE_REF",
    "SOURCE_VERSION",
    "CODEBUILD_RESOLVED_SOURCE_VERSION",
    "CI_COMMIT_SHA",
    "GITHUB_SHA",
    "GIT_COMMIT",
    "COMMIT_SHA",
)


def release_of(variables: Mapping[str, str]) -> str:
    """The release, or ``unknown``: the checkout is not asked, it may not be what runs."""
    for name in _VARIABLES:
        if text := variables.get(name, "").strip():
            return text[:200]
    return UNKNOWN_RELEASE
