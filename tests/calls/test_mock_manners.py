from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from livekit.agents import AgentSession

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.contract import errors
from avatar_core.testing.call_footprint import own_tasks, until_listened_to
from avatar_core.testing.call_stage import CallStage, tone
from tests.calls.avatar_in_call import SMALL_FACE, avatar_in
from tests.calls.mock_processes import worker_processes
from tests.session.scripted_provider import eventually

MOCK = "mock-avatar-agent"


async def say(stage: CallStage, *, seconds: float = 0.5, who: str = MOCK) -> None:
    await until_listened_to(stage, who)
    speech = stage.agent_session.say("hello", audio=tone(seconds=seconds))
    await asyncio.wait_for(speech.wait_for_playout(), 30)


async def until_gone(stage: CallStage) -> None:
    deadline = time.monotonic() + 40
    while MOCK in await stage.identities():
        assert time.monotonic() < deadline, "still in the room"
        await asyncio.sleep(0.05)


# --- starting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fail", "kind", "status"),
    [
        ("auth", errors.ProviderAuthError, 401),
        ("quota", errors.ProviderQuotaError, 402),
        ("rate_limit", errors.ProviderRateLimitError, 429),
        ("rejected", errors.ProviderRejectedError, 422),
        ("timeout", errors.ProviderTimeoutError, None),
        ("unavailable", errors.ProviderUnavailableError, 503),
        ("invalid_response", errors.ProviderInvalidResponseError, 200),
        ("uncertain", errors.StartUncertainError, None),
        ("defect", errors.StartUncertainError, None),
    ],
)
async def test_it_fails_to_start_as_it_is_told(
    stage: CallStage, fail: str, kind: type[errors.ProviderError], status: int | None
) -> None:
    policy = AvatarPolicy(on_failure="raise")
    avatar = AvatarSession("mock", policy=policy, fail=fail, **SMALL_FACE)
    with pytest.raises(kind) as caught:
        await avatar.start(stage.agent_session, stage.room, **stage.credentials)
    assert isinstance(caught.value, kind)
    assert (caught.value.provider, caught.value.status_code) == ("mock", status)
    await until_gone(stage)
    await eventually(lambda: own_tasks() == ())


async def test_it_joins_late(stage: CallStage) -> None:
    began = time.monotonic()
    async with avatar_in(stage, join_delay=1.0):
        assert time.monotonic() - began >= 1.0


async def test_it_never_joins(stage: CallStage) -> None:
    async with avatar_in(stage, wait=False, never_join=True) as avatar:
        with pytest.raises(asyncio.TimeoutError):
            await avatar.wait_for_join(timeout=1.0)
        assert MOCK not in await stage.identities()


async def test_a_join_that_is_still_to_come_is_called_off(stage: CallStage) -> None:
    async with avatar_in(stage, wait=False, join_delay=0.5):
        pass
    await asyncio.sleep(0.7)
    assert MOCK not in await stage.identities()


async def test_without_video_it_speaks_and_shows_nothing(stage: CallStage) -> None:
    async with avatar_in(stage, video=False):
        await say(stage)
        await stage.viewer.until_heard(MOCK, seconds=0.3)
        assert stage.viewer.seen[MOCK].times == []


async def test_no_more_sessions_than_its_cap(stage: CallStage) -> None:
    policy = AvatarPolicy(on_failure="raise")
    other: AgentSession[Any] = AgentSession(vad=None)
    async with avatar_in(stage, wait=False, never_join=True):
        second = AvatarSession("mock", policy=policy, session_cap=1, **SMALL_FACE)
        with pytest.raises(errors.ProviderQuotaError, match="1 of 1 concurrent mock sessions"):
            await second.start(other, stage.room, **stage.credentials)
    async with avatar_in(stage, session_cap=1):
        assert MOCK in await stage.identities()


async def test_it_behaves_like_a_vendor_except_where_told_otherwise(stage: CallStage) -> None:
    began = time.monotonic()
    async with avatar_in(stage, like="protoface", report_delay=0.2):
        assert time.monotonic() - began >= 1.9


# --- living ------------------------------------------------------------------------------------


async def test_it_leaves_for_good(stage: CallStage) -> None:
    async with avatar_in(stage, leave_after=3.0) as avatar:
        await until_gone(stage)
        await eventually(lambda: avatar.state == "voice_only")
        await say(stage, who="agent")
        await stage.viewer.until_heard("agent", seconds=0.3)


async def test_it_leaves_once_and_comes_back(stage: CallStage) -> None:
    states: list[str] = []
    async with avatar_in(stage, rejoin_after=0.3, away=0.4, wait=False) as avatar:
        avatar.on("state_changed", lambda event: states.append(event.new_state))
        await eventually(lambda: states[-3:] == ["live", "voice_only", "live"])
        await say(stage)
        await stage.viewer.until_heard(MOCK, seconds=0.3)


async def test_it_freezes(stage: CallStage) -> None:
    async with avatar_in(stage, freeze_after=3.0):
        await stage.viewer.until_seen(MOCK, pictures=2)

        def still() -> bool:
            return time.monotonic() - stage.viewer.seen[MOCK].times[-1] > 1.5

        await stage.viewer.until(still)
        assert MOCK in await stage.identities()


async def test_it_goes_deaf(stage: CallStage, caplog: pytest.LogCaptureFixture) -> None:
    async with avatar_in(stage, deaf_after=0.0) as avatar:
        await asyncio.sleep(0.1)
        await say(stage)
        assert stage.viewer.heard[MOCK].loud_seconds() == 0
        assert avatar.avatar_identity in await stage.identities()
    assert "did not report the end of a segment" in caplog.text


async def test_it_drops_its_reports_and_is_heard_all_the_same(
    stage: CallStage, caplog: pytest.LogCaptureFixture
) -> None:
    async with avatar_in(stage, drop_reports=True):
        await say(stage)
        assert stage.viewer.heard[MOCK].loud_seconds() >= 0.3
    assert "did not report the end of a segment" in caplog.text


async def test_it_reports_late(stage: CallStage) -> None:
    async with avatar_in(stage, report_delay=1.0):
        began = time.monotonic()
        await say(stage)
        assert time.monotonic() - began >= 1.5


async def test_ending_it_fails_at_first(stage: CallStage, caplog: pytest.LogCaptureFixture) -> None:
    async with avatar_in(stage, end_failures=2):
        pass
    assert caplog.text.count("avatar session not ended; trying again") == 2
    assert MOCK not in await stage.identities()


@pytest.mark.parametrize("worker", ["inline", "process"])
async def test_it_crashes_without_a_word(stage: CallStage, worker: str) -> None:
    async with avatar_in(stage, worker=worker, crash_after=3.0):
        await stage.viewer.until_seen(MOCK)
        if worker == "process":
            await eventually(lambda: worker_processes() == [])
        last = time.monotonic()
        await stage.viewer.until(
            lambda: time.monotonic() - max(last, stage.viewer.seen[MOCK].times[-1]) > 1.0
        )


# --- looks ----------------------------------------------------------------------------------------


async def test_the_face_learns_what_the_agent_does(stage: CallStage) -> None:
    from avatar_provider_mock.face import MockFace

    seen: list[str | None] = []
    draw = MockFace.draw

    def watched(self: MockFace, moment: Any) -> Any:
        if not seen or seen[-1] != moment.agent_state:
            seen.append(moment.agent_state)
        return draw(self, moment)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MockFace, "draw", watched)
        async with avatar_in(stage):
            await eventually(lambda: "listening" in seen)
            await say(stage, seconds=1.0)
            await eventually(lambda: seen[-2:] == ["speaking", "listening"])
