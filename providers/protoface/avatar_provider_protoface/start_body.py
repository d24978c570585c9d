"""The request that creates a session."""

from __future__ import annotations

from typing import Any

from avatar_core.contract.models import StartRequest
from avatar_provider_protoface.options import ProtofaceOptions
from avatar_provider_protoface.tags import Tags


def start_body(request: StartRequest, *, livekit_url: str, job: str | None) -> dict[str, Any]:
    """Return the body; what the caller left open is left out, for Protoface's own defaults.

    Args:
        request: The start.
        livekit_url: Where the worker joins.
        job: LiveKit job of the agent.
    """
    options: ProtofaceOptions = request.options
    assert request.room is not None
    tags = Tags(
        start=request.idempotency_key,
        room=request.room.name,
        agent=request.room.agent_identity,
        job=job,
    )
    body: dict[str, Any] = {
        "avatar_id": options.avatar_id,
        "transport": {
            "type": "livekit",
            "url": livekit_url,
            "room_name": request.room.name,
            "worker_token": request.token,
            "worker_identity": request.identity,
            "audio_source": "data_stream",
        },
        "metadata": {**options.metadata, **tags.metadata()},
    }
    for name in ("quality", "max_duration_seconds", "idle_timeout_seconds"):
        value = getattr(options, name)
        if value is not None:
            body[name] = value
    return body
