"""The part of Tavus' API that LiveKit's plugin asks, on loopback, with avatars that really join."""

from __future__ import annotations

import uuid
from typing import Any

import jwt

from avatar_core.testing.scripted_api import ApiAnswer, ApiCall, ScriptedApi

KEY = "a-key-of-the-test"


class TavusCloud:
    """Answers as Tavus does.

    Args:
        api: The server.
    """

    def __init__(self, api: ScriptedApi) -> None:
        self.api = api
        self.created: list[str] = []
        """Identities of the avatars that were sent."""
        self.status: int | None = None
        """Answer with this instead."""
        self.joins = True
        api.key = KEY

        @api.on("POST", "/conversations")
        async def create(call: ApiCall) -> ApiAnswer:
            if self.status is not None:
                return ApiAnswer(status=self.status, body={"message": "not now"})
            given = call.json["properties"]
            token = given["livekit_room_token"]
            claims = jwt.decode(token, options={"verify_signature": False})
            self.created.append(claims["sub"])
            name = f"c{uuid.uuid4().hex}"
            if self.joins:
                await api.send_avatar(
                    name,
                    url=given["livekit_ws_url"],
                    token=token,
                    agent=claims["attributes"]["lk.publish_on_behalf"],
                )
            return ApiAnswer(body={"conversation_id": name, "status": "active"})

    def options(self, *, key: str = KEY) -> dict[str, Any]:
        """Return arguments of ``tavus.AvatarSession``."""
        return {"api_url": self.api.url, "api_key": key, "pal_id": "p-test"}

    @property
    def asked(self) -> int:
        """How often a conversation was asked for."""
        return sum(call.path == "/conversations" for call in self.api.calls)
