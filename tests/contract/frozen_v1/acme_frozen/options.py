"""The options of a provider for contract version 1."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from avatar_core import Env, ProviderOptions


class FrozenOptions(ProviderOptions):
    """What may be set."""

    face: str = Field("anna", min_length=1, description="Who is shown.")
    api_key: Annotated[SecretStr | None, Env("FROZEN_API_KEY")] = None
    joins: bool = True
    seconds: float | None = Field(None, gt=0)

    @property
    def joins_room(self) -> bool:
        """Whether anybody joins a room."""
        return self.joins

    @property
    def session_seconds(self) -> float | None:
        """How long a session may last."""
        return self.seconds
