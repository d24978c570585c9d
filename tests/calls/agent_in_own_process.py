"""A call whose agent is a process of its own, so that its connection alone can be cut."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import room_token
from avatar_core.testing.lossy_network import LossyNetwork
from avatar_core.testing.microphone import microphone_of
from avatar_core.testing.speech_sound import Sentence, read_sweep, since
from avatar_core.testing.viewer import Heard, RecordingViewer
from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator, open_emulator
from avatar_provider_protoface.emulator.settings import EmulatorSettings
from tests.calls.avatar_in_call import SMALL_FACE
from tests.chaos.agent_process import AgentProcess, Told, agent_process

MOCK: dict[str, Any] = {"provider": "mock", "options": {**SMALL_FACE, "worker": "process"}}
PROTOFACE: dict[str, Any] = {"provider": "protoface", "options": {}}

LATE = 25.0
"""Seconds by which a sentence may end later than it should on a busy machine, with a cut in it."""

QUIET = 0.5
"""Seconds without a sound after which nothing of a sentence is on its way to the listener."""


class AgentCall:
    """Made by ``agent_call``.

    Args:
        agent: The agent's process.
        viewer: Who listens, in this process.
        network: What cuts and loses.
        emulator: The Protoface account.
    """

    def __init__(
        self,
        *,
        agent: AgentProcess,
        viewer: RecordingViewer,
        network: LossyNetwork,
        emulator: ProtofaceEmulator,
    ) -> None:
        self.agent = agent
        self.viewer = viewer
        self.network = network
        self.emulator = emulator
        self._sentences = 0

    async def start(self, candidate: dict[str, Any], **policy: Any) -> str:
        """Bring the avatar in and wait until it is received; returns its identity."""
        order = self.agent.order("start", candidates=[candidate], policy=policy)
        done = await self.agent.done(order, within=60, what="start()")
        assert done.values["error"] is None
        await self.agent.until("state", within=60, state="live")
        identity = self.agent.identity()
        assert identity is not None
        await self.viewer.until(lambda: bool(self.viewer.heard[identity].times))
        return identity

    def say(self, seconds: float) -> Saying:
        """Let the agent say a sweep."""
        self._sentences += 1
        saying = Saying(self, number=self._sentences, seconds=seconds)
        self.agent.order("say", sentence=self._sentences, seconds=seconds)
        return saying

    @asynccontextmanager
    async def cut_off(self) -> AsyncIterator[None]:
        """Let nothing through from or to the agent's process meanwhile."""
        cut = self.network.cut(self.network.ports_of(self.agent.pid))
        try:
            yield
        finally:
            self.network.heal(cut)

    def forget_sound(self) -> None:
        """Keep nothing of what was heard so far: a long call would be all there is to look at."""
        for heard in self.viewer.heard.values():
            heard.forget()

    def is_quiet(self, *, since: float) -> bool:
        """Whether everybody in the room has been received, and silent, for a while.

        Args:
            since: ``time.monotonic()``; nothing before counts.
        """
        chunks = round(QUIET * 100)
        for identity, heard in self.viewer.heard.items():
            if identity not in self.viewer.room.remote_participants or not heard.times:
                continue
            late = Heard(chunks=heard.chunks[-chunks:], times=heard.times[-chunks:])
            if late.times[0] < since or late.loud_times():
                return False
        return True

    @property
    def states(self) -> list[str]:
        """Every state that the agent's avatar session has had."""
        return [each.values["state"] for each in self.agent.told if each.event == "state"]

    @property
    def reasons(self) -> str:
        """Every state with its reason, and what the agent's process has logged."""
        told = [each.values for each in self.agent.told if each.event == "state"]
        states = "; ".join(f"{each['state']}: {each['reason']}" for each in told)
        return f"{states}\n{self.agent.log.decode(errors='replace')[-4000:]}"


class Saying:
    """One sentence of the agent."""

    def __init__(self, call: AgentCall, *, number: int, seconds: float) -> None:
        self._call = call
        self._number = number
        self._seconds = seconds
        self.begun_at = time.monotonic()

    async def finished(self) -> Told:
        """Wait until LiveKit has been told that it was heard, and it has arrived."""
        told = await self._call.agent.until(
            "finished", within=self._seconds + LATE, what="a sentence's end", sentence=self._number
        )
        # It is told once, uninterrupted, and with its whole length.
        (report,) = told.values["reports"]
        assert report == [pytest.approx(self._seconds, abs=0.05), False]
        await self._call.viewer.until(lambda: self._call.is_quiet(since=told.at))
        return told

    def heard(self, *identities: str) -> Sentence:
        """What the listener heard of it, by these participants one after another."""
        heard = self._call.viewer.heard
        return read_sweep(*(since(heard[each], self.begun_at) for each in identities))


@asynccontextmanager
async def agent_call(server: LiveKitServer) -> AsyncIterator[AgentCall]:
    """Open a call: an agent in a process of its own, a listener in this one."""
    room = f"room-{uuid.uuid4().hex[:10]}"
    viewer = RecordingViewer()
    settings = EmulatorSettings(
        starts_per_minute=None, claim_seconds=0.0, drain_seconds=0.0, size=64, fps=10.0
    )
    async with open_emulator(settings) as emulator:
        try:
            await viewer.connect(url=server.url, token=room_token(server, "viewer", room))
            variables = {
                "LIVEKIT_URL": server.url,
                "LIVEKIT_API_KEY": server.api_key,
                "LIVEKIT_API_SECRET": server.api_secret,
                "AGENT_TOKEN": room_token(server, "agent", room, kind="agent"),
                "SUBJECT": "avatar-core",
                "AVATAR_JOURNAL": "off",
                **emulator.environment,
            }
            async with microphone_of(viewer), agent_process(variables) as agent:
                yield AgentCall(
                    agent=agent, viewer=viewer, network=LossyNetwork(), emulator=emulator
                )
        finally:
            await viewer.aclose()
