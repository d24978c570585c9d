"""How long ``start()`` takes with both plugins for Protoface, and when a viewer sees something."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import utils

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import CallStage, open_call_stage
from benchmarks.call_times import viewer_of
from benchmarks.protoface_plugins import Emulator, Plugin, make_avatar

SETTLE_SECONDS = 0.3
"""From the opening of a room to a start in it: its participants still negotiate until then."""


@dataclass(kw_only=True)
class Starts:
    """The starts of one plugin, in one way.

    Args:
        plugin: Whose.
        prewarmed: ``prewarm()`` is awaited before the clock runs; LiveKit's plugin has none.
        seconds: What each took.
    """

    plugin: Plugin
    prewarmed: bool = False
    seconds: list[float] = field(default_factory=list)


def turns(ways: Sequence[Starts], rounds: int) -> Iterator[Starts]:
    """Yield each way in every round, forwards and backwards by turns.

    What one leaves warm for the next helps each of them as often. There is a round before the
    first one, whose times do not count: it pays for what later ones find loaded.
    """
    for number in range(rounds + 1):
        yield from (ways if number % 2 else tuple(reversed(ways)))
        if number == 0:
            for way in ways:
                way.seconds.clear()


@asynccontextmanager
async def as_in_a_job(stage: CallStage, avatar: Any) -> AsyncIterator[None]:
    """Connections of its own, opened when first used and closed at the end."""
    utils.http_context._new_session_ctx()
    await asyncio.sleep(SETTLE_SECONDS)
    gc.collect()
    try:
        yield
    finally:
        await avatar.aclose()
        await utils.http_context._close_http_ctx()
        # LiveKit's sender waits on for its avatar, and makes an error of it when the room closes.
        waiting = getattr(stage.agent_session.output.audio, "_start_atask", None)
        if waiting is not None:
            waiting.cancel()


async def start(stage: CallStage, avatar: Any) -> tuple[float, float]:
    """Start an avatar; returns when that was begun, and when it was done.

    Raises:
        RuntimeError: No session was made: our plugin lets the call go on without an avatar then.
    """
    began = time.monotonic()
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    done = time.monotonic()
    if avatar.session_id is None:
        raise RuntimeError("the avatar was not started")
    return began, done


async def measure_starts(
    server: LiveKitServer, ways: Sequence[Starts], *, rounds: int, url: str, key: str
) -> None:
    """Note how long ``start()`` takes, until the API has made a session.

    Args:
        server: LiveKit's.
        ways: What is compared.
        rounds: How many starts of each.
        url: Address of the emulator at which nobody joins a room.
        key: API key.
    """
    for way in turns(ways, rounds):
        avatar = make_avatar(way.plugin, url=url, key=key)
        async with open_call_stage(server) as stage, as_in_a_job(stage, avatar):
            if way.prewarmed:
                await avatar.prewarm()
            began, done = await start(stage, avatar)
            way.seconds.append(done - began)


async def measure_pictures(
    server: LiveKitServer, ways: Sequence[Starts], *, rounds: int, emulator: Emulator
) -> None:
    """Note how long it takes from ``start()`` to the first picture that a viewer has decoded."""
    for way in turns(ways, rounds):
        avatar = make_avatar(way.plugin, url=emulator.rooms, key=emulator.key)
        async with open_call_stage(server) as stage:
            viewer = await viewer_of(stage, "both")
            try:
                async with as_in_a_job(stage, avatar):
                    began, _ = await start(stage, avatar)
                    picture = await viewer.until(lambda line: line["kind"] == "picture")
                    way.seconds.append(picture["at"] - began)
            finally:
                await viewer.stop()
