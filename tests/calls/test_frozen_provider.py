"""A provider that was written for contract version 1, in a real call with today's core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from avatar_core import AvatarSession, get_provider
from avatar_core.discovery import default
from avatar_core.discovery.registry import ProviderRegistry
from avatar_core.testing.call_stage import CallStage, tone
from tests.contract.frozen_provider import install_frozen
from tests.discovery.installed import Site, installed_site

AVATAR = "frozen-face"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for site in installed_site(tmp_path / "site", monkeypatch):
        registry = ProviderRegistry(entry_points=site.entry_points)
        monkeypatch.setattr(default, "_providers", registry)
        yield site


async def test_it_starts_speaks_is_told_everything_and_ends(stage: CallStage, site: Site) -> None:
    install_frozen(site)
    plugin = get_provider("frozen").plugin
    called: list[str] = plugin.called  # type: ignore[attr-defined]

    async with AvatarSession("frozen/berta", seconds=120) as avatar:
        await avatar.prewarm()
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
        await stage.start_agent()
        await avatar.wait_for_join(timeout=20)
        assert (avatar.state, avatar.session_id) == ("live", "frozen-1")
        speech = stage.agent_session.say("la", audio=tone(seconds=2))
        await stage.viewer.until_heard(AVATAR, seconds=1)
        await speech.wait_for_playout()
        assert avatar.state == "live"
        await stage.viewer.until(lambda: "keep_alive" in called)
    await stage.viewer.until(lambda: AVATAR not in stage.viewer.room.remote_participants)

    assert called[:3] == ["prewarm", "mint_token", "start_session"]
    assert {"keep_alive", "agent_state_changed", "end_session"} <= set(called)
    assert plugin.live == {}  # type: ignore[attr-defined]
