"""Real calls: a LiveKit server on this machine, an agent, this avatar, and a viewer."""

from __future__ import annotations

import numpy as np
from avatar_core import AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import open_call_stage, tone
from livekit import rtc

AVATAR = "vendorname-avatar-agent"


def dark_share(picture: rtc.VideoFrame | None) -> float:
    """How much of a picture the mouth and the eyes take."""
    assert picture is not None
    luma = np.frombuffer(picture.data, np.uint8)[: picture.width * picture.height]
    return float((luma < 40).mean())


async def test_it_joins_speaks_with_its_mouth_open_and_leaves(
    livekit_server: LiveKitServer,
) -> None:
    async with open_call_stage(livekit_server) as stage:
        viewer = stage.viewer
        async with AvatarSession("vendorname", size=128) as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
            await stage.start_agent()
            await avatar.wait_for_join(timeout=20)
            await viewer.until_seen(AVATAR, pictures=3)
            resting = dark_share(viewer.seen[AVATAR].latest)
            speech = stage.agent_session.say("la", audio=tone(seconds=2, level=12000))
            await viewer.until_heard(AVATAR, seconds=1)
            await viewer.until(lambda: dark_share(viewer.seen[AVATAR].latest) > 1.5 * resting)
            await speech.wait_for_playout()
            assert avatar.state == "live"
        await viewer.until(lambda: AVATAR not in viewer.room.remote_participants)


async def test_a_room_token_that_is_refused_leaves_the_agent_its_voice(
    livekit_server: LiveKitServer,
) -> None:
    wrong = {"livekit_api_secret": "x" * 32}
    async with open_call_stage(livekit_server) as stage:
        async with AvatarSession("vendorname", size=128) as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials | wrong)
            await stage.start_agent()
            assert avatar.state == "voice_only"
            speech = stage.agent_session.say("la", audio=tone(seconds=2, level=12000))
            await stage.viewer.until_heard(stage.agent_identity, seconds=1)
            await speech.wait_for_playout()
