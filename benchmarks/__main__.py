"""Measures what docs/benchmarks.md says; ``make bench``, or ``python benchmarks NAME …``."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avatar_core.livekit_server import LiveKitServer
from benchmarks.avatar_cost import many_avatars, one_avatar
from benchmarks.call_times import first_frames, lip_sync, milliseconds, picture_rates, speech_times
from benchmarks.loss_times import losses
from benchmarks.protoface_parts import PARTS as PROTOFACE_PARTS
from benchmarks.protoface_parts import QUICK, Row
from benchmarks.switch_times import switches


async def speech(server: LiveKitServer) -> list[Row]:
    paths = await speech_times(server)
    plain, ours, peer = paths["plain voice"], paths["mock"], paths["AvatarRunner"]
    base = statistics.median(plain.heard)
    rows = []
    for what, attribute, target in (
        ("speech to heard, ms", "heard", "plain voice + 30"),
        ("interruption to silence, ms", "silent", "100"),
    ):
        values = [milliseconds(getattr(path, attribute)) for path in (ours, peer, plain)]
        rows.append((what, values[0], f"AvatarRunner {values[1]}; plain voice {values[2]}", target))
    above = (statistics.median(ours.heard) - base) * 1000
    above_peer = (statistics.median(peer.heard) - base) * 1000
    rows.append(
        (
            "speech to heard, above plain voice, ms",
            f"{above:.0f}",
            f"AvatarRunner {above_peer:.0f}",
            "30",
        )
    )
    return rows


async def start(server: LiveKitServer) -> list[Row]:
    times = await first_frames(server)
    peer = milliseconds(times["AvatarRunner"])
    return [
        (
            "first picture of 20 starts, ms",
            milliseconds(times["mock"]),
            f"AvatarRunner {peer}",
            "500",
        )
    ]


async def pictures(server: LiveKitServer) -> list[Row]:
    rates = await picture_rates(server)
    peer = f"AvatarRunner {rates['AvatarRunner']:.1f}"
    return [("pictures a second at a viewer", f"{rates['mock']:.1f}", peer, "25")]


async def sync(server: LiveKitServer) -> list[Row]:
    offsets = await lip_sync(server)
    peer = milliseconds(offsets["AvatarRunner, test picture"])
    return [
        ("picture after sound, mouth, ms", milliseconds(offsets["mock, its mouth"]), "", "±45"),
        (
            "picture after sound, test picture, ms",
            milliseconds(offsets["our worker, test picture"]),
            f"AvatarRunner {peer}",
            "±45",
        ),
    ]


async def cost(server: LiveKitServer) -> list[Row]:
    shares = await one_avatar(server)
    rows = []
    for act in ("idle", "speaking"):
        floor, ours, peer = (shares[kind][act] for kind in ("prepared", "mock", "runner"))
        rows.append(
            (
                f"CPU of one avatar, {act}, % of a core",
                f"{ours * 100:.1f} ({ours / floor:.2f} of the floor)",
                f"pre-drawn {floor * 100:.1f}; AvatarRunner {peer * 100:.1f}",
                "1.4 of the floor",
            )
        )
    return rows


async def many(server: LiveKitServer) -> list[Row]:
    floor, floor_memory = await many_avatars(server, "prepared")
    ours, memory = await many_avatars(server, "mock")
    return [
        (
            "avatars that one process sustains",
            f"{ours} ({ours / max(1, floor):.2f} of the floor)",
            f"pre-drawn {floor}",
            "0.75 of the floor",
        ),
        (
            "memory of a further avatar, MiB",
            f"{memory:.1f}",
            f"pre-drawn {floor_memory:.1f}",
            "15",
        ),
    ]


async def lost(server: LiveKitServer) -> list[Row]:
    rows = []
    for fault, missed in (await losses(server)).items():
        values = [
            milliseconds([getattr(each, name) for each in missed])
            for name in ("silence", "lost", "repeated")
        ]
        rows.append(
            (
                f"an avatar that is {fault} in mid-sentence: silence, ms",
                values[0],
                f"of the sentence not heard {values[1]}, heard twice {values[2]}",
                "1000; 300",
            )
        )
    return rows


async def switch(server: LiveKitServer) -> list[Row]:
    found = await switches(server)
    values = {
        name: milliseconds([getattr(each, name) for each in found])
        for name in ("silence", "together", "lost", "repeated")
    }
    return [
        (
            "a switch in mid-sentence: silence, ms",
            values["silence"],
            f"both heard {values['together']}; of the sentence not heard {values['lost']},"
            f" heard twice {values['repeated']}",
            "100",
        )
    ]


PARTS: dict[str, Callable[[LiveKitServer], Awaitable[list[Row]]]] = {
    "speech": speech,
    "start": start,
    "pictures": pictures,
    "sync": sync,
    "cost": cost,
    "many": many,
    "lost": lost,
    "switch": switch,
    **PROTOFACE_PARTS,
}


async def run(names: list[str], *, quick: bool = False) -> None:
    parts = QUICK if quick else PARTS
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPUs")
    print("| What | Ours | In the same run | Aim |\n|---|---|---|---|", flush=True)
    async with await LiveKitServer.start_async(
        progress=lambda line: print(line, file=sys.stderr)
    ) as server:
        for name in names:
            for row in await parts[name](server):
                print("| " + " | ".join(row) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*PARTS, []], help="parts; all by default")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="so few rounds that it shows only whether they work: " + ", ".join(QUICK),
    )
    given = parser.parse_args()
    names = given.names or list(QUICK if given.quick else PARTS)
    if given.quick and (slow := [name for name in names if name not in QUICK]):
        parser.error(f"there is no quick form of {', '.join(slow)}")
    asyncio.run(run(names, quick=given.quick))


if __name__ == "__main__":
    main()
