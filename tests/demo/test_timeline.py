"""What is told of a call: levels heard, the table, JSON, the progress lines."""

from __future__ import annotations

import io
import json
import os
import pty
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from avatar_core.demo.hearing import Hearing
from avatar_core.demo.native_notices import without_codec_remarks
from avatar_core.demo.progress import Progress
from avatar_core.demo.recorder import Recording
from avatar_core.demo.timeline import Segment, Timeline
from avatar_core.demo.timeline_table import print_timeline
from avatar_core.demo.viewer import Sound


def heard(*loud: tuple[float, float], until: float) -> Hearing:
    """Hear a call that is loud in the given periods, in stretches of 10 ms."""
    hearing = Hearing()
    for i in range(round(until * 100)):
        at = i / 100
        level = 3000 if any(start <= at < end for start, end in loud) else 0
        hearing.sound(Sound(samples=np.full(480, level, np.int16), at=at))
    return hearing


def test_what_was_heard_of_a_period_is_found() -> None:
    hearing = heard((1.0, 2.0), (3.0, 3.5), until=5.0)
    assert hearing.first(since=0.5, until=5.0) == pytest.approx(1.0)
    assert hearing.last(since=0.5, until=2.5) == pytest.approx(2.0)
    assert hearing.first(since=2.2, until=5.0) == pytest.approx(3.0)
    assert hearing.first(since=3.6, until=5.0) is None
    assert hearing.last(since=2.1, until=2.9) is None
    assert hearing.silence(since=1.0, until=3.5) == pytest.approx(1.0, abs=0.02)
    assert hearing.silence(since=0.0, until=5.0) == pytest.approx(3.5, abs=0.02)


def test_gaps_between_words_are_no_silence() -> None:
    hearing = heard((0.0, 0.5), (0.7, 1.0), until=1.0)
    assert hearing.silence(since=0.0, until=1.0) == 0


def a_call() -> Timeline:
    """A call with every kind of segment."""
    return Timeline(
        provider="mock",
        room="room",
        avatar_identity="mock-avatar-agent",
        session_id="m-1",
        started_at=0.2,
        joined_at=0.31,
        first_frame_at=0.5,
        first_sound_at=1.25,
        ended_at=12.5,
        silence=3.0,
        segments=[
            Segment(
                number=1,
                label="played [bold]text[/bold]",
                source="say",
                seconds=2.0,
                said_at=1.0,
                heard_at=1.25,
                heard_until=3.2,
                position=2.0,
            ),
            Segment(
                number=2,
                label="cut.wav",
                source="audio",
                seconds=9.0,
                said_at=4.0,
                heard_at=4.2,
                heard_until=6.1,
                position=1.8,
                interrupted=True,
                interrupted_at=6.0,
            ),
            Segment(number=3, label="lost", source="say", seconds=1.0, overdue=True),
            Segment(
                number=4,
                label="with a hole",
                source="say",
                seconds=1.0,
                heard_at=8.0,
                heard_until=10.0,
                silence=0.9,
                own_silence=0.3,
                interrupted_at=9.0,
            ),
        ],
        recording=Recording(
            path=Path("demo.mp4"),
            started_at=0.0,
            seconds=10.0,
            width=512,
            height=512,
            pictures=249,
            dropped=1,
        ),
        contact_sheet="demo.png",
    )


def test_the_table_tells_what_happened_to_each_segment() -> None:
    out = io.StringIO()
    print_timeline(a_call(), Console(file=out, width=200))
    text = out.getvalue()
    lines = text.splitlines()
    assert "512x512, 25.0 fps received, 1 not recorded" in text
    assert "played [bold]text[/bold]" in text
    assert "interrupted, silent after 100 ms" in next(line for line in lines if "cut.wav" in line)
    lost = next(line for line in lines if "lost" in line)
    assert "no report of its end" in lost and "not heard" in lost
    hole = next(line for line in lines if "with a hole" in line)
    assert "0.60 s of silence in it" in hole and "in spite of the interruption" in hole
    assert "demo.mp4" in text and "demo.png" in text


def test_json_holds_the_same_and_plain_values_only() -> None:
    told = json.loads(json.dumps(a_call().to_json()))
    assert told["joined_at"] == 0.31
    assert [s["interrupted"] for s in told["segments"]] == [False, True, False, False]
    assert told["segments"][1]["stopped_after"] == 0.1
    assert told["recording"]["frames_per_second"] == 25.0
    assert told["recording"]["contact_sheet"] == "demo.png"


def test_a_missing_avatar_is_missed_only_where_one_was_wanted_and_had_its_time() -> None:
    assert Timeline(provider="mock", room="r").avatar_missing
    assert not Timeline(provider="off", room="r").avatar_missing
    assert not Timeline(provider="mock", room="r", joined_at=1.0).avatar_missing
    assert not Timeline(provider="mock", room="r", stopped_by="interrupt").avatar_missing


def test_in_a_pipe_progress_is_plain_lines() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out))
    with progress.running():
        progress.status("starting")
        progress.meter("speaking", at=1.0, level=3000)
        progress.line("joined [red]x", at=1.234)
        progress.line("building")
    assert out.getvalue() == "   1.23 s  joined [red]x\nbuilding\n"


def test_on_a_terminal_a_line_moves_and_is_gone_afterwards() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, force_terminal=True, width=80, color_system=None))
    with progress.running():
        progress.meter("speaking", at=1.0, level=3000)
        progress.line("joined", at=1.2)
    text = out.getvalue()
    assert "▮" in text and "speaking" in text
    assert "1.20 s  joined" in text
    assert text.rstrip().endswith("\x1b[2K")  # the last thing done to the line is to erase it


def test_a_codecs_remarks_are_dropped_and_all_else_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    master, terminal = pty.openpty()
    saved = os.dup(2)
    os.dup2(terminal, 2)
    try:
        with without_codec_remarks() as stream:
            assert stream.isatty()
            os.write(2, b"a native warning\n")
            os.write(2, b"[OpenH264] this = 0x1, Warning: rate\n")
            os.write(2, b"half a line[OpenH264] Warning\n")
        os.write(2, b"afterwards\n")
    finally:
        os.dup2(saved, 2)
        for descriptor in (saved, terminal):
            os.close(descriptor)
    written = b""
    while not written.endswith(b"afterwards\r\n"):  # a terminal gives it in pieces
        written += os.read(master, 4096)
    os.close(master)
    assert written == b"a native warning\r\nhalf a lineafterwards\r\n"
