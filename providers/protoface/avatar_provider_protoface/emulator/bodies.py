"""The requests that are accepted, strictly: an unknown field is an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
)

from avatar_provider_protoface.emulator.problems import ApiProblemError

METADATA_BYTES = 8 * 1024

Quality = Literal["mock", "lite", "standard", "pro"]
MetadataValue = StrictStr | StrictBool | StrictInt | StrictFloat | None


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class LiveKitTransport(_Body):
    """The customer's own room."""

    type: Literal["livekit"]
    url: StrictStr = Field(min_length=1)
    room_name: StrictStr = Field(min_length=1)
    worker_token: StrictStr = Field(min_length=1, repr=False)
    worker_identity: StrictStr = "protoface-worker"
    audio_source: Literal["data_stream", "track"] = "data_stream"
    subscribe_to_identity: StrictStr | None = None
    synthetic_audio_if_no_input: StrictBool = False


class ReservedTransport(_Body):
    """Known and not offered."""

    type: Literal["websocket", "pipecat"]


class _SessionBody(_Body):
    avatar_id: StrictStr = Field(min_length=1)
    quality: Quality = "standard"
    max_duration_seconds: StrictInt | None = Field(None, ge=1, le=3600)
    idle_timeout_seconds: StrictInt = Field(30, ge=1, le=600)
    metadata: Mapping[str, MetadataValue] = Field(default_factory=dict)

    @field_validator("metadata")
    @classmethod
    def _check_size(cls, value: Mapping[str, MetadataValue]) -> Mapping[str, MetadataValue]:
        if len(json.dumps(dict(value)).encode()) > METADATA_BYTES:
            raise ValueError(f"larger than {METADATA_BYTES} bytes")
        if any(name.startswith("_avatar.") for name in value):
            raise ValueError("keys with the prefix '_avatar.' are managed")
        return value


class CreateSession(_SessionBody):
    """``POST /v1/sessions``."""

    transport: Annotated[LiveKitTransport | ReservedTransport, Field(discriminator="type")]


class CreatePipecatSession(_SessionBody):
    """``POST /v1/pipecat/sessions``."""

    relay_mode: Literal["websocket"] = "websocket"


B = TypeVar("B", bound=_Body)


def read_body(model: type[B], raw: bytes) -> B:
    """Check a request's body.

    Raises:
        ApiProblemError: 400 for what is no JSON object or has no transport type, 422 for a field.
    """
    try:
        data: Any = json.loads(raw, parse_constant=_refuse_constant)
        # Half a surrogate pair is valid in JSON's grammar alone: nobody could be answered with it.
        json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ApiProblemError(400, "body.invalid_json", "The body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise ApiProblemError(400, "body.invalid", "The body is not an object.")
    transport = data.get("transport")
    if isinstance(transport, dict) and "type" not in transport and model is CreateSession:
        raise ApiProblemError(
            400, "transport.type.missing", "The transport has no type.", param="transport.type"
        )
    try:
        return model.model_validate(data)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        # pydantic names the member of the union that it tried, which is no field.
        path = [str(part) for part in first["loc"] if part not in ("livekit", "websocket")]
        code = "field.unknown" if first["type"] == "extra_forbidden" else "field.invalid"
        param = ".".join(path) or None
        raise ApiProblemError(422, code, f"{param}: {first['msg']}.", param=param) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is Python's, not JSON's")
