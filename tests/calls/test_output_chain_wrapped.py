from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from livekit.agents.voice.recorder_io import RecorderIO

from avatar_core.testing.call_stage import CallStage
from avatar_core.testing.playback_log import PlaybackLog
from avatar_core.testing.speech_sound import assert_whole, read_sweep, sweep
from tests.calls.avatar_in_call import Order, avatar_in
from tests.calls.recorded_call import agent_channel

AVATAR = "mock-avatar-agent"


@pytest.mark.parametrize("order", ["avatar first", "session first"])
async def test_livekits_recorder_has_the_speech_where_it_was_heard(
    stage: CallStage, order: Order, tmp_path: Path
) -> None:
    async with avatar_in(stage, order=order):
        session = stage.agent_session
        recorder = RecorderIO(agent_session=session)
        assert session.input.audio is not None
        assert session.output.audio is not None
        session.input.audio = recorder.record_input(session.input.audio)
        session.output.audio = recorder.record_output(session.output.audio)
        await recorder.start(output_path=tmp_path / "call.ogg")
        log = PlaybackLog(session.output.audio)
        handle = session.say("recorded", audio=sweep(seconds=2))
        await stage.viewer.until_heard(AVATAR, seconds=0.8)
        session.output.audio.pause()
        await stage.viewer.until_silent(AVATAR, seconds=0.5)
        session.output.audio.resume()
        await asyncio.wait_for(handle.wait_for_playout(), 10)
        await stage.viewer.until_silent(AVATAR)
        await recorder.aclose()
        assert recorder.recording_started_at is not None
        recorded = agent_channel(tmp_path / "call.ogg")
        assert_whole(read_sweep(recorded), seconds=2, repeated=0.05)
        loud = np.flatnonzero(np.abs(recorded.astype(np.int32)) > 2000) / 24000
        starts = log.started[0].created_at - recorder.recording_started_at
        assert loud[0] == pytest.approx(starts, abs=0.1)
        resumed = log.progressed[1].started_at - recorder.recording_started_at
        breaks = np.flatnonzero(np.diff(loud) > 0.3)
        assert len(breaks) == 1, "one pause, one gap"
        assert loud[breaks[0] + 1] == pytest.approx(resumed, abs=0.1)
