"""Times in a call, seen by a viewer: plain voice, our avatar, LiveKit's AvatarRunner."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc
from livekit.agents.voice.avatar import DataStreamAudioOutput

from avatar_core import AvatarSession
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import CallStage, open_call_stage, room_token, tone
from avatar_core.worker import AvatarWorker, Renderer
from avatar_provider_mock.face import MockFace
from benchmarks.json_process import JsonProcess
from benchmarks.measuring_renderers import Flash
from benchmarks.runner_peer import RunnerAvatar

CALLS = 4
"""Calls of each way: how sound falls into packets is settled once a call, and worth 10 ms."""

ROUNDS = 4
"""Sentences in each call."""

STARTS = 20
RUNNER = "runner-avatar"


@dataclass
class Path:
    """One way for speech to reach a viewer, in a room of its own."""

    name: str
    speaker: str
    stage: CallStage
    viewer: JsonProcess
    heard: list[float] = field(default_factory=list)
    silent: list[float] = field(default_factory=list)


async def viewer_of(stage: CallStage, what: str) -> JsonProcess:
    process = await JsonProcess().start(
        "viewer_process", stage.server.url, stage.token("watcher"), what
    )
    await process.until(lambda line: line["kind"] == "ready")
    return process


@asynccontextmanager
async def voice(server: LiveKitServer) -> AsyncIterator[Path]:
    async with open_call_stage(server) as stage:
        viewer = await viewer_of(stage, "audio")
        await stage.start_agent()
        yield Path("plain voice", "agent", stage, viewer)
        await viewer.stop()


@asynccontextmanager
async def mock(server: LiveKitServer, what: str = "audio") -> AsyncIterator[Path]:
    async with open_call_stage(server) as stage:
        viewer = await viewer_of(stage, what)
        avatar = AvatarSession("mock")
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await stage.start_agent()
        await avatar.wait_for_join()
        yield Path("mock", avatar.avatar_identity, stage, viewer)
        await viewer.stop()
        await avatar.aclose()


@asynccontextmanager
async def runner(
    server: LiveKitServer, what: str = "audio", renderer: Callable[[], Renderer] = MockFace
) -> AsyncIterator[Path]:
    async with open_call_stage(server) as stage:
        viewer = await viewer_of(stage, what)
        avatar = RunnerAvatar(renderer())
        stage.agent_session.output.audio = DataStreamAudioOutput(
            stage.room, destination_identity=RUNNER, wait_playback_start=True
        )
        await stage.start_agent()
        await avatar.start(server.url, stage.token(RUNNER, kind="agent"))
        yield Path("AvatarRunner", RUNNER, stage, viewer)
        await viewer.stop()
        await avatar.aclose()


async def measure_speech(path: Path) -> None:
    """One sentence that is heard, and cut off after a while."""
    session, seen = path.stage.agent_session, len(path.viewer.lines)

    def sound(on: bool, after: float) -> Callable[[dict[str, Any]], bool]:
        return lambda line: (
            line["kind"] == "sound"
            and line["who"] == path.speaker
            and line["on"] is on
            and line["at"] > after
        )

    began = time.monotonic()
    handle = session.say("measured", audio=tone(seconds=4), add_to_chat_ctx=False)
    heard = await path.viewer.until(sound(True, began), start=seen)
    path.heard.append(heard["at"] - began)
    await asyncio.sleep(0.7)
    cut = time.monotonic()
    await session.interrupt()
    silent = await path.viewer.until(sound(False, cut), start=seen)
    path.silent.append(silent["at"] - cut)
    await handle.wait_for_playout()
    await asyncio.sleep(0.4)


async def speech_times(server: LiveKitServer) -> dict[str, Path]:
    """Speak and interrupt, in turn by every way; what the paths hold is of all calls."""
    result: dict[str, Path] = {}
    for _ in range(CALLS):
        async with voice(server) as plain, mock(server) as ours, runner(server) as peer:
            for path in (plain, ours, peer):
                await measure_speech(path)
                # The first sentence pays for what later ones find ready.
                earlier = result.get(path.name)
                path.heard = earlier.heard if earlier else []
                path.silent = earlier.silent if earlier else []
                result[path.name] = path
            for _ in range(ROUNDS):
                for path in (plain, ours, peer):
                    await measure_speech(path)
    return result


async def first_frames(server: LiveKitServer) -> dict[str, list[float]]:
    """Seconds from start to the first picture at a viewer who is there already."""
    times: dict[str, list[float]] = {"mock": [], "AvatarRunner": []}
    for turn in range(STARTS + 1):
        for name in times:
            async with open_call_stage(server) as stage:
                viewer = await viewer_of(stage, "both")
                began = time.monotonic()
                if name == "mock":
                    avatar: Any = AvatarSession("mock", seed=turn)
                    await avatar.start(stage.agent_session, stage.room, **stage.credentials)
                else:
                    avatar = RunnerAvatar(MockFace(seed=turn))
                    await avatar.start(server.url, stage.token(RUNNER, kind="agent"))
                picture = await viewer.until(lambda line: line["kind"] == "picture")
                if turn:
                    times[name].append(picture["at"] - began)
                await viewer.stop()
                await avatar.aclose()
    return times


def rate(path: Path) -> float:
    """Pictures a second between the first and the last that the viewer counted."""
    pictures = [line for line in path.viewer.lines if line["kind"] == "picture"][1:]
    first, last = pictures[0], pictures[-1]
    return float((last["number"] - first["number"]) / (last["at"] - first["at"]))


async def picture_rates(server: LiveKitServer) -> dict[str, float]:
    rates = {}
    for make in (mock, runner):
        async with make(server, "both") as path:
            start = len(path.viewer.lines)
            await path.stage.agent_session.say(
                "measured", audio=tone(seconds=12)
            ).wait_for_playout()
            await path.viewer.until(lambda line: line["kind"] == "picture", start=start)
            rates[path.name] = rate(path)
    return rates


def steps(viewer: JsonProcess, speaker: str) -> list[float]:
    """Seconds from each beginning of sound to the beginning of the picture that belongs to it."""
    lines = [line for line in viewer.lines if line.get("who") == speaker and line.get("on")]
    offsets = []
    for sound in (line["at"] for line in lines if line["kind"] == "sound"):
        near = [line["at"] - sound for line in lines if line["kind"] == "mouth"]
        near = [offset for offset in near if abs(offset) < 0.4]
        if near:
            offsets.append(min(near, key=abs))
    return offsets


async def bursts() -> AsyncIterator[rtc.AudioFrame]:
    """Sound and silence in turn; each burst begins at another place between two pictures."""
    for number in range(14):
        async for frame in tone(seconds=0.5, hz=300, level=14000):
            yield frame
        async for frame in tone(seconds=0.6 + 0.007 * number, hz=300, level=0):
            yield frame


async def lip_sync(server: LiveKitServer) -> dict[str, list[float]]:
    """Seconds by which the picture comes after the sound at a viewer: test picture, and mouth."""
    offsets: dict[str, list[float]] = {}
    async with mock(server, "both") as path:
        await path.stage.agent_session.say("bursts", audio=bursts()).wait_for_playout()
        offsets["mock, its mouth"] = steps(path.viewer, path.speaker)
    async with open_call_stage(server) as stage:
        viewer = await viewer_of(stage, "both")
        worker = AvatarWorker(renderer=Flash(), agent_identity="agent")
        stage.agent_session.output.audio = DataStreamAudioOutput(
            stage.room, destination_identity="flash", wait_playback_start=True
        )
        await stage.start_agent()
        await worker.start(server.url, room_token(server, "flash", stage.room_name, kind="agent"))
        await stage.agent_session.say("bursts", audio=bursts()).wait_for_playout()
        offsets["our worker, test picture"] = steps(viewer, "flash")
        await viewer.stop()
        await worker.aclose()
    async with runner(server, "both", Flash) as path:
        await path.stage.agent_session.say("bursts", audio=bursts()).wait_for_playout()
        offsets["AvatarRunner, test picture"] = steps(path.viewer, path.speaker)
    return offsets


def milliseconds(values: list[float]) -> str:
    ordered = sorted(values)
    return (
        f"{statistics.median(ordered) * 1000:.0f} ({ordered[0] * 1000:.0f}-"
        f"{ordered[-1] * 1000:.0f})"
    )
