"""The example agent as a developer runs it: an agent server in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from livekit import api, rtc

from avatar_core.demo.speech import synthesize
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import room_token
from avatar_core.testing.viewer import RecordingViewer
from tests.demo.film import RATE, similarity

EXAMPLE = Path(__file__).parents[2] / "examples" / "voice_agent.py"
AVATAR = "mock-avatar-agent"
GREETING = "Hello! I am a voice agent with a face."


class AgentProcess:
    """A running ``python -m livekit.agents start``; its log is JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[dict[str, str]] = []
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def until_logged(self, words: str, *, timeout: float = 90.0) -> None:
        """Wait for a line of the log; a machine under load takes its time to import LiveKit."""

        async def logged() -> None:
            while not any(words in line["message"] for line in self.log):
                assert not self._reader.done(), f"{words!r} never came: {self.log}"
                self._changed.clear()
                await self._changed.wait()

        await asyncio.wait_for(logged(), timeout)

    async def stop(self) -> int:
        """End it as a service manager does; returns its exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        await asyncio.wait_for(self._reader, 60)
        return await self.process.wait()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"message": line.decode(), "level": "?"})
            self._changed.set()
        self._changed.set()


@asynccontextmanager
async def agent_process(
    server: LiveKitServer, *, provider: str | None
) -> AsyncIterator[AgentProcess]:
    """Run the example with nothing but what a developer sets."""
    environment = {
        **os.environ,
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
        # Nothing in the example listens, so the models for it need not be loaded.
        "LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE": "0",
    }
    if provider is not None:
        environment["AVATAR_PROVIDER"] = provider
    command = ["-m", "livekit.agents", "start", str(EXAMPLE), "--dev", "--log-format", "json"]
    running = AgentProcess(
        await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    )
    try:
        yield running
    finally:
        await running.stop()


@asynccontextmanager
async def caller(server: LiveKitServer, room: str) -> AsyncIterator[RecordingViewer]:
    """A participant in a new room: LiveKit dispatches a job for it."""
    viewer = RecordingViewer()
    await viewer.connect(url=server.url, token=room_token(server, "caller", room))
    try:
        yield viewer
    finally:
        await viewer.aclose()


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
    return similarity(heard, wanted)[0] > 0.6


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
