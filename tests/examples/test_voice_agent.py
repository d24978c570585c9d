"""The example agent as a developer runs it: an agent server in a process of its own."""

from __future__ import annotations

import asyncio
import uuid

import numpy as np
import numpy.typing as npt
import pytest
from livekit import api, rtc

from avatar_core.demo.speech import synthesize
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.viewer import RecordingViewer
from tests.demo.film import RATE, SAME_SPEECH, similarity
from tests.examples.agent_process import agent_process, caller

AVATAR = "mock-avatar-agent"
GREETING = "Hello! I am a voice agent with a face."


@pytest.mark.timeout(300)
async def test_the_example_agent_has_a_face_that_speaks_and_goes_with_its_call(
    livekit_server: LiveKitServer,
) -> None:
    room = f"example-{uuid.uuid4().hex[:8]}"
    async with agent_process(livekit_server, provider="mock?size=128") as agent:
        await agent.until_logged("registered worker")
        async with caller(livekit_server, room) as viewer:
            await viewer.until(lambda: len(viewer.seen[AVATAR].times) > 0, timeout=90)
            await viewer.until_heard(AVATAR, seconds=3.0)
            await viewer.until_silent(AVATAR, seconds=1.0)
            assert _says(viewer, GREETING)
            agents = [
                participant
                for participant in viewer.room.remote_participants.values()
                if participant.identity != AVATAR
            ]
            assert len(agents) == 1
            face = viewer.room.remote_participants[AVATAR]
            assert face.attributes["lk.publish_on_behalf"] == agents[0].identity
            # The agent's own voice is the avatar's to say: nobody hears it twice.
            assert viewer.heard[agents[0].identity].loud_seconds() == 0

            asked = viewer.heard[AVATAR].times[-1]
            await viewer.room.local_participant.send_text("Seven green apples.", topic="lk.chat")
            await viewer.until_heard(AVATAR, seconds=0.5, since=asked)
            await viewer.until_silent(AVATAR, seconds=1.0)
            assert _says(viewer, "Seven green apples.")
        # The caller has hung up: the avatar goes at once, the agent when its room does.
        await _until_gone(livekit_server, room, AVATAR)
        async with livekit_server.api() as client:
            await client.room.delete_room(api.DeleteRoomRequest(room=room))
        await agent.until_logged("process exiting", timeout=60)
        assert await agent.stop() == 0
    serious = [line for line in agent.log if line["level"] in ("ERROR", "CRITICAL")]
    assert serious == []


def _says(viewer: RecordingViewer, text: str) -> bool:
    samples = rtc.AudioResampler(24_000, RATE, quality=rtc.AudioResamplerQuality.HIGH)
    heard = _resampled(samples, viewer.heard[AVATAR].samples, 24_000)
    speech = synthesize(text)
    wanted = _resampled(
        rtc.AudioResampler(speech.sample_rate, RATE), speech.samples, speech.sample_rate
    )
    return similarity(heard, wanted)[0] > SAME_SPEECH


def _resampled(
    resampler: rtc.AudioResampler, samples: npt.NDArray[np.int16], rate: int
) -> npt.NDArray[np.int16]:
    frames = resampler.push(rtc.AudioFrame(samples.tobytes(), rate, 1, len(samples)))
    frames += resampler.flush()
    return np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames])


async def _until_gone(server: LiveKitServer, room: str, identity: str) -> None:
    async with server.api() as client:
        for _ in range(200):
            answer = await client.room.list_participants(api.ListParticipantsRequest(room=room))
            if identity not in [participant.identity for participant in answer.participants]:
                return
            await asyncio.sleep(0.1)
    raise AssertionError(f"{identity} is still in the room")
