from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from avatar_core import AvatarPolicy, AvatarSession
from avatar_core.calling.provider_call import ProviderCall
from avatar_core.contract.errors import ProviderQuotaError, ProviderUnavailableError
from avatar_core.contract.hookspecs import hookimpl
from avatar_core.contract.models import EndRequest, StartedSession, StartRequest, TokenRequest
from avatar_core.testing.call_footprint import footprint, nothing_left_behind
from avatar_core.testing.call_stage import CallStage
from tests.calls.test_life_tokens import claims
from tests.session.held_calls import HeldMint, HeldStart
from tests.session.scripted_provider import (
    Make,
    ScriptedProvider,
    eventually,
    extended_by,
    registered,
)


class ShortTokens:
    """A policy: no token lives longer than this."""

    @hookimpl
    @asynccontextmanager
    async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
        if isinstance(call.request, TokenRequest):
            call.request = dataclasses.replace(call.request, ttl=min(call.request.ttl, 90.0))
        yield


class Audit:
    """Writes down every call with its outcome and duration."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str, float]] = []

    @hookimpl
    @asynccontextmanager
    async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            outcome = type(call.error).__name__ if call.error else type(call.result).__name__
            self.lines.append((call.hook, call.provider, outcome, time.monotonic() - began))

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(hook, outcome) for hook, _, outcome, _ in self.lines]


async def start(avatar: AvatarSession, stage: CallStage) -> None:
    await avatar.start(stage.agent_session, stage.room, **stage.credentials)


async def test_an_extension_shortens_the_tokens_that_workers_get(stage: CallStage) -> None:
    provider = ScriptedProvider(joins=True)
    with registered(provider), extended_by(ShortTokens()):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
            await avatar.wait_for_join(timeout=15)
    lifetime = claims(provider.requests[0].token)["exp"] - time.time()
    assert 60 < lifetime <= 91


async def test_an_audit_sees_every_call_of_a_good_session(stage: CallStage) -> None:
    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        await asyncio.sleep(0.2)
        return make()

    audit = Audit()
    with registered(ScriptedProvider(on_start=on_start)), extended_by(audit):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
    assert audit.outcomes == [
        ("mint_token", "str"),
        ("start_session", "StartedSession"),
        ("end_session", "NoneType"),
    ]
    assert {provider for _, provider, _, _ in audit.lines} == {"scripted"}
    assert audit.lines[1][3] >= 0.2


async def test_an_audit_sees_failures_and_every_retry(stage: CallStage) -> None:
    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        raise ProviderQuotaError("no credits")

    async def on_end(request: EndRequest) -> None:
        if len(second.end_requests) < 2:
            raise ProviderUnavailableError("not now")

    audit = Audit()
    second = ScriptedProvider("second", on_end=on_end)
    with registered(ScriptedProvider("first", on_start=on_start), second), extended_by(audit):
        async with AvatarSession(["first", "second"]) as avatar:
            await start(avatar, stage)
    assert audit.outcomes == [
        ("mint_token", "str"),
        ("start_session", "ProviderQuotaError"),
        ("mint_token", "str"),
        ("start_session", "StartedSession"),
        ("end_session", "ProviderUnavailableError"),
        ("end_session", "NoneType"),
    ]


async def test_an_audit_sees_a_cancelled_call(stage: CallStage) -> None:
    audit = Audit()
    provider = HeldMint()
    with registered(provider), extended_by(audit):
        starting = asyncio.create_task(start(AvatarSession("scripted"), stage))
        await provider.minting()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert audit.outcomes == [("mint_token", "CancelledError")]


async def test_an_audit_sees_a_start_that_outlives_its_caller(stage: CallStage) -> None:
    audit = Audit()
    held = HeldStart()
    with registered(ScriptedProvider(on_start=held)), extended_by(audit):
        starting = asyncio.create_task(start(AvatarSession("scripted"), stage))
        await held.begun()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        held.go_on()
        await eventually(lambda: ("end_session", "NoneType") in audit.outcomes)
    assert ("start_session", "StartedSession") in audit.outcomes


class Refusal:
    """Refuses one hook, as often as it is told to."""

    def __init__(self, hook: str, times: int = 1000) -> None:
        self._hook = hook
        self._times = times

    @hookimpl
    @asynccontextmanager
    async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
        if call.hook == self._hook and self._times > 0:
            self._times -= 1
            raise PermissionError("not in this country")
        yield


@pytest.mark.parametrize("hook", ["mint_token", "start_session"])
async def test_an_extension_refuses_a_call_before_it_is_made(stage: CallStage, hook: str) -> None:
    provider = ScriptedProvider()
    with registered(provider), extended_by(Refusal(hook)):
        avatar = AvatarSession("scripted")
        with pytest.raises(PermissionError, match="not in this country"):
            await start(avatar, stage)
    assert (avatar.state, provider.requests) == ("closed", [])


async def test_an_extension_that_refuses_an_end_does_not_orphan_the_session(
    stage: CallStage,
) -> None:
    provider = ScriptedProvider()
    with registered(provider), extended_by(Refusal("end_session", times=2)):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
    assert (len(provider.end_requests), provider.live) == (1, {})


@pytest.mark.parametrize(
    "error", [ValueError("late"), asyncio.CancelledError()], ids=["an error", "a cancellation"]
)
async def test_an_extension_that_fails_behind_a_call_does_not_change_its_outcome(
    stage: CallStage, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    class Clumsy:
        @hookimpl
        @asynccontextmanager
        async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
            yield
            if call.hook == "start_session":
                raise error

    provider = ScriptedProvider()
    with registered(provider), extended_by(Clumsy()):
        async with AvatarSession("scripted") as avatar:
            await start(avatar, stage)
            assert avatar.state == "joining"
    assert provider.live == {}
    assert "an extension failed after a provider call" in caplog.text


@pytest.mark.parametrize("hook", ["mint_token", "start_session"])
async def test_an_extension_that_never_lets_a_call_begin_keeps_nobody_waiting(
    stage: CallStage, monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    class Hanging:
        @hookimpl
        @asynccontextmanager
        async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
            if call.hook == hook:
                await asyncio.Event().wait()
            yield

    monkeypatch.setattr("avatar_core.session.provider_slot.HOOK_SECONDS", 0.3)
    await stage.start_agent()
    before = footprint(stage)
    provider = ScriptedProvider()
    with registered(provider), extended_by(Hanging()):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(start_timeout=0.3))
        await asyncio.wait_for(start(avatar, stage), 10)
        assert avatar.state == "voice_only"
        await asyncio.wait_for(avatar.aclose(), 10)
    assert provider.requests == []
    await nothing_left_behind(stage, before)


@pytest.mark.parametrize("hook", ["start_session", "end_session"])
async def test_an_extension_that_hangs_behind_a_call_does_not_change_its_outcome(
    stage: CallStage, monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    class Hanging:
        @hookimpl
        @asynccontextmanager
        async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
            yield
            if call.hook == hook:
                await asyncio.Event().wait()

    monkeypatch.setattr("avatar_core.calling.provider_call.LEAVE_SECONDS", 0.3)
    await stage.start_agent()
    before = footprint(stage)
    provider = ScriptedProvider()
    with registered(provider), extended_by(Hanging()):
        avatar = AvatarSession("scripted")
        await asyncio.wait_for(start(avatar, stage), 10)
        assert avatar.state == "joining"
        await asyncio.wait_for(avatar.aclose(), 10)
    assert (len(provider.end_requests), provider.live) == (1, {})
    await nothing_left_behind(stage, before)


async def test_an_extension_cannot_swallow_the_providers_error(stage: CallStage) -> None:
    class Optimist:
        @hookimpl
        @asynccontextmanager
        async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
            try:
                yield
            except ProviderQuotaError:
                pass

    async def on_start(request: StartRequest, make: Make) -> StartedSession:
        raise ProviderQuotaError("no credits")

    with registered(ScriptedProvider(on_start=on_start)), extended_by(Optimist()):
        avatar = AvatarSession("scripted", policy=AvatarPolicy(on_failure="raise"))
        with pytest.raises(ProviderQuotaError):
            await start(avatar, stage)


async def test_an_extension_that_cancels_a_start_leaves_nothing_behind(stage: CallStage) -> None:
    class Canceller:
        @hookimpl
        @asynccontextmanager
        async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
            if call.hook == "mint_token":
                raise asyncio.CancelledError
            yield

    provider = ScriptedProvider()
    with registered(provider), extended_by(Canceller()):
        avatar = AvatarSession("scripted")
        with pytest.raises(Exception, match="closed while it started"):
            await asyncio.wait_for(start(avatar, stage), 10)
    assert (avatar.state, provider.requests) == ("closed", [])


async def test_the_first_extension_is_the_outermost_and_the_next_sees_what_it_replaced(
    stage: CallStage,
) -> None:
    trace: list[str] = []

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        @hookimpl
        @asynccontextmanager
        async def around_call(self, call: ProviderCall) -> AsyncIterator[None]:
            if isinstance(call.request, StartRequest):
                call.request = dataclasses.replace(call.request, name=call.request.name + self.name)
                trace.append(f"{self.name} in")
            yield
            if isinstance(call.request, StartRequest):
                trace.append(f"{self.name} out")

    provider = ScriptedProvider()
    with registered(provider), extended_by(Named("A"), Named("B")):
        async with AvatarSession("scripted", avatar_participant_name="Fay") as avatar:
            await start(avatar, stage)
    assert trace == ["A in", "B in", "B out", "A out"]
    assert provider.requests[0].name == "FayAB"


async def test_extensions_are_read_once_a_start_so_that_its_end_is_seen_too(
    stage: CallStage,
) -> None:
    audit = Audit()
    with registered(ScriptedProvider()):
        avatar = AvatarSession("scripted")
        with extended_by(audit):
            await start(avatar, stage)
        await avatar.aclose()
    assert audit.outcomes[-1] == ("end_session", "NoneType")


async def test_an_extension_that_is_named_and_not_there_stops_the_start(
    stage: CallStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_EXTENSIONS", "audit-that-is-not-installed")
    provider = ScriptedProvider()
    with registered(provider):
        avatar = AvatarSession("scripted")
        with pytest.raises(Exception, match="audit-that-is-not-installed"):
            await start(avatar, stage)
    assert (avatar.state, provider.requests) == ("closed", [])
