"""D-ID: a worker is sent into the room for an agent of the account."""

from __future__ import annotations

from typing import Any

from avatar_core.testing.scripted_api import ApiAnswer, ApiCall

from .vendor_double import VendorDouble


class DidDouble(VendorDouble):
    """``POST /v2/agents/{agent}/sessions/join``."""

    vendor = "did"
    key_header = ("Authorization", "Basic {key}")
    reports_start = False

    def options(self, *, key: str = VendorDouble.key) -> dict[str, Any]:
        """Return arguments of ``did.AvatarSession``."""
        return {"agent_id": "v2_agt_test", "api_url": self.api.url, "api_key": key}

    def serve(self) -> None:
        """Add the routes."""

        @self.on("POST", "/v2/agents/{agent}/sessions/join")
        async def create(call: ApiCall) -> ApiAnswer:
            assert call.arguments["agent"] == "v2_agt_test"
            given = call.json["transport"]
            session = self.create(url=given["server_url"], token=given["token"])
            assert given["room_name"] == self.created[-1].room
            return ApiAnswer(status=201, body={"id": session})
