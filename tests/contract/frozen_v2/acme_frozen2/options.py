"""The options of a provider for contract version 2."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from avatar_core import Env, ProviderOptions


class FrozenOptions(ProviderOptions):
    """What may be set."""

    face: str = Field("anna", min_length=1, description="Who is shown.")
    api_key: Annotated[SecretStr, Env("FROZEN2_API_KEY")] = Field(description="From nowhere.")
    api_url: Annotated[str, Env("FROZEN2_API_URL")] = "https://api.frozen.example"
    max_seconds: int = Field(600, ge=1, description="Longest session in seconds.")

    @property
    def joins_room(self) -> bool:
        """Nobody joins: the service is all that is spoken to."""
        return False

    @property
    def session_seconds(self) -> float | None:
        """How long a session may last."""
        return self.max_seconds
