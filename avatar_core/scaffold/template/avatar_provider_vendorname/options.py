"""What a caller may set."""

from __future__ import annotations

from avatar_core import ProviderOptions
from pydantic import Field


class Options(ProviderOptions):
    """Options of one avatar session; what is not set has its default."""

    size: int = Field(256, ge=64, le=1024, multiple_of=2, description="Picture size in pixels.")
