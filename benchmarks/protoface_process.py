"""The emulated Protoface in a process of its own, so that its cost is nobody else's.

    python -m benchmarks.protoface_process

Prints one line with its addresses. At ``quiet`` and ``far`` no avatar joins a room, so that what a
client does is measured alone; ``far`` is ``quiet`` behind TLS and a long way. At ``rooms`` avatars
join, at once: Protoface takes more than a second to find a worker, the same for every client.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from typing import Literal
from urllib.parse import urlsplit

import trustme

from avatar_provider_protoface.emulator.emulator import open_emulator
from avatar_provider_protoface.emulator.settings import EmulatorSettings
from benchmarks.far_line import HOST, far_away

ROUND_TRIP = 0.05


def settings(worker: Literal["room", "none"]) -> EmulatorSettings:
    return EmulatorSettings(
        worker=worker,
        credits=10_000_000,
        starts_per_minute=None,
        claim_seconds=0.0,
        first_frame_seconds=0.0,
        drain_seconds=0.0,
    )


async def main() -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST).configure_cert(tls)
    async with (
        open_emulator(settings("none")) as quiet,
        open_emulator(settings("room")) as rooms,
        far_away(urlsplit(quiet.url).port or 0, tls=tls, round_trip=ROUND_TRIP) as far,
    ):
        line = {
            "quiet": quiet.url,
            "rooms": rooms.url,
            "far": f"https://{HOST}:{far}",
            "key": quiet.api_key,
            "authority": authority.cert_pem.bytes().decode(),
        }
        print(json.dumps(line), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
