"""Anam: an engine session is created for a persona."""

from __future__ import annotations

from typing import Any

from avatar_core.testing.scripted_api import ApiAnswer, ApiCall

from .vendor_double import VendorDouble


class AnamDouble(VendorDouble):
    """``POST /v1/engine/session``."""

    vendor = "anam"
    key_header = ("Authorization", "Bearer {key}")
    reports_start = True

    def options(self, *, key: str = VendorDouble.key) -> dict[str, Any]:
        """Return arguments of ``anam.AvatarSession``."""
        from livekit.plugins import anam

        persona = anam.PersonaConfig(name="Test", avatarId="a-test")
        return {"persona_config": persona, "api_url": self.api.url, "api_key": key}

    def serve(self) -> None:
        """Add the routes."""

        @self.on("POST", "/v1/engine/session")
        async def create(call: ApiCall) -> ApiAnswer:
            assert call.json["personaConfig"]["avatarId"] == "a-test"
            given = call.json["environment"]
            session = self.create(url=given["livekitUrl"], token=given["livekitToken"])
            return ApiAnswer(body={"sessionId": session, "engineHost": "engine.test"})
