"""What is left in a process after many avatars were started and closed in it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import room_token
from benchmarks.cycle_process import Cycles
from benchmarks.json_process import JsonProcess
from benchmarks.protoface_plugins import Emulator, Plugin

COUNTED = ("tasks", "descriptors", "threads", "handlers", "listeners")
WEIGHED = ("rss", "pss")


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Medians of the first and of the last cycles.

    Args:
        first: Of the first tenth.
        last: Of the last tenth.
    """

    first: float
    last: float

    @property
    def more(self) -> float:
        """How much more there was at the end."""
        return self.last - self.first


async def grown(
    server: LiveKitServer, emulator: Emulator, *, plugin: Plugin, count: int, joining_every: int
) -> Mapping[str, Growth]:
    """Run the cycles of one plugin in a process of its own; returns the growth of each thing.

    Args:
        server: LiveKit's.
        emulator: Protoface's.
        plugin: Whose avatars.
        count: How many cycles; their first and last tenth are compared.
        joining_every: One of so many avatars joins the room and says something.
    """
    cycles = Cycles(
        plugin=plugin,
        count=count,
        joining_every=joining_every,
        weighed_every=max(1, count // 100),
        quiet=emulator.quiet,
        rooms=emulator.rooms,
        key=emulator.key,
        credentials={
            "livekit_url": server.url,
            "livekit_api_key": server.api_key,
            "livekit_api_secret": server.api_secret,
        },
        token=room_token(server, "agent", f"cycles-{plugin}", kind="agent"),
    )
    process = await JsonProcess().start("cycle_process")
    try:
        await process.tell(cycles.as_line())
        for number in range(1, count + 1):
            await process.until(lambda line: True, start=number - 1, timeout=120)
    finally:
        await process.stop()
    tenth = max(1, count // 10)
    return {name: _growth(process, name, tenth) for name in COUNTED + WEIGHED}


def _growth(process: JsonProcess, name: str, tenth: int) -> Growth:
    def median(first: int, last: int) -> float:
        lines = process.lines[first:last]
        return float(statistics.median(line[name] for line in lines if name in line))

    count = len(process.lines)
    return Growth(first=median(0, tenth), last=median(count - tenth, count))
