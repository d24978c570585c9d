"""What is told of each session when it is over, and how its end is asked for."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import subprocess
import sys
import time
from typing import Any

import pytest

from avatar_core import AvatarPolicy, AvatarSession, SessionRecord
from avatar_core.contract.errors import ProviderUnavailableError, StartUncertainError
from avatar_core.contract.models import EndRequest, StartRequest
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_footprint import own_tasks
from avatar_core.testing.call_stage import CallStage
from tests.session.booked_session import journal, records_of, start
from tests.session.scripted_provider import (
    Make,
    RecoveringProvider,
    ScriptedProvider,
    eventually,
    registered,
)

# --- records -------------------------------------------------------------------------------------


async def test_one_record_says_what_an_invoice_is_compared_with(
    stage: CallStage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="avatar_core")

    async def on_end(request: EndRequest) -> None:
        if len(provider.end_requests) < 3:
            raise ProviderUnavailableError("not now")

    provider = ScriptedProvider(on_end=on_end)
    with registered(provider):
        avatar = AvatarSession("scripted")
        records = records_of(avatar)
        before = time.time()
        await start(avatar, stage)
        await asyncio.gather(avatar.aclose(), avatar.aclose())
        after = time.time()
    (record,) = records
    assert record.ended is not None
    assert before <= record.started <= record.ended <= after
    assert record.seconds == pytest.approx(record.ended - record.started, abs=0.01)
    assert (record.provider, record.session_id) == ("scripted", "scripted-1")
    assert (record.room, record.avatar_identity) == (stage.room_name, "scripted-avatar-agent")
    assert (record.reason, record.attempts) == ("aclose() was called", 3)
    assert record.command is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.attempts = 1  # type: ignore[misc]

    (line,) = [each for each in caplog.records if each.message == "avatar session ended"]
    assert line.levelname == "INFO"
    told = {field.name: getattr(line, field.name) for field in dataclasses.fields(record)}
    assert told == dataclasses.asdict(record)


async def test_a_session_ended_long_after_the_call_has_its_record_too(stage: CallStage) -> None:
    back = asyncio.Event()

    async def on_end(request: EndRequest) -> None:
        await back.wait()

    with registered(ScriptedProvider(on_end=on_end)):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(end_timeout=0.1))
        records = records_of(avatar)
        await start(avatar, stage)
        await avatar.aclose()
        assert (avatar.state, records, len(journal())) == ("closed", [], 1)
        back.set()
        await eventually(lambda: len(records) == 1)
        assert records[0].ended is not None
        await eventually(lambda: own_tasks() == () and journal() == [])


async def test_a_session_of_an_uncertain_start_has_a_record_with_its_id(stage: CallStage) -> None:
    async def on_start(request: StartRequest, make: Make) -> Any:
        make()
        raise StartUncertainError("the answer was lost")

    provider = RecoveringProvider(on_start=on_start)
    with registered(provider):
        avatar = AvatarSession("scripted")
        records = records_of(avatar)
        await start(avatar, stage)
        await eventually(lambda: len(records) == 1)
        await avatar.aclose()
    assert (records[0].session_id, records[0].reason) == ("scripted-1", "start failed")
    assert provider.live == {}


async def test_what_is_not_ended_when_the_job_goes_is_told_with_the_command_that_ends_it(
    stage: CallStage, caplog: pytest.LogCaptureFixture
) -> None:
    back = asyncio.Event()

    async def on_end(request: EndRequest) -> None:
        if not back.is_set():
            raise ProviderUnavailableError("down")

    with registered(ScriptedProvider(on_end=on_end)):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(end_timeout=0.1))
        records = records_of(avatar)
        await start(avatar, stage)
        await avatar._life.end_with_job(timeout=0.5)
        (record,) = records
        assert (record.ended, record.session_id) == (None, "scripted-1")
        assert record.seconds > 0
        assert record.command == "avatar sessions end scripted-1 --provider scripted"
        assert f"To end it: {record.command}" in caplog.text
        back.set()
        await eventually(lambda: own_tasks() == ())
    assert [each.ended is None for each in records] == [True, False], "it was ended after all"


async def test_an_event_loop_that_is_taken_down_leaves_the_command_that_ends_it(
    stage: CallStage, caplog: pytest.LogCaptureFixture
) -> None:
    async def on_end(request: EndRequest) -> None:
        raise ProviderUnavailableError("down")

    with registered(ScriptedProvider(on_end=on_end)):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(end_timeout=0.1))
        records = records_of(avatar)
        await start(avatar, stage)
        await avatar.aclose()
        (ending,) = [
            each for each in asyncio.all_tasks() if each.get_name() == "avatar-session-ender"
        ]
        ending.cancel()  # as asyncio.run does to all that is left
        await eventually(lambda: len(records) == 1)
        assert records[0].ended is None
        assert "avatar session not ended; it is billed" in caplog.text
        assert len(journal()) == 1, "avatar sessions reap finds it"
        await eventually(lambda: own_tasks() == ())


FORGETFUL = """
import asyncio, logging, sys
from livekit import rtc
from livekit.agents import AgentSession
from avatar_core import AvatarSession
from tests.session.scripted_provider import ScriptedProvider, registered

