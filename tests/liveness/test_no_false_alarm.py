"""What befalls an agent and its avatar and is no loss."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from livekit import rtc

from avatar_core.livekit_server import LiveKitServer
from tests.liveness.watched_avatar import WatchedAvatar, watched_avatar

_BUSY = "while True: pass"


async def _stays(avatar: WatchedAvatar, seconds: float) -> None:
    await asyncio.sleep(seconds)
    assert avatar.losses == []


async def test_a_healthy_avatar_that_speaks_with_pauses_and_falls_silent_is_not_lost(
    livekit_server: LiveKitServer,
) -> None:
    async with watched_avatar(livekit_server) as avatar:
        avatar.spoken.say(14, pause_every=2.0, pause=2.0)
        avatar.watch.speaking_changed(True)
        await asyncio.wait_for(avatar.spoken.finished.wait(), 60)
        avatar.watch.speaking_changed(False)
        await _stays(avatar, 12)
        assert [each.subscribed for each in avatar.publications] == [False, False]
        await avatar.speaks(3)
        await asyncio.wait_for(avatar.spoken.finished.wait(), 30)
        assert avatar.losses == []


async def test_a_busy_machine_is_no_loss(livekit_server: LiveKitServer) -> None:
    async with watched_avatar(livekit_server) as avatar:
        busy = [
            await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", _BUSY)
            for _ in range(os.cpu_count() or 2)
        ]
        try:
            await avatar.speaks(25)
            await _stays(avatar, 20)
        finally:
            for each in busy:
                each.kill()
                await each.wait()


async def test_a_loop_that_stands_still_for_two_seconds_is_no_loss(
    livekit_server: LiveKitServer,
) -> None:
    async with watched_avatar(livekit_server) as avatar:
        await avatar.speaks(20)
        for _ in range(3):
            time.sleep(2.0)  # noqa: ASYNC251 - the stall is what is tested
            await _stays(avatar, 1.5)


async def test_a_connection_of_the_agent_that_starts_anew_is_no_loss(
    livekit_server: LiveKitServer,
) -> None:
    async with watched_avatar(livekit_server) as avatar:
        states: list[int] = []
        avatar.room.on("connection_state_changed", states.append)
        await avatar.speaks(20)
        full = rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT
        await avatar.room.simulate_scenario(full)
        await avatar.until(lambda: states[-1:] == [rtc.ConnectionState.CONN_CONNECTED])
        await _stays(avatar, 6)
        # and it is watched as before
        await avatar.until(lambda: all(each.subscribed for each in avatar.publications))
        await asyncio.sleep(1.0)
        struck = time.monotonic()
        avatar.signal(signal.SIGKILL)
        took, loss = await avatar.until_lost(struck)
        assert loss.kind == "dead"
        assert took < 4


async def test_five_seconds_without_a_network_are_no_loss() -> None:
    # To the agent a server that stands still is a cut of its own connection: nothing arrives.
    async with await LiveKitServer.start_async() as server, watched_avatar(server) as avatar:
        await avatar.speaks(30)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(5)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await _stays(avatar, 8)


async def test_an_avatar_that_dies_while_the_network_is_gone_is_lost_after_it() -> None:
    async with await LiveKitServer.start_async() as server, watched_avatar(server) as avatar:
        await avatar.speaks(30)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(2)
            avatar.signal(signal.SIGKILL)
            await _stays(avatar, 1)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        took, loss = await avatar.until_lost(time.monotonic())
        assert loss.kind == "dead"
        assert took < 6


async def test_a_watch_that_is_stopped_leaves_nothing(livekit_server: LiveKitServer) -> None:
    async with watched_avatar(livekit_server) as avatar:
        listeners = {event: len(each) for event, each in avatar.room._events.items()}
        tasks = asyncio.all_tasks()
        await avatar.speaks(5)
        await avatar.watch.stop()
        await avatar.until(lambda: not any(each.subscribed for each in avatar.publications))
        left = asyncio.all_tasks() - tasks
        assert not [task for task in left if task.get_name().startswith("liveness")]
        assert sum(len(each) for each in avatar.room._events.values()) < sum(listeners.values())
