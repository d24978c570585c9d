"""Agents whose process was killed: `avatar sessions` finds their sessions and ends them."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from avatar_core.livekit_server import LiveKitServer
from avatar_provider_protoface import tags
from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator, open_emulator
from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.settings import EmulatorSettings

from .agent_process import agent_process, variables
from .calling_stage import eventually
from .child_commands import ChildCommand, avatar_command
from .emulated import session_body


@pytest.fixture(autouse=True)
def _seen_from_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_JOURNAL", "off")


def room_name() -> str:
    return f"room-{uuid.uuid4().hex[:8]}"


@asynccontextmanager
async def account(**settings: Any) -> AsyncIterator[ProtofaceEmulator]:
    chosen: dict[str, Any] = {
        "starts_per_minute": None, "claim_seconds": 0.0, "drain_seconds": 0.0, "size": 64,
        "fps": 10.0,
    }  # fmt: skip
    async with open_emulator(EmulatorSettings(**{**chosen, **settings})) as emulator:
        yield emulator


def avatar_sessions(
    server: LiveKitServer, emulator: ProtofaceEmulator, *arguments: str
) -> AbstractAsyncContextManager[ChildCommand]:
    """Run ``avatar sessions``; it is gone afterwards."""
    given = {**variables(server, emulator), "COLUMNS": "160"}
    return avatar_command("sessions", *arguments, variables=given)


async def told(
    server: LiveKitServer, emulator: ProtofaceEmulator, *arguments: str
) -> tuple[int | None, str, str]:
    async with avatar_sessions(server, emulator, *arguments) as command:
        return await command.finished()


async def test_a_session_whose_agent_was_killed_during_its_start_is_found_and_ended(
    livekit_server: LiveKitServer,
) -> None:
    async with account() as emulator:
        # The session is made, and the agent dies before it learns of it.
        emulator.faults.add(Fault(on="create", when="after", delay=8, answer="true"))
        async with agent_process(livekit_server, emulator, room=room_name()) as agent:
            await eventually(lambda: emulator.sessions != [], timeout=60)
            await agent.kill()
            (session,) = emulator.unended
            assert session.status in ("queued", "starting", "running")
            code, out, err = await told(livekit_server, emulator, "reap", "--yes", "--grace", "0")
            assert (code, err) == (0, "")
            assert f"ended {session.id}: agent {agent.identity} is not in room {agent.room}" in out
            await eventually(lambda: emulator.unended == [])
            assert len(emulator.sessions) == 1


async def test_a_watch_ends_the_session_of_a_killed_agent_and_leaves_the_live_one(
    livekit_server: LiveKitServer,
) -> None:
    async with (
        account() as emulator,
        agent_process(livekit_server, emulator, room=room_name()) as killed,
        agent_process(livekit_server, emulator, room=room_name()) as live,
        avatar_sessions(
            livekit_server, emulator, "reap", "--yes", "--grace", "0", "--watch", "1"
        ) as watch,
    ):
        await asyncio.gather(killed.until_live(), live.until_live())
        by_room = {session.transport["room_name"]: session for session in emulator.sessions}
        await killed.kill()
        await watch.line(f"ended {by_room[killed.room].id}: ")
        await eventually(lambda: emulator.unended == [by_room[live.room]])
        assert by_room[live.room].status == "running"
        assert live.identity in await live.members()
        await killed.until_empty()

        watch.interrupt()
        code, _, err = await watch.finished()
        assert (code, err) == (0, "stopped\n")

        code, out, _ = await told(livekit_server, emulator, "--json")
        (listed,) = json.loads(out)
        assert code == 0
        assert (listed["id"], listed["room"], listed["agent_identity"]) == (
            by_room[live.room].id, live.room, live.identity,
        )  # fmt: skip
        assert (listed["livekit_url"], listed["version"]) == (livekit_server.url, tags.version())
        assert listed["avatar_identity"] == f"face-of-{live.room}"


async def test_a_session_that_somebody_else_started_is_listed_and_never_ended(
    livekit_server: LiveKitServer,
) -> None:
    async with account(worker="none") as emulator:
        made = await create(emulator, url=livekit_server.url)
        code, out, err = await told(livekit_server, emulator, "reap", "--yes", "--grace", "0")
        assert (code, err) == (0, "no orphaned session at protoface\n")
        assert "unattributed: it does not say whose agent it speaks for" in out
        assert [session.id for session in emulator.unended] == [made]


async def test_a_session_is_ended_by_its_id_and_a_mistyped_id_is_an_error(
    livekit_server: LiveKitServer,
) -> None:
    async with account(worker="none") as emulator:
        made = await create(emulator, url="wss://elsewhere.example")
        for _ in range(2):  # what has ended is ended
            assert await told(livekit_server, emulator, "end", made) == (0, f"ended {made}\n", "")
        assert emulator.unended == []
        code, out, err = await told(livekit_server, emulator, "end", "sess_l")
        assert (code, out) == (1, "")
        assert "Protoface knows no session sess_l of this API key's account" in err
        assert "(status 404, code session.not_found, request id req_" in err


async def test_whoever_waits_for_an_end_is_told_once_that_it_is_tried_again(
    livekit_server: LiveKitServer,
) -> None:
    async with account(worker="none") as emulator:
        made = await create(emulator, url="wss://elsewhere.example")
        emulator.faults.add(Fault(on="end", status=500, times=3))
        code, out, err = await told(livekit_server, emulator, "end", made)
        assert (code, out) == (0, f"ended {made}\n")
        assert err == "a call to an avatar provider's API failed; trying again\n"


@pytest.mark.parametrize(
    ("value", "read"),
    [("agent-7", "agent-7"), ("a" * 288, "a" * 288), ("a" * 300, None), ("", None), (7, None)],
)
def test_a_tag_that_may_have_been_cut_names_nobody(value: object, read: str | None) -> None:
    assert tags.read({tags.AGENT: value}).agent == read


@pytest.mark.parametrize("sign", ["a", "\u00e9", "\u623f", "\U0001f600"])
def test_tags_keep_to_their_room_in_the_body_and_a_cut_one_names_nobody(sign: str) -> None:
    long = sign * 1000
    written = tags.Tags(start=long, room=long, agent=long, job=long).metadata()
    assert len(json.dumps(written)) <= tags.TAGS_BYTES
    assert tags.read(written).agent is None
    assert tags.read(written).job is None


async def create(emulator: ProtofaceEmulator, *, url: str) -> str:
    """Create a session as somebody would who knows nothing of avatar-core."""
    body = session_body()
    body["transport"]["url"] = url
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{emulator.url}/v1/sessions", json=body) as answer,
    ):
        made: str = (await answer.json())["id"]
        return made
