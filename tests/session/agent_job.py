"""A real AgentServer whose jobs run in threads of this process."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from livekit import api
from livekit.agents import AgentServer, JobContext, JobExecutorType

from avatar_core.livekit_server import LiveKitServer
from tests.session.scripted_provider import eventually

Entrypoint = Callable[[JobContext], Awaitable[None]]


@asynccontextmanager
async def agent_server(
    server: LiveKitServer, entrypoint: Entrypoint, *, agent_name: str = "", registered: bool = True
) -> AsyncIterator[AgentServer]:
    """Run an AgentServer until the block is left.

    Args:
        server: The LiveKit server it registers at.
        entrypoint: What a job does, on a loop and in a thread of its own.
        agent_name: Name for explicit dispatch.
        registered: Register at the server; console mode does not.
    """
    agents = AgentServer(
        job_executor_type=JobExecutorType.THREAD,
        ws_url=server.url,
        api_key=server.api_key,
        api_secret=server.api_secret,
        host="127.0.0.1",
        num_idle_processes=0,
        # The measured load of a busy test machine would make the server send no jobs.
        load_fnc=lambda: 0.0,
        drain_timeout=1,
    )
    loops: list[asyncio.AbstractEventLoop] = []

    async def recorded(ctx: JobContext) -> None:
        loops.append(asyncio.get_running_loop())
        await entrypoint(ctx)

    agents.rtc_session(recorded, agent_name=agent_name)
    ready = asyncio.Event()
    agents.on("worker_registered" if registered else "worker_started", lambda *_: ready.set())
    running = asyncio.create_task(agents.run(devmode=True, unregistered=not registered))
    try:
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([waiting, running], timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert waiting.done(), "the AgentServer did not come up"
        yield agents
    finally:
        await agents.aclose()
        await asyncio.wait_for(running, 30)
        for loop in loops:
            # LiveKit leaves the loops of its job threads open (livekit-agents 1.8.9).
            await eventually(lambda loop=loop: not loop.is_running())  # type: ignore[misc]
            loop.close()


async def dispatch(server: LiveKitServer, *, agent_name: str, room: str) -> None:
    """Ask the LiveKit server for an agent in a room."""
    async with server.api() as client:
        await client.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(agent_name=agent_name, room=room)
        )


def fresh_agent_name() -> str:
    """Give a name that no other test's AgentServer answers to."""
    return f"agent-{uuid.uuid4().hex[:8]}"
