"""One call in which things go wrong, and what came of it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from livekit import rtc

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import room_token
from avatar_core.testing.viewer import RecordingViewer
from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator, open_emulator
from avatar_provider_protoface.emulator.settings import EmulatorSettings
from tests.chaos.aftermath import left_after, reap
from tests.chaos.agent_process import AgentProcess, HangError, Told, agent_process
from tests.chaos.call_plan import SMALL, CallPlan
from tests.chaos.faults import FAULTS
from tests.chaos.listening import Stretch, listen
from tests.chaos.outcome import Outcome
from tests.chaos.subjects import SECONDS_TO_SETTLE

if TYPE_CHECKING:
    from avatar_core.testing.lossy_network import LossyNetwork

START_SECONDS = 60.0
JOIN_SECONDS = 60.0
SENTENCE_MARGIN = 25.0
"""Seconds that a sentence may take above its length: the avatar's join, a cut, a busy machine."""
CLOSE_SECONDS = 20.0
GONE_SECONDS = 40.0
"""LiveKit's server notices after 20-22 s that somebody was killed (livekit-server 1.13.5)."""
RECOVERY = 9.0
"""Seconds after a cut of the agent's own that nobody can be heard in: WebRTC takes up to 6 s to
connect again, and where the avatar has failed as well, its report is waited for: it may be late."""
MOST_SILENCE = 2.0
MOST_TOGETHER = 0.5


class ChaosCall:
    """A call, for the faults to act on.

    Args:
        server: LiveKit's.
        room_name: Its room.
        viewer: Who listens.
        emulator: The Protoface account of this call alone.
        agent: The agent's process.
        network: What can cut the network, where this machine allows it.
        plan: What is to happen.
        journal: Folder of the agent's journal.
    """

    def __init__(
        self,
        *,
        server: LiveKitServer,
        room_name: str,
        viewer: RecordingViewer,
        emulator: ProtofaceEmulator,
        agent: AgentProcess,
        network: LossyNetwork | None,
        plan: CallPlan,
        journal: Path,
    ) -> None:
        self.server = server
        self.room_name = room_name
        self.viewer = viewer
        self.emulator = emulator
        self.agent = agent
        self.network = network
        self.plan = plan
        self.journal = journal
        self.interrupted = False
        self.cuts: list[Stretch] = []
        self.outcome = Outcome(plan=plan)
        self._workers: dict[int, psutil.Process] = {}
        self._cutting: list[asyncio.Task[None]] = []
        self._orders: list[tuple[int, str]] = []

    def cut(self, *pids: int, seconds: float) -> None:
        """Cut processes off for some seconds, what they connect with meanwhile included."""
        now = time.monotonic()
        if self.agent.pid in pids:
            self.cuts.append((now, now + seconds + RECOVERY))
        self._cutting.append(asyncio.create_task(self._cut(pids, until=now + seconds)))

    async def _cut(self, pids: Sequence[int], *, until: float) -> None:
        network = self.network
        assert network is not None
        rules: list[str] = []
        known: set[int] = set()
        try:
            while time.monotonic() < until:
                new = {port for pid in pids for port in network.ports_of(pid)} - known
                if new:
                    rules.append(network.cut(new))
                    known |= new
                await asyncio.sleep(0.05)
        finally:
            for each in rules:
                network.heal(each)

    def later(self, seconds: float, act: Callable[[], Any]) -> None:
        """Do something after some seconds."""
        asyncio.get_running_loop().call_later(seconds, act)

    def switch(self) -> None:
        """Ask for another avatar, and do not wait for it."""
        number = self.agent.order("switch", provider="mock", options={**SMALL, "worker": "inline"})
        self._orders.append((number, "switch()"))

    async def run(self) -> Outcome:
        """Let all of it happen."""
        begun = time.monotonic()
        outcome = self.outcome
        try:
            await self._call()
        except HangError as exc:
            outcome.hangs.append(str(exc))
        finally:
            for task in self._cutting:
                task.cancel()
            await asyncio.gather(*self._cutting, return_exceptions=True)
            outcome.seconds = time.monotonic() - begun
        return outcome

    async def _call(self) -> None:
        plan, agent = self.plan, self.agent
        candidates = [dict(each) for each in plan.candidates]
        started = agent.order("start", candidates=candidates, policy=plan.policy)
        answer = await agent.done(started, within=START_SECONDS, what="start()")
        if answer.values["error"]:
            self.outcome.wrong.append(f"start() raised {answer.values['error']}")
            return
        if await agent.sooner("state", within=JOIN_SECONDS, state="live") is None:
            self.outcome.wrong.append("the avatar did not join")
        await self._until_listening()
        for index, seconds in enumerate(plan.sentences):
            if not await self._sentence(index, seconds):
                break
        self._note_workers()
        if not agent.killed:
            await self._close()
        elif any(each["provider"] == "protoface" for each in plan.candidates):
            self.emulator.faults.clear()
            error = await reap(self.journal, self.emulator.environment)
            self.outcome.wrong += [error] if error else []
        self.outcome.orphans += await left_after(
            GONE_SECONDS,
            server=self.server,
            room_name=self.room_name,
            processes=list(self._workers.values()),
            sessions=lambda: [f"session {x.id} {x.status}" for x in self.emulator.unended],
        )

    async def _until_listening(self) -> None:
        """Wait until the listener receives who is going to speak, so that nothing is missed."""
        identity = self.agent.identity()
        if identity is not None:
            heard = self.viewer.heard[identity]
            await self.viewer.until(lambda: bool(heard.times), timeout=15)

    async def _sentence(self, index: int, seconds: float) -> bool:
        """Say a sentence and let things happen; returns whether the agent lives."""
        self.interrupted = False
        self.agent.order("say", sentence=index, seconds=seconds)
        said = await self.agent.until("said", within=10, sentence=index)
        for strike in self.plan.strikes:
            if strike.sentence != index:
                continue
            await asyncio.sleep(max(0.0, said.at + strike.after - time.monotonic()))
            self._note_workers()
            if await FAULTS[strike.fault].act(self):
                self.outcome.struck.append((strike.fault, index))
            if self.agent.killed:
                self.outcome.sentences.append(None)
                return False
        if self.plan.race and index == len(self.plan.sentences) - 1:
            self.switch()
            return True
        finished = await self.agent.until(
            "finished",
            within=seconds + SENTENCE_MARGIN,
            what=f"the end of sentence {index}",
            sentence=index,
        )
        await asyncio.sleep(0.5)  # what is on its way is part of it
        self._judge(index, seconds, said, finished)
        return True

    def _judge(self, index: int, seconds: float, said: Told, finished: Told) -> None:
        outcome, reports = self.outcome, finished.values["reports"]
        if len(reports) != 1:
            outcome.wrong.append(f"sentence {index} was reported finished {len(reports)} times")
        if self.interrupted:
            outcome.sentences.append(None)
            return
        listened = listen(self.viewer.heard, said=said.at, finished=finished.at, without=self.cuts)
        outcome.sentences.append(listened)
        if listened.silence > MOST_SILENCE:
            outcome.silences.append(
                f"{listened.silence:.1f} s in sentence {index}, {listened.silent_from:.1f} s after"
                " it was said"
            )
        if listened.both > MOST_TOGETHER:
            outcome.wrong.append(f"two spoke at once for {listened.both:.1f} s")
        if reports and abs(reports[0][0] - seconds) > 0.1:
            outcome.wrong.append(f"sentence {index}: {reports[0][0]:.1f} of {seconds:.1f} s")
        last = index == len(self.plan.sentences) - 1
        if last and listened.last < seconds - 0.5 and not self.cuts:
            outcome.wrong.append(f"the last sentence was heard to {listened.last:.1f} s")

    async def _close(self) -> None:
        agent = self.agent
        closing = agent.order(f"close {self.plan.closing}")
        closed = await agent.sooner("closed", within=CLOSE_SECONDS)
        if closed is not None:
            self.outcome.closing = closed.values["seconds"]
            left = await agent.until(
                "left behind", within=SECONDS_TO_SETTLE + 5, what="looking for what is left"
            )
            self.outcome.leaks += left.values["what"]
        done = await agent.done(closing, within=5, what=f"closing the {self.plan.closing}")
        if done.values["error"]:
            self.outcome.wrong.append(f"closing raised {done.values['error']}")
        for number, what in self._orders:
            await agent.done(number, within=CLOSE_SECONDS, what=what)
        await agent.leave(within=CLOSE_SECONDS)
        if agent.exit_code != 0:
            self.outcome.wrong.append(f"the agent's process ended with {agent.exit_code}")

    def _note_workers(self) -> None:
        for worker in self.agent.workers():
            self._workers[worker.pid] = worker


