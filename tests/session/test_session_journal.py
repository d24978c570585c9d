"""What the journal says of a session: from before it is made until it is over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from avatar_core import AvatarSession
from avatar_core.contract.errors import ProviderQuotaError, StartUncertainError
from avatar_core.contract.models import Capabilities, StartRequest
from avatar_core.session.journal_entry import JournalEntry, journal_folder
from avatar_core.testing.call_stage import CallStage
from tests.session.booked_session import journal, records_of, start
from tests.session.scripted_provider import (
    Make,
    RecoveringProvider,
    ScriptedProvider,
    eventually,
    registered,
)


async def test_a_session_is_in_the_journal_from_before_it_is_asked_for_until_it_is_ended(
    stage: CallStage,
) -> None:
    asked: list[list[JournalEntry]] = []

    async def on_start(request: StartRequest, make: Make) -> Any:
        asked.append(journal())
        return make()

    provider = ScriptedProvider(on_start=on_start)
    with registered(provider):
        avatar = AvatarSession("scripted")
        await start(avatar, stage)
        ((intent,),) = asked
        (request,) = provider.requests
        assert (intent.provider, intent.idempotency_key) == ("scripted", request.idempotency_key)
        assert (intent.room, intent.agent_identity) == (stage.room_name, "agent")
        assert intent.avatar_identity == request.identity
        assert intent.session_id is None
        await eventually(lambda: [each.session_id for each in journal()] == ["scripted-1"])
        folder = journal_folder()
        assert folder is not None
        text = "".join(each.read_text() for each in folder.iterdir())
        assert stage.credentials["livekit_api_secret"] not in text
        assert request.token not in text
        await avatar.aclose()
    assert journal() == []


@pytest.mark.parametrize(
    "error", [ProviderQuotaError("full"), StartUncertainError("lost")], ids=["refused", "uncertain"]
)
async def test_a_start_that_made_nothing_is_crossed_out(stage: CallStage, error: Exception) -> None:
    async def on_start(request: StartRequest, make: Make) -> Any:
        raise error

    with registered(RecoveringProvider(on_start=on_start)):
        avatar = AvatarSession("scripted")
        records = records_of(avatar)
        await start(avatar, stage)
        await avatar.aclose()
        await eventually(lambda: journal() == [])
    assert records == [], "there was no session"


async def test_a_start_cancelled_around_the_writing_leaves_no_session_and_no_entry(
    stage: CallStage,
) -> None:
    provider = ScriptedProvider()
    with registered(provider):
        for turns in (*range(0, 40, 4), *range(40, 400, 40)):
            avatar = AvatarSession("scripted")
            starting = asyncio.ensure_future(start(avatar, stage))
            for _ in range(turns):
                await asyncio.sleep(0)
            starting.cancel()
            await asyncio.wait([starting])
            await avatar.aclose()
            await eventually(lambda: journal() == [])
            assert (turns, provider.live) == (turns, {})


async def test_what_nobody_can_end_by_hand_is_not_in_the_journal(stage: CallStage) -> None:
    provider = ScriptedProvider(capabilities=Capabilities(explicit_end=False))
    with registered(provider):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
            assert journal() == []


async def test_without_a_journal_everything_else_is_the_same(
    stage: CallStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = journal_folder()
    assert folder is not None
    monkeypatch.setenv("AVATAR_JOURNAL", "off")
    with registered(ScriptedProvider()):
        avatar = AvatarSession("scripted")
        records = records_of(avatar)
        await start(avatar, stage)
        await avatar.aclose()
    assert len(records) == 1
    assert not folder.exists()
