"""Beyond Presence: a session is created, and what is answered is not read."""

from __future__ import annotations

from typing import Any

from avatar_core.testing.scripted_api import ApiAnswer, ApiCall

from .vendor_double import VendorDouble


class BeyDouble(VendorDouble):
    """``POST /v1/sessions``."""

    vendor = "bey"
    key_header = ("x-api-key", "{key}")
    reports_start = False

    def options(self, *, key: str = VendorDouble.key) -> dict[str, Any]:
        """Return arguments of ``bey.AvatarSession``."""
        return {"avatar_id": "a-test", "api_url": self.api.url, "api_key": key}

    def serve(self) -> None:
        """Add the routes."""

        @self.on("POST", "/v1/sessions")
        async def create(call: ApiCall) -> ApiAnswer:
            assert call.json["transport"] == "livekit"
            assert call.json["avatar_id"] == "a-test"
            session = self.create(url=call.json["url"], token=call.json["token"])
            return ApiAnswer(status=201, body={"id": session})
