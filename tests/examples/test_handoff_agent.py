"""The hand-off example: another agent, another face."""

from __future__ import annotations

import uuid

import pytest

from avatar_core.livekit_server import LiveKitServer
from tests.examples.agent_process import agent_process, caller

DESK = "mock-avatar-agent"
ROBOT = "mock-avatar-agent-2"


@pytest.mark.timeout(300)
async def test_the_second_agent_has_a_face_of_its_own(livekit_server: LiveKitServer) -> None:
    room = f"handoff-{uuid.uuid4().hex[:8]}"
    async with agent_process(livekit_server, provider=None, example="handoff_agent.py") as agent:
        await agent.until_logged("registered worker")
        async with caller(livekit_server, room) as viewer:
            await viewer.until_heard(DESK, seconds=1.0)
            await viewer.until_silent(DESK, seconds=1.0)
            assert ROBOT not in viewer.room.remote_participants
            await viewer.room.local_participant.send_text("The robot, please.", topic="lk.chat")
            await viewer.until_heard(ROBOT, seconds=1.0)
            await viewer.until(lambda: DESK not in viewer.room.remote_participants)
            speaker = next(
                each
                for each in viewer.room.remote_participants.values()
                if "avatar.identity" in each.attributes
            )
            assert speaker.attributes["avatar.identity"] == ROBOT
            assert viewer.heard[speaker.identity].loud_seconds() == 0
