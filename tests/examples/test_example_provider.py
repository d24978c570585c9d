"""The provider that the provider authors' guide shows, in a real call."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from livekit import rtc

from avatar_core import AvatarSession, register_provider, unregister_provider
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import open_call_stage, tone

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "provider"
AVATAR = "pulse-avatar-agent"


@pytest.fixture
def pulse(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(FOLDER)
    from avatar_provider_pulse import plugin  # type: ignore[import-not-found]

    register_provider(plugin)
    yield
    unregister_provider("pulse")
    for name in [name for name in sys.modules if name.startswith("avatar_provider_pulse")]:
        del sys.modules[name]


def bright_share(picture: rtc.VideoFrame | None) -> float:
    if picture is None:
        return 0.0
    luma = bytes(picture.data)[: picture.width * picture.height]
    return sum(value > 128 for value in luma[::7]) / len(luma[::7])


@pytest.mark.usefixtures("pulse")
async def test_the_example_provider_is_heard_and_its_disc_pulses_with_the_voice(
    livekit_server: LiveKitServer,
) -> None:
    async with open_call_stage(livekit_server) as stage:
        viewer = stage.viewer
        async with AvatarSession("pulse", size=128) as avatar:
            await avatar.start(stage.agent_session, stage.room, **stage.credentials)
            await stage.start_agent()
            await avatar.wait_for_join(timeout=20)
            await viewer.until_seen(AVATAR, pictures=3)
            quiet = viewer.seen[AVATAR].latest
            assert quiet is not None
            speech = stage.agent_session.say("la", audio=tone(seconds=3, level=12000))
            await viewer.until_heard(AVATAR, seconds=1)
            calm = bright_share(quiet)
            await viewer.until(lambda: bright_share(viewer.seen[AVATAR].latest) > 2 * calm)
            await speech.wait_for_playout()
        await viewer.until(lambda: AVATAR not in viewer.room.remote_participants)
