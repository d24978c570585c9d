"""Which sessions are orphaned: real rooms with real agents in them, or without."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from livekit import rtc

from avatar_core.contract.errors import ProviderError, ProviderUnavailableError
from avatar_core.discovery.default import default_registry
from avatar_core.discovery.selection import Resolved
from avatar_core.livekit_server import LiveKitServer
from avatar_core.operations import account, reaper
from avatar_core.operations.account import ProviderAccount, open_accounts
from avatar_core.operations.reaper import Reaper
from avatar_core.operations.room_members import ServerAccess
from avatar_core.testing.call_stage import room_token
from tests.operations.acme import Acme, registered

AGENT = "agent-7"


@pytest.fixture(autouse=True)
def _look_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaper, "CONFIRM_SECONDS", 0.2)


@dataclass(kw_only=True)
class Scene:
    """An account, a reaper that looks at it, and rooms.

    Args:
        acme: The account.
        server: Where the rooms are.
        accounts: The account, as the core asks it.
        reaper: Looks after this server's sessions.
    """

    acme: Acme
    server: LiveKitServer
    accounts: Sequence[ProviderAccount]
    reaper: Reaper

    def add(self, session_id: str, **facts: Any) -> str:
        """Put a session of this server's into the account; returns its room."""
        room = f"room-{uuid.uuid4().hex[:8]}"
        given = {"room": room, "livekit_url": self.server.url, "agent_identity": AGENT, **facts}
        self.acme.add(session_id, **given)
        return room

    async def found(self) -> dict[str, tuple[str, str]]:
        """Look; verdict and reason by session."""
        return {
            each.session.session_id: (each.verdict, each.reason)
            for each in await self.reaper.find()
        }

    @asynccontextmanager
    async def agent_in(self, room_name: str, identity: str = AGENT) -> AsyncIterator[rtc.Room]:
        """Be in a room."""
        room = rtc.Room()
        await room.connect(self.server.url, room_token(self.server, identity, room_name))
        try:
            yield room
        finally:
            await room.disconnect()


@asynccontextmanager
async def scene(server: LiveKitServer, *, grace: float = 60.0) -> AsyncIterator[Scene]:
    acme = Acme()
    with registered(acme):
        provider = default_registry().get("acme")
        options = provider.info.options.from_mapping("acme", {})
        access = ServerAccess(url=server.url, api_key=server.api_key, api_secret=server.api_secret)
        async with open_accounts([Resolved(provider=provider, options=options)]) as accounts:
            yield Scene(
                acme=acme,
                server=server,
                accounts=accounts,
                reaper=Reaper(accounts, access, grace=grace),
            )


async def test_a_session_whose_agent_is_in_its_room_is_in_use(
    livekit_server: LiveKitServer,
) -> None:
    async with scene(livekit_server) as the:
        room = the.add("sess_1")
        async with the.agent_in(room):
            assert await the.found() == {"sess_1": ("in use", f"agent agent-7 is in room {room}")}


async def test_a_session_is_orphaned_where_others_are_in_its_room_or_it_is_gone(
    livekit_server: LiveKitServer,
) -> None:
    async with scene(livekit_server) as the:
        with_others, _ = the.add("sess_1"), the.add("sess_2")
        async with the.agent_in(with_others, identity="agent-8"):
            found = await the.found()
            assert {verdict for verdict, _ in found.values()} == {"orphaned"}
            assert found["sess_1"][1] == f"agent agent-7 is not in room {with_others}"
            orphaned = await the.reaper.find()
            assert [each.error for each in await the.reaper.end(orphaned)] == [None, None]
        assert the.acme.live == {}
        assert {request.reason for request in the.acme.end_requests} == {"agent gone"}
        assert not any(request.must_exist for request in the.acme.end_requests)


async def test_an_agent_that_comes_back_between_two_looks_keeps_its_session(
    livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaper, "CONFIRM_SECONDS", 3.0)
    async with scene(livekit_server) as the:
        room = the.add("sess_1")
        listed = asyncio.Event()
        the.acme.on_list = listed.set
        looking = asyncio.ensure_future(the.found())
        await listed.wait()
        async with the.agent_in(room):
            assert (await looking)["sess_1"][0] == "in use"


