"""Starts and closes one avatar after another and counts what is there after each.

    python -m benchmarks.cycle_process

Reads one line of JSON: the fields of ``Cycles``. All cycles are in one room with one AgentSession,
because what is left on those would go unseen if they went with it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import psutil
from livekit import rtc
from livekit.agents import Agent, AgentSession, utils
from livekit.agents.voice.avatar import DataStreamAudioOutput

from avatar_core.audio.playback_rpc import PlaybackDispatcher
from avatar_core.testing.call_stage import tone
from benchmarks.protoface_plugins import Plugin, make_avatar


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """What is to be done.

    Args:
        plugin: Whose avatars.
        count: How many cycles.
        joining_every: One of so many avatars joins the room and says something.
        weighed_every: Cycles from one look at the memory to the next, which takes its time.
        quiet: Address of the emulator at which nobody joins.
        rooms: Address of the emulator at which avatars do.
        key: API key of both.
        credentials: Keywords for ``start``.
        token: The agent's.
    """

    plugin: Plugin
    count: int
    joining_every: int
    weighed_every: int
    quiet: str
    rooms: str
    key: str
    credentials: dict[str, str]
    token: str

    def as_line(self) -> str:
        """Return what the process reads."""
        return json.dumps(asdict(self))


def outputs(session: AgentSession[Any]) -> Iterator[Any]:
    output = session.output.audio
    while output is not None:
        yield output
        output = output.next_in_chain


def listeners(emitter: Any) -> int:
    return sum(len(handlers) for handlers in emitter._events.values())


def counts(room: rtc.Room, session: AgentSession[Any]) -> dict[str, int]:
    """Count what a closed avatar could have left; for most there is no public way to ask."""
    process = psutil.Process()
    emitters = [room, session, *outputs(session)]
    return {
        "tasks": len(asyncio.all_tasks()),
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
        "listeners": sum(listeners(emitter) for emitter in emitters),
        "handlers": len(room.local_participant._rpc_handlers)
        + len(DataStreamAudioOutput._playback_finished_handlers)
        + len(DataStreamAudioOutput._playback_started_handlers)
        + len(PlaybackDispatcher.of(room.local_participant)._listeners),
    }


def weight() -> dict[str, int]:
    gc.collect()
    memory = psutil.Process().memory_full_info()
    return {"rss": memory.rss, "pss": getattr(memory, "pss", memory.rss)}


async def cycle(cycles: Cycles, *, joins: bool, room: rtc.Room, session: AgentSession[Any]) -> None:
    url = cycles.rooms if joins else cycles.quiet
    avatar = make_avatar(cycles.plugin, url=url, key=cycles.key)
    await avatar.start(session, room, **cycles.credentials)
    if avatar.session_id is None:
        raise RuntimeError("the avatar was not started")
    if joins:
        await avatar.wait_for_join(timeout=30)
        speech = session.say("hello", audio=tone(seconds=0.3), add_to_chat_ctx=False)
        await asyncio.wait_for(speech.wait_for_playout(), 30)
    await avatar.aclose()


async def main() -> None:
    cycles = Cycles(**json.loads(sys.stdin.readline()))
    room = rtc.Room()
    session: AgentSession[Any] = AgentSession(vad=None, turn_handling={"turn_detection": None})
    utils.http_context._new_session_ctx()  # as a job has it; LiveKit's own plugin needs one
    await room.connect(cycles.credentials["livekit_url"], cycles.token)
    await session.start(Agent(instructions=""), room=room)
    for number in range(1, cycles.count + 1):
        # The first one too: what is loaded for it once is not growth.
        joins = (number - 1) % cycles.joining_every == 0
        await cycle(cycles, joins=joins, room=room, session=session)
        memory = weight() if number % cycles.weighed_every == 0 else {}
        print(json.dumps({"cycle": number, **counts(room, session), **memory}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
