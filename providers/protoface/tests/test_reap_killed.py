"""Agents killed with SIGKILL: this host's journal knows what they left, and it is ended at once."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from avatar_core.livekit_server import LiveKitServer
from avatar_core.session.journal_entry import journal_folder, stored_entries
from avatar_provider_protoface.emulator.emulator import ProtofaceEmulator, open_emulator
from avatar_provider_protoface.emulator.faults import Fault
from avatar_provider_protoface.emulator.records import SessionRecord
from avatar_provider_protoface.emulator.settings import EmulatorSettings

from .agent_process import AgentProcess, agent_process, variables
from .calling_stage import eventually
from .child_commands import avatar_says

REAP = ("sessions", "reap", "--provider", "protoface", "--yes")


@asynccontextmanager
async def account() -> AsyncIterator[ProtofaceEmulator]:
    settings = EmulatorSettings(
        starts_per_minute=None, claim_seconds=0.0, drain_seconds=0.0, size=64, fps=10.0
    )
    async with open_emulator(settings) as emulator:
        yield emulator


def room_name() -> str:
    return f"room-{uuid.uuid4().hex[:8]}"


def session_of(emulator: ProtofaceEmulator, agent: AgentProcess) -> SessionRecord:
    (found,) = [each for each in emulator.sessions if each.transport["room_name"] == agent.room]
    return found


def remembered() -> dict[str | None, str | None]:
    """Sessions in this host's journal, by room."""
    folder = journal_folder()
    assert folder is not None
    return {
        each.entry.room: each.entry.session_id
        for each in stored_entries(folder)
        if each.entry is not None
    }


async def test_the_session_of_an_agent_killed_in_its_call_is_ended_at_once_and_no_other(
    livekit_server: LiveKitServer,
) -> None:
    async with (
        account() as emulator,
        agent_process(livekit_server, emulator, room=room_name()) as killed,
        agent_process(livekit_server, emulator, room=room_name()) as live,
    ):
        await asyncio.gather(killed.until_live(), live.until_live())
        left, used = session_of(emulator, killed), session_of(emulator, live)
        assert remembered() == {killed.room: left.id, live.room: used.id}

        await killed.die()
        assert killed.identity in await killed.members(), "the server has not noticed yet"
        given = variables(livekit_server, emulator)
        code, out, err = await avatar_says(*REAP, variables={**given, "COLUMNS": "160"})
        assert (code, err) == (0, "")
        assert f"ended {left.id}: its agent's process " in out
        assert f"ended {used.id}" not in out
        await eventually(lambda: emulator.unended == [used])
        assert remembered() == {live.room: used.id}
        assert used.status == "running"
        assert live.identity in await live.members()


async def test_the_session_of_an_agent_killed_before_its_answer_came_is_ended_at_once(
    livekit_server: LiveKitServer,
) -> None:
    async with (
        account() as emulator,
        agent_process(livekit_server, emulator, room=room_name()) as live,
    ):
        await live.until_live()
        used = session_of(emulator, live)
        emulator.faults.add(Fault(on="create", when="after", delay=30, answer="true"))
        async with agent_process(livekit_server, emulator, room=room_name()) as killed:
            await eventually(lambda: len(emulator.sessions) == 2, timeout=60)
            await killed.die()
            left = session_of(emulator, killed)
            assert remembered() == {killed.room: None, live.room: used.id}

            given = variables(livekit_server, emulator)
            code, out, err = await avatar_says(*REAP, "--json", variables=given)
            assert (code, err) == (0, "")
            rows = {each["id"]: each for each in json.loads(out)}
            assert (rows[left.id]["source"], rows[left.id]["ended"]) == ("journal", True)
            assert not rows[used.id]["ended"]
            await eventually(lambda: emulator.unended == [used])
            assert remembered() == {live.room: used.id}


async def test_nothing_but_the_journal_is_needed_on_the_agents_own_host(
    livekit_server: LiveKitServer,
) -> None:
    async with (
        account() as emulator,
        agent_process(livekit_server, emulator, room=room_name()) as killed,
    ):
        await killed.until_live()
        left = session_of(emulator, killed)
        await killed.die()
        # No LiveKit server, no key to it.
        code, out, err = await avatar_says(*REAP, "--local", variables=emulator.environment)
        assert (code, err) == (0, "")
        assert f"ended {left.id}" in out
        assert emulator.unended == []
        assert remembered() == {}
        code, out, err = await avatar_says(*REAP, "--local", variables=emulator.environment)
        assert (code, out, err) == (0, "", "no orphaned session at protoface\n")