@asynccontextmanager
async def chaos_call(
    server: LiveKitServer,
    plan: CallPlan,
    *,
    journal: Path,
    network: LossyNetwork | None,
    subject: str = "avatar-core",
) -> AsyncIterator[ChaosCall]:
    """Open a call; everything is gone afterwards.

    Args:
        server: LiveKit's.
        plan: What is to happen.
        journal: Folder of the agent's journal.
        network: What can cut the network.
        subject: Whose avatar, a key of ``SUBJECTS``.
    """
    room_name = f"chaos-{plan.number}-{uuid.uuid4().hex[:6]}"
    settings = EmulatorSettings(
        starts_per_minute=None, claim_seconds=0.0, drain_seconds=0.0, size=64, fps=10.0
    )
    viewer = RecordingViewer()
    async with open_emulator(settings) as emulator:
        try:
            await viewer.connect(url=server.url, token=room_token(server, "viewer", room_name))
            await publish_microphone(viewer.room)
            variables = {
                "LIVEKIT_URL": server.url,
                "LIVEKIT_API_KEY": server.api_key,
                "LIVEKIT_API_SECRET": server.api_secret,
                "AGENT_TOKEN": room_token(server, "agent", room_name, kind="agent"),
                "SUBJECT": subject,
                "AVATAR_JOURNAL": str(journal),
                **emulator.environment,
            }
            async with agent_process(variables) as agent:
                call = ChaosCall(
                    server=server,
                    room_name=room_name,
                    viewer=viewer,
                    emulator=emulator,
                    agent=agent,
                    network=network,
                    plan=plan,
                    journal=journal,
                )
                yield call
            call.outcome.log = agent.log.decode(errors="replace")
        finally:
            await viewer.aclose()


async def publish_microphone(room: rtc.Room) -> None:
    """Publish one, mute: without a user LiveKit's RoomIO makes no voice track for the agent."""
    track = rtc.LocalAudioTrack.create_audio_track("microphone", rtc.AudioSource(48000, 1))
    await room.local_participant.publish_track(
        track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    )
