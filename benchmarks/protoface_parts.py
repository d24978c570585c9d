"""Our plugin for Protoface beside LiveKit's own, on one emulator and one LiveKit server."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable
from functools import partial

from avatar_core.livekit_server import LiveKitServer
from benchmarks.protoface_cycles import COUNTED, Growth, grown
from benchmarks.protoface_plugins import PEER, PLUGINS, emulated
from benchmarks.protoface_times import Starts, measure_pictures, measure_starts

Row = tuple[str, str, str, str]

CYCLES = 1000
KIBIBYTES_A_CYCLE = 2.0
"""Growth of the memory that counts as none: what allocators of 1,000 cycles differ by."""

_NAMES = {
    "tasks": "asyncio tasks",
    "descriptors": "open files and sockets",
    "threads": "threads",
    "handlers": "RPC handlers",
    "listeners": "listeners",
}


def verdict(aim: str, met: bool) -> str:
    return f"{aim}: {'met' if met else 'missed'}"


def milliseconds(values: list[float]) -> str:
    ordered = [value * 1000 for value in sorted(values)]
    return f"{statistics.median(ordered):.1f} ({ordered[0]:.1f}-{ordered[-1]:.1f})"


def compared(what: str, ours: Starts, peer: Starts, *, aim: float, aside: str = "") -> Row:
    """Return a row with the ratio of both medians."""
    ratio = statistics.median(ours.seconds) / statistics.median(peer.seconds)
    return (
        what,
        f"{milliseconds(ours.seconds)}; {ratio:.2f} of the other's",
        f"{PEER} {milliseconds(peer.seconds)}{aside}",
        verdict(f"{aim:g} of the other's", ratio <= aim),
    )


async def near(server: LiveKitServer, *, pairs: int = 50) -> list[Row]:
    ours, peer = Starts(plugin="ours"), Starts(plugin="livekit's")
    async with emulated() as emulator:
        await measure_starts(
            server, (ours, peer), rounds=pairs, url=emulator.quiet, key=emulator.key
        )
    return [compared("start() at Protoface, loopback, ms", ours, peer, aim=1.1)]


async def far(server: LiveKitServer, *, pairs: int = 50) -> list[Row]:
    ours, peer = Starts(plugin="ours", prewarmed=True), Starts(plugin="livekit's")
    cold = Starts(plugin="ours")
    async with emulated() as emulator:
        with emulator.trusted():
            await measure_starts(
                server, (ours, peer, cold), rounds=pairs, url=emulator.far, key=emulator.key
            )
    aside = f"; ours not prewarmed {milliseconds(cold.seconds)}"
    what = "start() at Protoface, TLS and 50 ms away, prewarmed, ms"
    return [compared(what, ours, peer, aim=0.6, aside=aside)]


async def picture(server: LiveKitServer, *, pairs: int = 20) -> list[Row]:
    ours, peer = Starts(plugin="ours"), Starts(plugin="livekit's")
    async with emulated() as emulator:
        await measure_pictures(server, (ours, peer), rounds=pairs, emulator=emulator)
    return [compared("start() at Protoface to the first picture, ms", ours, peer, aim=1.0)]


async def cycles(
    server: LiveKitServer, *, count: int = CYCLES, joining_every: int = 50
) -> list[Row]:
    async with emulated() as emulator:
        ours, peer = [
            await grown(server, emulator, plugin=plugin, count=count, joining_every=joining_every)
            for plugin in PLUGINS
        ]
    rows = []
    for name in COUNTED:
        rows.append(
            (
                f"{_NAMES[name]}, first and last of {count:,} Protoface sessions",
                _counted(ours[name]),
                f"{PEER} {_counted(peer[name])}",
                verdict("no more", ours[name].more <= 0),
            )
        )
    for name in ("rss", "pss"):
        a_cycle = ours[name].more / 1024 / count
        rows.append(
            (
                f"memory ({name.upper()}), first and last of {count:,} Protoface sessions, MiB",
                f"{_weighed(ours[name])}; {a_cycle:.1f} KiB each",
                f"{PEER} {_weighed(peer[name])}; {peer[name].more / 1024 / count:.1f} KiB each",
                verdict(f"{KIBIBYTES_A_CYCLE:g} KiB each", a_cycle <= KIBIBYTES_A_CYCLE),
            )
        )
    return rows


def _counted(growth: Growth) -> str:
    return f"{growth.first:g}, {growth.last:g}"


def _weighed(growth: Growth) -> str:
    return f"{growth.first / 2**20:.1f}, {growth.last / 2**20:.1f}"


PARTS: dict[str, Callable[[LiveKitServer], Awaitable[list[Row]]]] = {
    "protoface-start": near,
    "protoface-far": far,
    "protoface-picture": picture,
    "protoface-cycles": cycles,
}

QUICK: dict[str, Callable[[LiveKitServer], Awaitable[list[Row]]]] = {
    "protoface-start": partial(near, pairs=2),
    "protoface-far": partial(far, pairs=2),
    "protoface-picture": partial(picture, pairs=1),
    "protoface-cycles": partial(cycles, count=20, joining_every=10),
}
"""The same with so few rounds that it shows only whether it works."""