logging.basicConfig(format="%(message)s", level=logging.ERROR)


async def main():
    room = rtc.Room()
    await room.connect(*sys.argv[1:3])
    avatar = AvatarSession("scripted")
    agent = AgentSession(vad=None, turn_handling={"turn_detection": None})
    await avatar.start(agent, room, livekit_url=sys.argv[1], livekit_api_key=sys.argv[3],
                       livekit_api_secret=sys.argv[4])


with registered(ScriptedProvider()):
    asyncio.run(main())
"""


def test_a_program_that_closes_nothing_ends_at_once_and_says_what_it_left(
    livekit_server: LiveKitServer,
) -> None:
    from avatar_core.testing.call_stage import room_token

    done = subprocess.run(
        [
            sys.executable, "-c", FORGETFUL, livekit_server.url,
            room_token(livekit_server, "agent-x", "room-x", kind="agent"),
            livekit_server.api_key, livekit_server.api_secret,
        ],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "To end it: avatar sessions end scripted-1 --provider scripted" in done.stderr
    (left,) = journal()
    assert left.session_id == "scripted-1"


# --- the end itself ------------------------------------------------------------------------------


async def test_a_first_attempt_that_hangs_leaves_time_for_another(
    stage: CallStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avatar_core.session.ender.FIRST_SECONDS", 0.3)

    async def on_end(request: EndRequest) -> None:
        if len(provider.end_requests) == 1:
            await asyncio.Event().wait()

    provider = ScriptedProvider(on_end=on_end)
    with registered(provider):
        avatar = AvatarSession("scripted")
        await start(avatar, stage)
        await avatar.aclose()
    assert (provider.live, len(provider.end_requests)) == ({}, 2)


async def test_an_end_is_asked_for_again_when_the_provider_says_and_not_sooner(
    stage: CallStage,
) -> None:
    asked: list[float] = []

    async def on_end(request: EndRequest) -> None:
        asked.append(time.monotonic())
        if len(asked) == 1:
            raise ProviderUnavailableError("not now", retry_after=1.0)

    with registered(ScriptedProvider(on_end=on_end)):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
    assert 1.0 <= asked[1] - asked[0] < 5.0


@pytest.mark.parametrize(
    ("session_id", "command"),
    [
        ("sess_1", "avatar sessions end sess_1 --provider acme"),
        ("a; rm -r b", "avatar sessions end 'a; rm -r b' --provider acme"),
        ("-h", "avatar sessions end --provider acme -- -h"),
        (None, "avatar sessions reap --provider acme"),
    ],
)
def test_the_command_can_be_pasted_whatever_the_provider_calls_its_sessions(
    session_id: str | None, command: str
) -> None:
    record = SessionRecord(
        provider="acme", session_id=session_id, avatar_identity="face", room="room-1", started=1.0,
        ended=None, reason="", seconds=1.0, attempts=0,
    )  # fmt: skip
    assert record.command == command
