"""An agent in a process of its own that does what lines of JSON on its input say; a script.

It tells what happens by lines of JSON on its output, each with ``time.monotonic()``, which is one
clock for all processes of a machine. Run by ``agent_process``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession

from avatar_core.testing.speech_sound import sweep
from tests.chaos.subjects import SUBJECTS, Face


def tell(event: str, **values: Any) -> None:
    """Write one event."""
    sys.stdout.write(json.dumps({"event": event, "at": time.monotonic(), **values}) + "\n")
    sys.stdout.flush()


class ChaosAgent:
    """Carries the orders out, each as a task of its own: what hangs must not hide the rest.

    Args:
        subject: Whose avatar it has.
    """

    def __init__(self, subject: str) -> None:
        self._room = rtc.Room()
        self._session: AgentSession[None] = AgentSession(
            vad=None, turn_handling={"turn_detection": None}
        )
        self._face: Face = SUBJECTS[subject](self._session, self._room, tell)
        self._orders: dict[str, Callable[..., Awaitable[None]]] = {
            "start": self._start,
            "say": self._say,
            "interrupt": self._interrupt,
            "switch": self._face.switch,
            "close face": self._close_face,
            "close session": self._close_session,
            "close room": self._close_room,
        }
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Join the room and obey until the input ends."""
        await self._room.connect(os.environ["LIVEKIT_URL"], os.environ["AGENT_TOKEN"])
        await self._session.start(Agent(instructions=""), room=self._room)
        loop = asyncio.get_running_loop()
        orders = asyncio.StreamReader(limit=2**20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        tell("ready")
        while line := await orders.readline():
            order = json.loads(line)
            number, do = order.pop("number"), order.pop("do")
            task = asyncio.create_task(self._carry_out(number, do, order), name=f"order: {do}")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _carry_out(self, number: int, do: str, values: dict[str, Any]) -> None:
        begun = time.monotonic()
        error = None
        try:
            await self._orders[do](**values)
        except Exception as exc:  # noqa: BLE001 - the one who gave the order judges it
            error = f"{type(exc).__name__}: {exc}"
        tell("done", number=number, do=do, seconds=time.monotonic() - begun, error=error)

    async def _start(self, **values: Any) -> None:
        self._before = self._face.footprint()
        await self._face.start(**values)

    async def _say(self, *, sentence: int, seconds: float) -> None:
        output = self._session.output.audio
        finished: list[Any] = []
        if output is not None:
            output.on("playback_finished", finished.append)
        try:
            handle = self._session.say(f"sentence {sentence}", audio=sweep(seconds=seconds))
            tell("said", sentence=sentence, seconds=seconds)
            await handle.wait_for_playout()
        finally:
            if output is not None:
                output.off("playback_finished", finished.append)
        tell(
            "finished",
            sentence=sentence,
            reports=[[each.playback_position, each.interrupted] for each in finished],
            interrupted=handle.interrupted,
        )

    async def _interrupt(self) -> None:
        await self._session.interrupt()

    async def _close_face(self) -> None:
        await self._close(self._face.aclose(), self._before)

    async def _close_session(self) -> None:
        await self._close(self._session.aclose(), None)

    async def _close_room(self) -> None:
        await self._close(self._room.disconnect(), None)

    async def _close(self, closing: Awaitable[None], before: dict[str, Any] | None) -> None:
        begun = time.monotonic()
        await closing
        tell("closed", seconds=time.monotonic() - begun)
        tell("left behind", what=await self._face.left_behind(before))

    async def leave(self) -> None:
        """Close what is still open."""
        for task in self._under_way:
            task.cancel()
        await self._face.aclose()
        await self._session.aclose()
        await self._room.disconnect()


async def _main() -> None:
    agent = ChaosAgent(os.environ["SUBJECT"])
    await agent.run()
    await agent.leave()
    tell("left")


if __name__ == "__main__":
    asyncio.run(_main())
