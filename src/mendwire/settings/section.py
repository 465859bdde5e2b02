"""What every table of ``mendwire.toml`` has in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A table; a name that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
