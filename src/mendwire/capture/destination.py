"""Where reports go and what is taken out of them, from what was given and the surroundings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mendwire.capture.outbox import Target
from mendwire.capture.spool import Spool, default_folder
from mendwire.model import names as naming
from mendwire.model.names import Names
from mendwire.settings.environment import Environment

if TYPE_CHECKING:
    from mendwire.model.scrub import ScrubPolicy


def policy_of(
    given: ScrubPolicy | Mapping[str, object] | None, variables: Mapping[str, str]
) -> ScrubPolicy | None:
    """The policy that was given, else that of ``MENDWIRE_SCRUB``; None is the default.

    Raises ConfigError.
    """
    if given is None and not variables.get("MENDWIRE_SCRUB", "").strip():
        return None  # what scrubs need not be loaded before there is an error
    from mendwire.model.scrub import (  # noqa: PLC0415 - see above
        ScrubPolicy,
        scrub_policy,
        scrub_policy_from,
    )

    if given is None:
        return scrub_policy_from(variables)
    return given if isinstance(given, ScrubPolicy) else scrub_policy(given)


def target_of(
    surroundings: Environment,
    environment: str | None,
    folder: str | os.PathLike[str] | None,
    scrub: ScrubPolicy | None,
) -> Target:
    """The namespace as far as it is known, and the spool; raises InvalidName."""
    named = surroundings.namespace
    names = Names(namespace=naming.namespace(named)) if named else None
    where = (
        Path(folder)
        if folder
        else default_folder(surroundings.state_home, names.namespace if names else "default")
    )
    return Target(
        surroundings=surroundings,
        names=names,
        environment=naming.environment(environment) if environment else None,
        spool=Spool(where),
        scrub=scrub,
    )
