from __future__ import annotations

import re
import ssl
import subprocess
import sys

import pytest
from livekit.agents import APIConnectionError

from avatar_core.livekit_server import LiveKitServer
from benchmarks.__main__ import run
from benchmarks.protoface_cycles import COUNTED, WEIGHED, grown
from benchmarks.protoface_parts import QUICK, picture
from benchmarks.protoface_plugins import PLUGINS, Plugin, emulated
from benchmarks.protoface_process import ROUND_TRIP
from benchmarks.protoface_times import Starts, measure_starts
from tests.house.tree import ROOT


async def test_a_part_prints_a_row_that_compares_both_plugins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await run(["protoface-start"], quick=True)
    row = capsys.readouterr().out.splitlines()[-1]
    number = r"[\d.]+ \([\d.]+-[\d.]+\)"
    assert re.fullmatch(
        rf"\| start\(\) at Protoface, loopback, ms \| {number}; [\d.]+ of the other's \| "
        rf"livekit-plugins-protoface {number} \| 1\.1 of the other's: (met|missed) \|",
        row,
    )


async def test_far_away_a_start_costs_three_round_trips_and_one_once_prewarmed(
    livekit_server: LiveKitServer,
) -> None:
    ours, peer = Starts(plugin="ours"), Starts(plugin="livekit's")
    warm = Starts(plugin="ours", prewarmed=True)
    async with emulated() as emulator:
        with emulator.trusted():
            await measure_starts(
                livekit_server, (ours, peer, warm), rounds=2, url=emulator.far, key=emulator.key
            )
    for cold in (ours, peer):
        assert len(cold.seconds) == 2
        assert min(cold.seconds) >= 3 * ROUND_TRIP
    assert len(warm.seconds) == 2
    assert ROUND_TRIP <= min(warm.seconds) < 3 * ROUND_TRIP


async def start_unvouched(server: LiveKitServer, plugin: Plugin) -> None:
    async with emulated() as emulator:
        ways = [Starts(plugin=plugin)]
        await measure_starts(server, ways, rounds=1, url=emulator.far, key=emulator.key)


async def test_livekits_plugin_refuses_a_certificate_that_nobody_vouches_for(
    livekit_server: LiveKitServer,
) -> None:
    with pytest.raises(APIConnectionError) as caught:
        await start_unvouched(livekit_server, "livekit's")
    cause: BaseException = caught.value
    while cause.__cause__ is not None:
        cause = cause.__cause__
    assert isinstance(cause, ssl.SSLCertVerificationError)


async def test_ours_does_too_and_a_call_without_an_avatar_is_no_start_to_measure(
    livekit_server: LiveKitServer, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RuntimeError, match="not started"):
        await start_unvouched(livekit_server, "ours")
    assert "certificate was not accepted" in caplog.text


async def test_a_viewer_sees_the_avatar_of_either_plugin(livekit_server: LiveKitServer) -> None:
    (row,) = await picture(livekit_server, pairs=1)
    assert row[0] == "start() at Protoface to the first picture, ms"


async def test_closed_avatars_leave_nothing_and_what_is_left_would_be_seen(
    livekit_server: LiveKitServer,
) -> None:
    async with emulated() as emulator:
        ours, peer = [
            await grown(livekit_server, emulator, plugin=plugin, count=20, joining_every=10)
            for plugin in PLUGINS
        ]
    assert set(ours) == {*COUNTED, *WEIGHED}
    assert min(ours[name].first for name in ("tasks", "descriptors", "threads", "rss")) > 0
    assert [name for name in ("tasks", "handlers", "listeners") if ours[name].more > 0] == []
    assert peer["tasks"].more > 0
    assert peer["listeners"].more > 0


def test_a_part_without_a_quick_form_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks", "--quick", "many", *QUICK],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "there is no quick form of many" in done.stderr
