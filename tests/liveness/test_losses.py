"""Avatars that are really lost, in processes of their own and on a real server."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from avatar_core.livekit_server import LiveKitServer
from tests.liveness.watched_avatar import watched_avatar

SOON = 2.5
"""Seconds within which a loss is told, on whatever machine this runs; docs tell what is usual."""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_an_avatar_whose_process_dies_or_stops_in_mid_sentence_is_lost(
    livekit_server: LiveKitServer, how: signal.Signals
) -> None:
    async with watched_avatar(livekit_server) as avatar:
        await avatar.speaks(15)
        struck = time.monotonic()
        avatar.signal(how)
        took, loss = await avatar.until_lost(struck)
        assert loss.kind == "dead"
        assert took < SOON
        assert -0.3 < loss.heard_until - struck < 0.3


async def test_an_avatar_that_is_only_heard_is_lost_when_it_dies(
    livekit_server: LiveKitServer,
) -> None:
    async with watched_avatar(livekit_server, publish_video=False) as avatar:
        await avatar.speaks(15)
        struck = time.monotonic()
        avatar.signal(signal.SIGKILL)
        took, loss = await avatar.until_lost(struck)
        assert loss.kind == "dead"
        assert took < SOON


async def test_an_avatar_that_dies_while_nothing_is_said_is_lost(
    livekit_server: LiveKitServer,
) -> None:
    async with watched_avatar(livekit_server) as avatar:
        await avatar.until(lambda: avatar.watch.round_trip < 0.2)
        struck = time.monotonic()
        avatar.signal(signal.SIGKILL)
        took, loss = await avatar.until_lost(struck)
        assert loss.kind == "dead"
        assert took < 2 * SOON


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        ("freeze", "frozen"),
        ("deaf", "deaf"),
        ("mute", "muted"),
        ("unpublish", "unpublished"),
        ("unpublish_video", "unpublished"),
    ],
)
async def test_an_avatar_that_lives_but_is_not_seen_or_heard_any_more_is_lost(
    livekit_server: LiveKitServer, act: str, kind: str
) -> None:
    async with watched_avatar(livekit_server) as avatar:
        await avatar.speaks(15)
        struck = time.monotonic()
        avatar.act(act)
        took, loss = await avatar.until_lost(struck)
        assert loss.kind == kind
        assert took < SOON
        assert -0.3 < loss.heard_until - struck <= took


async def test_a_loss_is_told_once(livekit_server: LiveKitServer) -> None:
    async with watched_avatar(livekit_server) as avatar:
        await avatar.speaks(15)
        avatar.act("mute")
        avatar.signal(signal.SIGSTOP)
        await avatar.until_lost(time.monotonic())
        avatar.signal(signal.SIGKILL)
        await asyncio.sleep(1.5)  # three times as long as another loss takes to be seen
        assert len(avatar.losses) == 1