async def test_what_is_orphaned_only_at_the_second_look_waits_for_the_next(
    livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaper, "CONFIRM_SECONDS", 1.0)
    async with scene(livekit_server) as the:
        the.add("sess_1")
        listed = asyncio.Event()
        the.acme.on_list = listed.set
        looking = asyncio.ensure_future(the.found())
        await listed.wait()
        the.add("sess_2")
        found = await looking
        assert (found["sess_1"][0], found["sess_2"][0]) == ("orphaned", "suspect")
        assert {verdict for verdict, _ in (await the.found()).values()} == {"orphaned"}


async def test_a_session_whose_agent_may_still_be_joining_is_left_alone(
    livekit_server: LiveKitServer,
) -> None:
    async with scene(livekit_server, grace=60) as the:
        the.add("old", age=61)
        the.add("young", age=5)
        the.add("clock ahead", age=-500)
        the.add("age unknown", age=None)
        found = await the.found()
        assert found.pop("old")[0] == "orphaned"
        assert set(found.values()) == {("young", "its agent may still be joining (grace 60 s)")}


async def test_a_session_without_an_age_is_as_old_as_it_was_seen(
    livekit_server: LiveKitServer,
) -> None:
    async with scene(livekit_server, grace=0.5) as the:
        the.add("sess_1", age=None)
        the.add("clock ahead", age=-500)
        assert {verdict for verdict, _ in (await the.found()).values()} == {"young"}
        await asyncio.sleep(0.6)
        assert {verdict for verdict, _ in (await the.found()).values()} == {"orphaned"}


@pytest.mark.parametrize(
    ("facts", "verdict", "reason"),
    [
        ({"room": None}, "unattributed", "does not tell its LiveKit server and room"),
        ({"livekit_url": None}, "unattributed", "does not tell its LiveKit server and room"),
        (
            {"livekit_url": "wss://user:pw@other.example"},
            "unattributed",
            "its room is on another LiveKit server, other.example",
        ),
        ({"livekit_url": "wss://[x"}, "unattributed", "another LiveKit server, unknown"),
        ({"agent_identity": None}, "unattributed", "avatar-core did not start it"),
        ({"ending": True}, "ending", "the provider is ending it"),
    ],
)
async def test_what_nobody_can_attribute_is_never_ended(
    livekit_server: LiveKitServer, facts: dict[str, Any], verdict: str, reason: str
) -> None:
    async with scene(livekit_server, grace=0) as the:
        the.add("sess_1", **facts)
        found = (await the.found())["sess_1"]
        assert found[0] == verdict
        assert reason in found[1]
        assert "pw" not in found[1]


async def test_a_room_that_cannot_be_looked_at_is_not_an_empty_one(
    livekit_server: LiveKitServer,
) -> None:
    async with scene(livekit_server, grace=0) as the:
        dead = ServerAccess(url="ws://127.0.0.1:1", api_key="k", api_secret="s" * 32)
        the.add("sess_1", livekit_url=dead.url)
        blind = Reaper(the.accounts, dead, grace=0)
        (found,) = await blind.find()
        assert found.verdict == "unchecked"
        assert "no LiveKit server answers" in found.reason


async def test_one_end_that_fails_does_not_stop_the_others(
    livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "END_SECONDS", 0.1)
    async with scene(livekit_server, grace=0) as the:
        for number in range(12):
            the.add(f"sess_{number}")
        the.acme.end_failures = [ProviderUnavailableError("it is down")]
        reaped = await the.reaper.end(await the.reaper.find())
        assert [str(each.error) for each in reaped if each.error] == ["acme: it is down"]
        assert len(the.acme.live) == 1
        assert not the.reaper.ending


async def test_a_list_that_fails_ends_nothing(livekit_server: LiveKitServer) -> None:
    async with scene(livekit_server, grace=0) as the:
        the.add("sess_1")
        the.acme.list_failure = RuntimeError("a defect")
        with pytest.raises(ProviderError, match="failed with RuntimeError"):
            await the.reaper.find()
        assert list(the.acme.live) == ["sess_1"]
