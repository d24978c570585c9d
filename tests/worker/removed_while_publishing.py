"""A worker that is taken out of its room before its tracks are published, for a process of its own.

``python -m tests.worker.removed_while_publishing 0 4 16``: a call for each number of turns of the
event loop that it is given to publish; says each that ended as it should.
"""

from __future__ import annotations

import asyncio
import sys

from livekit import api

from avatar_core.livekit_server import LiveKitServer
from avatar_core.worker import CloseReason
from tests.worker.conftest import Call
from tests.worker.test_closed_while_publishing import begun_to_publish, ended_rightly


async def removed(server: LiveKitServer, *, turns: int) -> None:
    call = Call(server)
    worker = call.worker()
    try:
        start = await begun_to_publish(call, worker, turns=turns)
        avatar = api.RoomParticipantIdentity(room=call.room_name, identity="avatar")
        await call.server_api("remove_participant", avatar)
        await ended_rightly(worker, start, CloseReason.REMOVED)
    finally:
        await worker.aclose()


async def main() -> None:
    async with await LiveKitServer.start_async() as server:
        for turns in map(int, sys.argv[1:]):
            await removed(server, turns=turns)
            sys.stdout.write(f"{turns}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
