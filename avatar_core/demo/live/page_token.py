"""What lets a visitor of the page into the one room of its call, for a few minutes."""

from __future__ import annotations

import datetime

from livekit import api

from avatar_core.demo.connection import Connection

TTL = datetime.timedelta(minutes=5)
"""A token has to last until the page has joined; LiveKit gives out new ones in the call."""


def visitor_token(connection: Connection, *, identity: str) -> str:
    """Mint the token: one room, one identity, a microphone, typed text, and listening.

    Args:
        connection: Server, key and room.
        identity: The visitor's; a second page of it takes the place of the first.
    """
    grants = api.VideoGrants(
        room_join=True,
        room=connection.room,
        can_publish=True,
        can_publish_sources=["microphone"],
        can_publish_data=True,
        can_subscribe=True,
        can_update_own_metadata=False,
    )
    return (
        api.AccessToken(connection.api_key, connection.api_secret)
        .with_identity(identity)
        .with_grants(grants)
        .with_ttl(TTL)
        .to_jwt()
    )
