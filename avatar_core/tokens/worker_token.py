"""The one place where a worker's room token is minted."""

from __future__ import annotations

import datetime

from avatar_core.contract.models import TokenRequest

PUBLISH_ON_BEHALF = "lk.publish_on_behalf"
"""Participant attribute that names the agent an avatar speaks for (livekit.agents.types)."""


def mint_worker_token(request: TokenRequest) -> str:
    """Mint the least token that the data-stream flow works with.

    One room, one identity; camera, microphone and data; no subscription unless asked for. Data
    is needed for RPC: without it playback is never reported. Measured on livekit-server 1.13.5.

    Args:
        request: Room, identity, attributes, lifetime in seconds, and the key that signs.
    """
    from livekit import api

    grants = api.VideoGrants(
        room_join=True,
        room=request.room.name,
        can_publish=True,
        can_publish_sources=["camera", "microphone"],
        can_publish_data=True,
        can_subscribe=request.can_subscribe,
    )
    return (
        api.AccessToken(request.api_key, request.api_secret)
        .with_identity(request.identity)
        .with_name(request.name)
        .with_kind("agent")
        .with_attributes(dict(request.attributes))
        .with_grants(grants)
        .with_ttl(datetime.timedelta(seconds=request.ttl))
        .to_jwt()
    )
