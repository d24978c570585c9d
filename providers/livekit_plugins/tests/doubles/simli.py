"""Simli: a session token first, then a worker for it."""

from __future__ import annotations

from typing import Any

from avatar_core.testing.scripted_api import ApiAnswer, ApiCall

from .vendor_double import VendorDouble


class SimliDouble(VendorDouble):
    """``POST /compose/token`` and ``POST /integrations/livekit/agents``."""

    vendor = "simli"
    key_header = ("x-simli-api-key", "{key}")
    reports_start = False
    creates_at = "/integrations/"

    def options(self, *, key: str = VendorDouble.key) -> dict[str, Any]:
        """Return arguments of ``simli.AvatarSession``."""
        from livekit.plugins import simli

        config = simli.SimliConfig(api_key=key, face_id="f-test")
        return {"simli_config": config, "api_url": self.api.url}

    def serve(self) -> None:
        """Add the routes."""
        session_token = "a-session-token"

        @self.on("POST", "/compose/token")
        async def compose(call: ApiCall) -> ApiAnswer:
            assert call.json["faceId"].startswith("f-test/")
            return ApiAnswer(body={"session_token": session_token})

        @self.on("POST", "/integrations/livekit/agents", keyless=True)
        async def create(call: ApiCall) -> ApiAnswer:
            assert call.json["session_token"] == session_token
            self.create(url=call.json["livekit_url"], token=call.json["livekit_token"])
            return ApiAnswer(body={})
