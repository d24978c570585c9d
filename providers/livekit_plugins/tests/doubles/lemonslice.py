"""LemonSlice: a session is posted to the one address there is."""

from __future__ import annotations

from typing import Any

from avatar_core.testing.scripted_api import ApiAnswer, ApiCall

from .vendor_double import VendorDouble

_PATH = "/api/liveai/sessions"


class LemonsliceDouble(VendorDouble):
    """``POST /api/liveai/sessions``."""

    vendor = "lemonslice"
    key_header = ("X-API-Key", "{key}")
    reports_start = True

    def options(self, *, key: str = VendorDouble.key) -> dict[str, Any]:
        """Return arguments of ``lemonslice.AvatarSession``."""
        return {"agent_id": "a-test", "api_url": self.api.url + _PATH, "api_key": key}

    def serve(self) -> None:
        """Add the routes."""

        @self.on("POST", _PATH)
        async def create(call: ApiCall) -> ApiAnswer:
            assert call.json["agent_id"] == "a-test"
            given = call.json["properties"]
            assert given["livekit_session_id"].startswith("RM_")
            session = self.create(url=given["livekit_url"], token=given["livekit_token"])
            return ApiAnswer(body={"session_id": session})
