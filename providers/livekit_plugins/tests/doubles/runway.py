"""Runway: a realtime session, ended by a word over the room's data channel, or by DELETE."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from livekit import rtc

from avatar_core.testing.scripted_api import ApiAnswer, ApiCall

from .vendor_double import Created, VendorDouble


class RunwayDouble(VendorDouble):
    """``POST`` and ``DELETE`` of ``/v1/realtime_sessions``."""

    vendor = "runway"
    key_header = ("Authorization", "Bearer {key}")
    reports_start = False
    ends = True

    def options(self, *, key: str = VendorDouble.key) -> dict[str, Any]:
        """Return arguments of ``runway.AvatarSession``."""
        return {"avatar_id": "a-test", "api_url": self.api.url, "api_key": key}

    def serve(self) -> None:
        """Add the routes."""

        @self.on("POST", "/v1/realtime_sessions")
        async def create(call: ApiCall) -> ApiAnswer:
            assert call.json["avatar"] == {"type": "custom", "avatarId": "a-test"}
            given = call.json["livekit"]
            session = self.create(url=given["url"], token=given["token"])
            created = self.created[-1]
            assert (given["roomName"], given["agentIdentity"]) == (created.room, created.agent)
            return ApiAnswer(body={"id": session})

        @self.on("DELETE", "/v1/realtime_sessions/{id}")
        async def delete(call: ApiCall) -> ApiAnswer:
            self.ended.append(call.arguments["id"])
            await self.api.end_avatar(call.arguments["id"])
            return ApiAnswer(status=204)

    async def send(self, created: Created, *, url: str, token: str) -> None:
        """Let it join, and leave when it is told END_CALL."""
        await super().send(created, url=url, token=token)
        room = self.api.avatar(created.id).room
        leaving: set[asyncio.Task[bool]] = set()

        def told(packet: rtc.DataPacket) -> None:
            if packet.topic or json.loads(packet.data) != {"type": "END_CALL"}:
                return
            self.ended.append(created.id)
            leaving.add(asyncio.ensure_future(self.api.end_avatar(created.id)))

        if room is not None:
            room.on("data_received", told)
