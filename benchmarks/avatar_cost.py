"""What avatars cost: CPU of one, how many one process sustains, memory of each further one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livekit.agents.voice.avatar import DataStreamAudioOutput

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import open_call_stage, room_token, tone
from benchmarks.json_process import JsonProcess

KINDS = ("prepared", "mock", "runner")
SUSTAINED = 0.95
MOST = 32


@asynccontextmanager
async def senders(kind: str) -> AsyncIterator[JsonProcess]:
    process = await JsonProcess().start("sender_process", kind)
    try:
        await process.until(lambda line: True, timeout=60)
        yield process
    finally:
        await process.stop()


async def add(process: JsonProcess, server: LiveKitServer, room: str, count: int) -> None:
    await process.tell(f"{server.url} {room_token(server, 'avatar', room, kind='agent')}")
    await process.until(
        lambda line: len(line["encoded"]) >= count and line["encoded"][-1] > 0,
        start=len(process.lines),
    )


async def window(process: JsonProcess, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the first and the last line of a stretch of time."""
    start = len(process.lines)
    first = await process.until(lambda line: True, start=start)
    last = await process.until(lambda line: line["at"] - first["at"] >= seconds, start=start)
    return first, last


def cpu_share(first: dict[str, Any], last: dict[str, Any]) -> float:
    return float((last["cpu"] - first["cpu"]) / (last["at"] - first["at"]))


def slowest_rate(first: dict[str, Any], last: dict[str, Any]) -> float:
    pairs = zip(first["encoded"], last["encoded"], strict=False)
    return float(min(b - a for a, b in pairs) / (last["at"] - first["at"]))


async def one_avatar(server: LiveKitServer, *, rounds: int = 3) -> dict[str, dict[str, float]]:
    """CPU shares of one core: idle, and speaking, of a process with one avatar."""
    shares: dict[str, dict[str, list[float]]] = {
        kind: {"idle": [], "speaking": []} for kind in KINDS
    }
    for _ in range(rounds):
        for kind in KINDS:
            async with open_call_stage(server) as stage, senders(kind) as process:
                stage.agent_session.output.audio = DataStreamAudioOutput(
                    stage.room, destination_identity="avatar", wait_playback_start=True
                )
                await stage.start_agent()
                if kind == "runner":  # it shows nothing before it has been heard
                    await process.tell(f"{server.url} {stage.token('avatar', kind='agent')}")
                    await stage.agent_session.say("begin", audio=tone(seconds=1)).wait_for_playout()
                else:
                    await add(process, server, stage.room_name, 1)
                await asyncio.sleep(4)
                shares[kind]["idle"].append(cpu_share(*await window(process, 8)))
                speech = stage.agent_session.say("measured", audio=tone(seconds=12))
                await asyncio.sleep(2)
                shares[kind]["speaking"].append(cpu_share(*await window(process, 8)))
                await speech.wait_for_playout()
    return {
        kind: {act: sorted(values)[len(values) // 2] for act, values in acts.items()}
        for kind, acts in shares.items()
    }


async def many_avatars(server: LiveKitServer, kind: str) -> tuple[int, float]:
    """How many avatars one process sustains at 25 pictures a second, and MiB of each further."""
    sustained, first_memory, memory = 0, 0.0, 0.0
    async with senders(kind) as process:
        count = 0
        while count < MOST:
            count += 1
            try:
                await add(process, server, f"many-{kind}-{count}", count)
                if count not in (1, 4, 8) and (count < 10 or count % 2):
                    continue
                await asyncio.sleep(3)
                first, last = await window(process, 5)
            except asyncio.TimeoutError:
                break  # it has no time left to count: more than it sustains
            if count == 1:
                first_memory = last["rss"]
            memory = (last["rss"] - first_memory) / max(1, count - 1) / 2**20
            if slowest_rate(first, last) < 25 * SUSTAINED:
                break
            sustained = count
    return sustained, memory
