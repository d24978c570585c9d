"""The mock's worker as a process: ``python -m avatar_provider_mock.worker_process``.

Reads one JSON line with options, url, token and agent identity, joins, writes ``joined``, then
takes lines such as ``{"agent_state": "listening"}``. Leaves when its input ends, and the kernel
continues it for that if it is stopped when the agent dies.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from avatar_provider_mock.inline_avatar import make_worker
from avatar_provider_mock.options import MockOptions
from avatar_provider_mock.parent_death import continue_when_parent_dies


async def run() -> None:
    """Live until the input ends or the worker has left by itself."""
    reader = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    first = json.loads(await reader.readline())
    worker = make_worker(
        options=MockOptions.model_validate(first["options"]),
        agent_identity=first["agent_identity"],
    )
    await worker.start(first["url"], first["token"])
    sys.stdout.write("joined\n")
    sys.stdout.flush()

    async def listen() -> None:
        while line := await reader.readline():
            told = json.loads(line)
            if "agent_state" in told:
                worker.set_agent_state(told["agent_state"])
            if told.get("act") == "go_deaf":
                worker.go_deaf()

    listening = asyncio.create_task(listen())
    closed = asyncio.create_task(worker.wait_closed())
    try:
        await asyncio.wait([listening, closed], return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
        await worker.aclose()
        await closed


if __name__ == "__main__":
    continue_when_parent_dies()
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(run())
