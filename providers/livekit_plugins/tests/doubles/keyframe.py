"""Keyframe: a reservation of a persona, whose model says whether sound goes out in frames."""

from __future__ import annotations

from typing import Any

from avatar_core.testing.scripted_api import ApiAnswer, ApiCall

from .vendor_double import VendorDouble


class KeyframeDouble(VendorDouble):
    """``POST /v1/sessions/plugins/livekit``, of a model that takes plain sound."""

    vendor = "keyframe"
    key_header = ("Authorization", "Bearer {key}")
    reports_start = True

    def options(self, *, key: str = VendorDouble.key) -> dict[str, Any]:
        """Return arguments of ``keyframe.AvatarSession``."""
        return {"persona_id": "p-test", "api_url": self.api.url, "api_key": key}

    def serve(self) -> None:
        """Add the routes."""

        @self.on("POST", "/v1/sessions/plugins/livekit")
        async def create(call: ApiCall) -> ApiAnswer:
            given = call.json
            assert given["persona_id"] == "p-test"
            session = self.create(url=given["livekit_url"], token=given["livekit_token"])
            created = self.created[-1]
            assert given["room_name"] == created.room
            assert given["source_participant_identity"] == created.agent
            body = {
                "reservation_id": session,
                "avatar_participant_identity": created.identity,
                "model_id": "persona-1.5-live",
            }
            return ApiAnswer(status=201, body=body)
