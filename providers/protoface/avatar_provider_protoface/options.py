"""What a caller may set for Protoface."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from typing_extensions import Self

from avatar_core.contract.options import Env, ProviderOptions
from avatar_provider_protoface.tags import OWN_PREFIX, TAGS_BYTES

DEFAULT_API_URL = "https://api.protoface.com"
DEFAULT_AVATAR_ID = "av_stock_001"
LONGEST_SESSION = 3600.0
"""Seconds the largest plan allows; what a session without a limit of its own may last."""

METADATA_BYTES = 8 * 1024
_PROTOFACE_PREFIX = "_avatar."

ApiKeyOption = SecretStr | Callable[..., Awaitable[str | SecretStr]]
MetadataValue = str | int | Annotated[float, Field(allow_inf_nan=False)] | bool | None

# A None for these asks for the environment and the default, as in LiveKit's own plugin.
_NONE_IS_NOT_GIVEN = ("api_key", "api_url")


class ProtofaceOptions(ProviderOptions):
    """Options of LiveKit's own Protoface plugin under the same names, and what it lacks."""

    avatar_id: str = Field(DEFAULT_AVATAR_ID, min_length=1, description="Avatar to render.")
    api_key: Annotated[ApiKeyOption, Env("PROTOFACE_API_KEY")] = Field(
        description="API key, or an async callable that returns it, called for every request."
    )
    api_url: Annotated[str, Env("PROTOFACE_API_URL")] = Field(
        DEFAULT_API_URL, description="Address of the API; https, or an emulator on this machine."
    )
    max_duration_seconds: int | None = Field(
        None, ge=1, description="Longest session in seconds; the plan's limit may be lower."
    )
    quality: Literal["mock", "lite", "standard", "pro"] | None = Field(
        None, description="Tier of the picture; None leaves it to Protoface (standard)."
    )
    idle_timeout_seconds: int | None = Field(
        360,
        ge=1,
        le=600,
        description="Seconds without the agent's speech after which Protoface ends the session;"
        " None leaves it to Protoface: 30, and callers talk longer than that.",
    )
    metadata: Mapping[str, MetadataValue] = Field(
        default_factory=dict, description="Kept with the session at Protoface; 8 KB at most."
    )
    worker_livekit_url: str | None = Field(
        None,
        description="LiveKit url for Protoface's worker, where it differs from the agent's.",
        pattern=r"^(wss?|https?)://[^\s]+$",
    )

    @property
    def session_seconds(self) -> float:
        """The longest session, in seconds."""
        return min(float(self.max_duration_seconds or LONGEST_SESSION), LONGEST_SESSION)

    @classmethod
    def from_mapping(cls, provider: str, given: Mapping[str, Any]) -> Self:
        """Check what the caller gave, read as LiveKit's own plugin reads it."""
        values = {
            name: value
            for name, value in given.items()
            # Asked by name: LiveKit, which the class is of, is not imported for this.
            if type(value).__name__ != "NotGiven"
            and not (value is None and name in _NONE_IS_NOT_GIVEN)
        }
        return super().from_mapping(provider, values)

    @field_validator("api_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        from avatar_core.provider_http.base_url import BaseUrl

        return str(BaseUrl(value or DEFAULT_API_URL))

    @field_validator("api_key")
    @classmethod
    def _check_key(cls, value: ApiKeyOption) -> ApiKeyOption:
        if isinstance(value, SecretStr) and not value.get_secret_value().strip():
            raise ValueError("it is empty (or set PROTOFACE_API_KEY)")
        return value

    @model_validator(mode="after")
    def _check_worker_url(self) -> Self:
        from avatar_core.provider_http.base_url import BaseUrl, is_loopback_host

        if self.worker_livekit_url is None:
            return self
        try:
            parts = urlsplit(self.worker_livekit_url)
            host = parts.hostname or ""
        except ValueError:
            host = ""
        if not host:
            raise ValueError(
                "worker_livekit_url is no LiveKit url: it looks like wss://host[:port]"
            )
        # An emulator's worker is on this machine, in whatever network that is.
        if (
            parts.scheme in ("ws", "http")
            and not is_loopback_host(host)
            and not BaseUrl(self.api_url).loopback
        ):
            raise ValueError(
                "worker_livekit_url is not encrypted: the worker's token would travel in the"
                " clear; use wss://"
            )
        return self

    @model_validator(mode="after")
    def _check_metadata(self) -> Self:
        for name in self.metadata:
            for prefix in (_PROTOFACE_PREFIX, OWN_PREFIX):
                if name.startswith(prefix):
                    raise ValueError(f"metadata: names with {prefix!r} are not for callers")
        if len(json.dumps(dict(self.metadata)).encode()) > METADATA_BYTES - TAGS_BYTES:
            raise ValueError(
                f"metadata: at most {METADATA_BYTES - TAGS_BYTES} bytes as JSON; the rest of"
                " Protoface's 8 KB holds the tags by which a session is found again"
            )
        return self
