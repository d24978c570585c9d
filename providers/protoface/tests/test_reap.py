"""Agents whose process was killed: `avatar sessions` finds their sessions and ends them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from .emulated import session_body

AVATAR = "import sys; from avatar_core.cli.app import main; main()"


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


@asynccontextmanager
async def avatar_sessions(
    server: LiveKitServer, emulator: ProtofaceEmulator, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run ``avatar sessions``; it is gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AVATAR, "sessions", *arguments,
        env={**os.environ, **variables(server, emulator), "COLUMNS": "160"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def told(
    server: LiveKitServer, emulator: ProtofaceEmulator, *arguments: str
) -> tuple[int | None, str, str]:
    async with avatar_sessions(server, emulator, *arguments) as process:
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, out.decode(), err.decode()


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
        assert watch.stdout is not None
        await asyncio.gather(killed.until_live(), live.until_live())
        by_room = {session.transport["room_name"]: session for session in emulator.sessions}
        await killed.kill()
        words = f"ended {by_room[killed.room].id}: "
        await asyncio.wait_for(until_told(watch.stdout, words), 60)
        await eventually(lambda: emulator.unended == [by_room[live.room]])
        assert by_room[live.room].status == "running"
        assert live.identity in await live.members()
        await killed.until_empty()

        watch.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(watch.communicate(), 20)
        assert (watch.returncode, err.decode()) == (0, "stopped\n")

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


@pytest.mark.parametrize(
    ("value", "read"),
    [("agent-7", "agent-7"), ("a" * 299, "a" * 299), ("a" * 300, None), ("", None), (7, None)],
)
def test_a_tag_that_may_have_been_cut_names_nobody(value: object, read: str | None) -> None:
    assert tags.read({tags.AGENT: value}).agent == read


async def until_told(stdout: asyncio.StreamReader, words: str) -> None:
    """Read up to a line that begins with some words."""
    async for line in stdout:
        if line.decode().startswith(words):
            return
    raise AssertionError(f"it never said: {words}")


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
