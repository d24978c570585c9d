"""Tavus: a conversation is created and never ended by its plugin."""

from __future__ import annotations

from typing import Any

from avatar_core.testing.scripted_api import ApiAnswer, ApiCall

from .vendor_double import VendorDouble


class TavusDouble(VendorDouble):
    """``POST /conversations``."""

    vendor = "tavus"
    key_header = ("x-api-key", "{key}")
    reports_start = False

    def options(self, *, key: str = VendorDouble.key) -> dict[str, Any]:
        """Return arguments of ``tavus.AvatarSession``."""
        return {"pal_id": "p-test", "api_url": self.api.url, "api_key": key}

    def serve(self) -> None:
        """Add the routes."""

        @self.on("POST", "/conversations")
        async def create(call: ApiCall) -> ApiAnswer:
            assert call.json["pal_id"] == "p-test"
            given = call.json["properties"]
            session = self.create(url=given["livekit_ws_url"], token=given["livekit_room_token"])
            return ApiAnswer(body={"conversation_id": session, "status": "active"})
