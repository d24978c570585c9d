from __future__ import annotations

import asyncio

import pytest
from livekit import rtc

from avatar_core.audio.stream_writer import StreamWriter
from avatar_core.livekit_server import LiveKitServer
from avatar_core.testing.call_stage import open_call_stage
from tests.audio.hand_output import speech


async def test_a_stream_whose_end_is_never_taken_holds_nobody_up(
    livekit_server: LiveKitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(stream: rtc.ByteStreamWriter, **_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("avatar_core.audio.stream_writer.CLOSE_TIMEOUT", 0.1, raising=False)
    sent = asyncio.Event()
    async with open_call_stage(livekit_server) as stage:
        writer = StreamWriter(
            room=stage.room,
            identity="viewer",
            on_sent=sent.set,
            on_refused=lambda: None,
            on_failure=lambda _: None,
        )
        frame = speech(seconds=0.1)
        writer.open(frame)
        writer.write(frame)
        await asyncio.wait_for(sent.wait(), 5)
        with monkeypatch.context() as patch:
            patch.setattr(rtc.ByteStreamWriter, "aclose", never)
            await asyncio.wait_for(writer.aclose(), 2)
